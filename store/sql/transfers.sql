-- Transfers: the row of what was posted in the same transaction.

CREATE FUNCTION transfer_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('transfer_id', t.id, 'state', t.state) FROM transfer t WHERE t.id = p_id
$$;

-- The transfer as it is now, for the API's rendering and for events.
CREATE FUNCTION transfer_snapshot(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('transfer', to_jsonb(t)) FROM transfer t WHERE t.id = p_id
$$;

-- The transfer has succeeded, and its event is written.
CREATE FUNCTION transfer_insert(p_transfer jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    made transfer;
BEGIN
    made := jsonb_populate_record(NULL::transfer, p_transfer);
    INSERT INTO transfer (
        id, merchant_id, transfer_no, from_account_id, to_account_id, suspense_item_id, amount_minor, fee_minor,
        currency, memo, state, succeeded_at, metadata)
    VALUES (
        made.id, made.merchant_id, made.transfer_no, made.from_account_id, made.to_account_id, made.suspense_item_id,
        made.amount_minor, made.fee_minor, made.currency, made.memo, 'succeeded', made.succeeded_at,
        coalesce(made.metadata, '{}'))
    RETURNING * INTO made;
    PERFORM event_append(
        made.merchant_id, 'transfer.succeeded', made.id, made.version, transfer_snapshot(made.id));
    RETURN transfer_view(made.id);
END
$$;
