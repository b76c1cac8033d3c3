-- Refunds: the intent-first record of giving money back (law 4).

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

CREATE FUNCTION refund_insert(p_refund jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO refund (
        id, merchant_id, payment_id, origin, out_no, out_refund_no, channel, channel_account_id, amount_minor,
        channel_minor, currency, reason, send_before)
    SELECT id, merchant_id, payment_id, origin, out_no, out_refund_no, channel, channel_account_id, amount_minor,
        amount_minor, currency, reason, 'infinity'
    FROM jsonb_populate_record(NULL::refund, p_refund)
$$;

-- INTENT becomes SENT, and the refund is processing; a refund has no deadline, it is owed until it is proven.
CREATE FUNCTION refund_send(p_id text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found refund;
BEGIN
    SELECT * INTO STRICT found FROM refund WHERE id = p_id FOR UPDATE;
    IF found.leg_state = 'intent' THEN
        UPDATE refund SET
            leg_state = 'sent', sent_at = coalesce(sent_at, now()), state = 'processing', version = version + 1,
            updated_at = now()
        WHERE id = p_id;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'found', found.leg_state, 'refund', to_jsonb(found), 'channel_no', a.channel_no,
            'total_minor', coalesce(a.received_minor, a.amount_minor))
        FROM refund r LEFT JOIN attempt a ON a.out_no = r.out_no WHERE r.id = p_id);
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
        certainty = coalesce(p_columns ->> 'certainty', r.certainty),
        checks = r.checks + coalesce((p_columns ->> 'checked')::bigint, 0),
        next_check_at = CASE WHEN p_columns ? 'next_check_at'
            THEN (p_columns ->> 'next_check_at')::timestamptz ELSE r.next_check_at END,
        needs_attention = coalesce((p_columns ->> 'needs_attention')::boolean, r.needs_attention),
        attention_reason = coalesce(p_columns ->> 'attention_reason', r.attention_reason),
        attention_owner = coalesce(p_columns ->> 'attention_owner', r.attention_owner),
        succeeded_at = coalesce((p_columns ->> 'succeeded_at')::timestamptz, r.succeeded_at),
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
