-- Suspense items: money that came and cannot be placed, and what ends them. An item's row is locked after the row of the
-- refund or payout that takes it out, and before that of what it is about.

CREATE FUNCTION suspense_open(p_item jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO suspense_item (
        id, merchant_id, origin, object_id, out_no, channel_account_id, amount_minor, currency, owner, reason, evidence,
        state, resolution, resolution_id)
    SELECT id, merchant_id, origin, object_id, out_no, channel_account_id, amount_minor, currency, owner, reason,
        evidence, CASE WHEN resolution IS NULL THEN 'open' ELSE 'ending' END, resolution, resolution_id
    FROM jsonb_populate_record(NULL::suspense_item, p_item)
    ON CONFLICT DO NOTHING
$$;

-- The item is being ended by that object; null when it is not open, or not this merchant's.
CREATE FUNCTION suspense_take(p_item_id text, p_merchant_id text, p_resolution text, p_object_id text) RETURNS jsonb
LANGUAGE sql AS $$
    UPDATE suspense_item AS i SET
        state = 'ending', resolution = p_resolution, resolution_id = p_object_id, version = version + 1
    WHERE id = p_item_id AND merchant_id = p_merchant_id AND state = 'open'
    RETURNING to_jsonb(i)
$$;

-- The money of the item has left suspense: nobody needs to look any more at the refund that it is about, and a wrong
-- receipt has become what was made of it.
CREATE FUNCTION suspense_end(p_item_id text, p_object_id text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    ended suspense_item;
BEGIN
    UPDATE suspense_item SET state = 'ended', ended_at = now(), version = version + 1
    WHERE id = p_item_id AND resolution_id = p_object_id AND state = 'ending'
    RETURNING * INTO STRICT ended;
    UPDATE refund SET needs_attention = false, version = version + 1, updated_at = now()
    WHERE needs_attention AND id <> p_object_id AND id IN (
        SELECT ended.object_id
        UNION ALL
        SELECT r.id FROM refund r WHERE r.out_no = ended.object_id AND r.origin NOT IN ('merchant', 'bounce'));
    UPDATE attempt SET state = CASE ended.resolution WHEN 'wallet' THEN 'applied' ELSE 'returned' END, updated_at = now()
    WHERE out_no = ended.object_id AND state = 'paid_mismatch';
END
$$;

-- Its money has stayed in suspense after all: somebody may try again.
CREATE FUNCTION suspense_reopen(p_item_id text, p_object_id text) RETURNS void
LANGUAGE sql AS $$
    UPDATE suspense_item SET state = 'open', resolution = NULL, resolution_id = NULL, version = version + 1
    WHERE id = p_item_id AND resolution_id = p_object_id AND state = 'ending'
$$;
