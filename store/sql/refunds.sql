-- Refunds: the intent-first record of giving money back (law 4). Rows are locked in the order payment, refund of a try,
-- and refund, attempt or payment of its later steps: a try only ever inserts its refund.

CREATE FUNCTION refund_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'refund_id', r.id, 'merchant_id', r.merchant_id, 'payment_id', r.payment_id, 'origin', r.origin,
        'channel', r.channel, 'out_refund_no', r.out_refund_no, 'state', r.state, 'leg_state', r.leg_state,
        'certainty', r.certainty, 'checks', r.checks, 'next_check_at', r.next_check_at,
        'needs_attention', r.needs_attention, 'failure_code', r.failure_code, 'approval', r.approval,
        'approval_expires_at', r.approval_expires_at, 'amount_minor', r.amount_minor, 'currency', r.currency)
    FROM refund r WHERE r.id = p_id
$$;

-- The refund as it is now, for the API's rendering and for events.
CREATE FUNCTION refund_snapshot(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('refund', to_jsonb(r)) FROM refund r WHERE r.id = p_id
$$;

-- What a try needs to know of the payment, which is locked until the transaction ends: how it was paid, which refunds
-- the business asked for took what of it, and what of its lines went back. Null when there is no such payment.
CREATE FUNCTION refund_standing(p_payment_id text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    paid payment;
BEGIN
    SELECT * INTO paid FROM payment WHERE id = p_payment_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'payment', to_jsonb(paid),
            'attempt', (
                SELECT to_jsonb(a) FROM attempt a WHERE a.payment_id = paid.id AND a.state = 'paid' LIMIT 1),
            'given', jsonb_build_object(
                'amount_minor', coalesce(sum(r.amount_minor), 0), 'balance_minor', coalesce(sum(r.balance_minor), 0),
                'coupon_minor', coalesce(sum(r.coupon_minor), 0), 'fee_minor', coalesce(sum(r.fee_minor), 0)),
            'pending_taken_minor', coalesce(sum(r.pending_minor), 0),
            'lines', coalesce((
                SELECT jsonb_agg(to_jsonb(l) ORDER BY l.line_no) FROM reservation_line l
                WHERE l.payment_id = paid.id), '[]'::jsonb))
        FROM refund r WHERE r.payment_id = paid.id AND r.origin = 'merchant' AND r.state <> 'failed');
END
$$;

CREATE FUNCTION refund_insert(p_refund jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO refund (
        id, merchant_id, payment_id, refund_no, origin, out_no, out_refund_no, channel, channel_account_id,
        amount_minor, channel_minor, balance_minor, coupon_minor, fee_minor, pending_minor, available_minor, debt_minor,
        direct_minor, holds, to_account_id, suspense_item_id, currency, reason, lines, leg_state, approval,
        approval_expires_at, metadata, send_before)
    SELECT id, merchant_id, payment_id, refund_no, origin, out_no, out_refund_no, channel, channel_account_id,
        amount_minor, channel_minor, balance_minor, coupon_minor, fee_minor, pending_minor, available_minor, debt_minor,
        direct_minor, holds, to_account_id, suspense_item_id, currency, reason, lines, leg_state, approval,
        approval_expires_at, metadata, 'infinity'
    FROM jsonb_populate_record(NULL::refund, p_refund)
$$;

-- So many of the lines go back into stock, or do not after all (-1).
CREATE FUNCTION refund_claim_lines(p_refund refund, p_sign integer) RETURNS void
LANGUAGE sql AS $$
    UPDATE reservation_line AS l SET restocked = l.restocked + p_sign * taken.quantity
    FROM jsonb_to_recordset(p_refund.lines) AS taken (line_no bigint, quantity bigint)
    WHERE l.payment_id = p_refund.payment_id AND l.line_no = taken.line_no
$$;

-- The refund exists, and its part of the payment and of the lines is nobody else's; the caller has locked the payment.
CREATE FUNCTION refund_open(p_refund jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    asked refund := jsonb_populate_record(NULL::refund, p_refund);
BEGIN
    PERFORM refund_insert(p_refund);
    UPDATE payment SET
        refunding_minor = refunding_minor + asked.amount_minor, version = version + 1, updated_at = now()
    WHERE id = asked.payment_id;
    PERFORM refund_claim_lines(asked, 1);
    RETURN refund_view(asked.id);
END
$$;

-- What was sold is sellable again; of what was shipped meanwhile there is more on hand. Stock is locked in its order.
CREATE FUNCTION refund_restock(p_refund refund) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM stock s
    WHERE s.merchant_id = p_refund.merchant_id AND (s.sku, s.warehouse) IN (
        SELECT back.sku, back.warehouse FROM jsonb_to_recordset(p_refund.lines) AS back (sku text, warehouse text))
    ORDER BY s.sku, s.warehouse FOR UPDATE;
    UPDATE stock s SET
        sold = s.sold - least(s.sold, back.quantity), on_hand = s.on_hand + greatest(back.quantity - s.sold, 0)
    FROM (
        SELECT sku, warehouse, sum(quantity)::bigint AS quantity
        FROM jsonb_to_recordset(p_refund.lines) AS lines (sku text, warehouse text, quantity bigint)
        GROUP BY sku, warehouse
    ) AS back
    WHERE s.merchant_id = p_refund.merchant_id AND s.sku = back.sku AND s.warehouse = back.warehouse;
END
$$;

-- The refund's part of the payment was given back, and its lines are in stock; or it is refundable again. Once: the
-- caller has locked the refund and saw that it had not ended.
CREATE FUNCTION refund_conclude(p_id text, p_given boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    ended refund;
BEGIN
    SELECT * INTO STRICT ended FROM refund WHERE id = p_id;
    UPDATE payment SET
        refunding_minor = refunding_minor - ended.amount_minor,
        refunded_minor = refunded_minor + CASE WHEN p_given THEN ended.amount_minor ELSE 0 END,
        version = version + 1,
        updated_at = now()
    WHERE id = ended.payment_id;
    IF ended.lines IS NULL THEN
        RETURN;
    ELSIF p_given THEN
        PERFORM refund_restock(ended);
    ELSE
        PERFORM refund_claim_lines(ended, -1);
    END IF;
END
$$;

-- True while the channel has, or may have, another refund of the same order that has not ended; the order is locked.
CREATE FUNCTION refund_is_behind(p_refund refund) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM attempt WHERE out_no = p_refund.out_no FOR UPDATE;
    RETURN EXISTS (
        SELECT FROM refund WHERE out_no = p_refund.out_no AND id <> p_refund.id AND leg_state IN ('sent', 'unknown'));
END
$$;

-- INTENT becomes SENT, and the refund is processing; a refund has no deadline, it is owed until it is proven. `may_send`
-- is false once it has ended or its leg is proven, while it lacks an approval, and (looked at again in two seconds)
-- behind another refund of an order whose channel takes one at a time.
-- How many calls may still arrive with one that is let through now: what was sent minutes ago, long after its call has
-- timed out, has arrived or never will. So the refusal of a call that is alone again is proof, where the channel knows
-- the number: had an earlier one arrived, the channel would answer with what it made of it.
CREATE FUNCTION sends_under_way(p_sends bigint, p_last_sent_at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_last_sent_at < now() - interval '2 minutes' THEN 1 ELSE p_sends + 1 END
$$;

CREATE FUNCTION refund_send(p_id text, p_one_at_a_time boolean) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found refund;
    may_send boolean;
BEGIN
    SELECT * INTO STRICT found FROM refund WHERE id = p_id FOR UPDATE;
    may_send := found.state NOT IN ('succeeded', 'failed', 'bounced')
        AND found.leg_state IN ('intent', 'sent', 'unknown')
        AND coalesce(found.approval, 'approved') = 'approved';
    IF may_send AND p_one_at_a_time AND found.leg_state = 'intent' AND refund_is_behind(found) THEN
        may_send := false;
        UPDATE refund SET next_check_at = now() + interval '2 seconds', updated_at = now() WHERE id = p_id;
    ELSIF may_send AND found.leg_state = 'intent' THEN
        UPDATE refund SET
            leg_state = 'sent', sends = 1, sent_at = coalesce(sent_at, now()), last_sent_at = now(), next_check_at = NULL,
            state = 'processing', version = version + 1, updated_at = now()
        WHERE id = p_id;
    ELSIF may_send THEN
        UPDATE refund SET sends = sends_under_way(sends, last_sent_at), last_sent_at = now() WHERE id = p_id;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'found', found.leg_state, 'may_send', may_send, 'refund', to_jsonb(found), 'channel_no', a.channel_no,
            'total_minor', coalesce(a.received_minor, a.amount_minor))
        FROM refund r LEFT JOIN attempt a ON a.out_no = r.out_no WHERE r.id = p_id);
END
$$;

-- The call provably did not leave us: the intent stands again. Not when another run has been let through meanwhile.
CREATE FUNCTION refund_unsend(p_id text) RETURNS void
LANGUAGE sql AS $$
    UPDATE refund SET leg_state = 'intent', sends = 0, updated_at = now()
    WHERE id = p_id AND leg_state = 'sent' AND sends = 1
$$;

-- True when a decision stands from now on: this one, or that it came too late; false when none is awaited any more.
CREATE FUNCTION refund_decide(p_id text, p_decision text, p_reason text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE refund SET
        approval = CASE WHEN now() < approval_expires_at THEN p_decision ELSE 'expired' END,
        approval_reason = p_reason, decided_at = now(), version = version + 1, updated_at = now()
    WHERE id = p_id AND approval = 'awaited';
    RETURN FOUND;
END
$$;

CREATE FUNCTION refund_record(p_id text, p_columns jsonb, p_evidence jsonb, p_event text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    moved refund;
BEGIN
    UPDATE refund r SET
        state = coalesce(p_columns ->> 'state', r.state),
        leg_state = coalesce(p_columns ->> 'leg_state', r.leg_state),
        channel_refund_no = coalesce(p_columns ->> 'channel_refund_no', r.channel_refund_no),
        failure_code = coalesce(p_columns ->> 'failure_code', r.failure_code),
        failure_detail = coalesce(p_columns ->> 'failure_detail', r.failure_detail),
        certainty = coalesce(p_columns ->> 'certainty', r.certainty),
        checks = r.checks + coalesce((p_columns ->> 'checked')::bigint, 0),
        next_check_at = CASE WHEN p_columns ? 'next_check_at'
            THEN (p_columns ->> 'next_check_at')::timestamptz ELSE r.next_check_at END,
        watch_until = CASE WHEN p_columns ? 'watch_until'
            THEN (p_columns ->> 'watch_until')::timestamptz ELSE r.watch_until END,
        needs_attention = coalesce((p_columns ->> 'needs_attention')::boolean, r.needs_attention),
        attention_reason = coalesce(p_columns ->> 'attention_reason', r.attention_reason),
        attention_owner = coalesce(p_columns ->> 'attention_owner', r.attention_owner),
        succeeded_at = coalesce((p_columns ->> 'succeeded_at')::timestamptz, r.succeeded_at),
        bounced_at = coalesce((p_columns ->> 'bounced_at')::timestamptz, r.bounced_at),
        version = r.version + 1,
        updated_at = now()
    WHERE r.id = p_id
    RETURNING * INTO STRICT moved;
    INSERT INTO evidence (out_no, operation, state, http_status, code, request_id, raw)
    SELECT moved.out_refund_no, operation, state, http_status, code, request_id, raw
    FROM jsonb_populate_record(NULL::evidence, p_evidence)
    WHERE p_evidence IS NOT NULL;
    IF p_event IS NOT NULL THEN
        PERFORM event_append(moved.merchant_id, p_event, moved.id, moved.version, refund_snapshot(p_id));
    END IF;
    RETURN refund_view(p_id);
END
$$;
