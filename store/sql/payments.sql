-- The moves of a payment and its attempts. Each function is one step's write: it moves rows that are where the step
-- expects them, changes nothing when they are not (a repeat), and answers the payment as it is now.

-- States are asked for in words that no partial index answers to: where the planner has seen nothing open, it would
-- read the whole index of what is open instead of the one payment's rows.

CREATE FUNCTION payment_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'payment_id', p.id, 'merchant_id', p.merchant_id, 'purpose', p.purpose, 'order_no', p.order_no,
        'state', p.state, 'version', p.version, 'has_lines', p.has_lines, 'balance_minor', p.balance_minor,
        'channel_minor', p.channel_minor, 'currency', p.currency, 'expires_at', p.expires_at,
        'certainty', p.certainty, 'needs_attention', p.needs_attention, 'failure_code', p.failure_code,
        'failure_detail', p.failure_detail, 'close_reason', p.close_reason,
        'attempts', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'out_no', a.out_no, 'number', a.number, 'channel', a.channel,
                'channel_account_id', a.channel_account_id, 'state', a.state,
                'close_proof', a.close_proof, 'send_before', a.send_before, 'call_timeout_s', a.call_timeout_s,
                'close_margin_s', a.close_margin_s, 'expires_at', a.expires_at, 'checks', a.checks,
                'next_check_at', a.next_check_at
            ) ORDER BY a.number)
            FROM attempt a WHERE a.payment_id = p.id), '[]'::jsonb),
        'refunds_due', coalesce((
            SELECT jsonb_agg(r.id ORDER BY r.id) FROM refund r
            WHERE r.payment_id = p.id AND r.origin <> 'merchant'
                AND array_position(ARRAY['succeeded', 'failed', 'bounced'], r.state) IS NULL
        ), '[]'::jsonb))
    FROM payment p WHERE p.id = p_id
$$;

-- The rows as they are now, for the API's rendering and, without `pay` and `payer`, for events.
CREATE FUNCTION payment_snapshot(p payment) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'payment', to_jsonb(p) - 'payer',
        'attempts', coalesce((
            SELECT jsonb_agg(to_jsonb(a) - 'pay' ORDER BY a.number) FROM attempt a WHERE a.payment_id = p.id), '[]'::jsonb))
$$;

CREATE FUNCTION event_append(p_merchant text, p_type text, p_object text, p_version bigint, p_snapshot jsonb) RETURNS void
LANGUAGE sql AS $$
    WITH once AS (
        INSERT INTO event_once (object_id, object_version, type, event_id)
        VALUES (p_object, p_version, p_type, 'evt_' || replace(uuidv7()::text, '-', '')) RETURNING event_id
    )
    INSERT INTO event (id, merchant_id, type, object_id, object_version, snapshot)
    SELECT event_id, p_merchant, p_type, p_object, p_version, p_snapshot FROM once
$$;

CREATE FUNCTION payment_open(p_payment jsonb, p_lines jsonb, p_attempt jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment (
        id, merchant_id, purpose, order_no, to_account_id, amount_minor, currency, balance_minor, channel_minor,
        shipping_minor, fee_rate_bps, fee_fixed_minor, fee_cap_minor, fee_minor, subject, payer_account_id, payer, channel,
        channel_account_id, funds_holder, invoke, has_lines, notify_url, return_url, quit_url, expires_at, metadata,
        failure_code, failure_detail)
    SELECT id, merchant_id, coalesce(purpose, 'payment'), order_no, to_account_id, amount_minor, currency, balance_minor, channel_minor, shipping_minor,
        fee_rate_bps, fee_fixed_minor, fee_cap_minor, fee_minor, subject, payer_account_id, coalesce(payer, '{}'), channel,
        channel_account_id, funds_holder, invoke, has_lines, notify_url, return_url, quit_url, expires_at,
        coalesce(metadata, '{}'), failure_code, failure_detail
    FROM jsonb_populate_record(NULL::payment, p_payment)
    ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
        INSERT INTO payment_line (payment_id, line_no, sku, quantity, unit_price_minor, warehouse)
        SELECT payment_id, line_no, sku, quantity, unit_price_minor, warehouse
        FROM jsonb_populate_recordset(NULL::payment_line, p_lines);
        PERFORM attempt_open(p_attempt) WHERE p_attempt IS NOT NULL;
    END IF;
    RETURN payment_view(p_payment ->> 'id');
END
$$;

CREATE FUNCTION attempt_open(p_attempt jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO attempt (
        out_no, payment_id, number, channel, channel_account_id, invoke, amount_minor, currency, close_proof, send_before,
        call_timeout_s, close_margin_s, expires_at)
    SELECT out_no, payment_id, number, channel, channel_account_id, invoke, amount_minor, currency, close_proof,
        send_before, call_timeout_s, close_margin_s, expires_at
    FROM jsonb_populate_record(NULL::attempt, p_attempt)
    ON CONFLICT DO NOTHING
$$;

-- Moves the payment when it is in one of `p_from`; `p_set` names the other columns that change. `p_event` is what
-- happened to it (`closed`): the event's type begins with what the payment is for. One that ends without effect gives
-- back what it took of the day's limits.
CREATE FUNCTION payment_move(p_id text, p_from text[], p_to text, p_set jsonb, p_event text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    moved payment;
BEGIN
    UPDATE payment p SET
        state = p_to,
        version = p.version + 1,
        updated_at = now(),
        failure_code = CASE WHEN p_set ? 'failure_code' THEN p_set ->> 'failure_code' ELSE p.failure_code END,
        failure_detail = CASE WHEN p_set ? 'failure_detail' THEN p_set ->> 'failure_detail' ELSE p.failure_detail END,
        close_reason = CASE WHEN p_set ? 'close_reason' THEN p_set ->> 'close_reason' ELSE p.close_reason END,
        certainty = coalesce(p_set ->> 'certainty', p.certainty),
        next_check_at = CASE WHEN p_set ? 'next_check_at'
            THEN (p_set ->> 'next_check_at')::timestamptz ELSE p.next_check_at END,
        paid_at = coalesce((p_set ->> 'paid_at')::timestamptz, p.paid_at),
        captured_minor = coalesce((p_set ->> 'captured_minor')::bigint, p.captured_minor),
        needs_attention = coalesce((p_set ->> 'needs_attention')::boolean, p.needs_attention),
        attention_reason = CASE WHEN p_set ? 'attention_reason' THEN p_set ->> 'attention_reason' ELSE p.attention_reason END,
        attention_owner = CASE WHEN p_set ? 'attention_owner' THEN p_set ->> 'attention_owner' ELSE p.attention_owner END,
        channel = coalesce(p_set ->> 'channel', p.channel),
        channel_account_id = coalesce(p_set ->> 'channel_account_id', p.channel_account_id),
        funds_holder = coalesce(p_set ->> 'funds_holder', p.funds_holder),
        invoke = coalesce(p_set ->> 'invoke', p.invoke)
    WHERE p.id = p_id AND array_position(p_from, p.state) IS NOT NULL
    RETURNING * INTO moved;
    IF moved.id IS NOT NULL AND p_event IS NOT NULL THEN
        PERFORM event_append(
            moved.merchant_id, moved.purpose || '.' || p_event, moved.id, moved.version, payment_snapshot(moved));
    END IF;
    IF moved.state IN ('closed', 'failed') THEN
        PERFORM rule_give_back(moved.id);
    END IF;
    RETURN payment_view(p_id);
END
$$;

-- The terminal row after the last confirm: captured in full.
CREATE FUNCTION payment_succeed(p_id text) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT payment_move(
        p_id, ARRAY['confirming'], 'succeeded',
        jsonb_build_object('captured_minor', p.amount_minor, 'certainty', 'sure', 'next_check_at', NULL),
        'succeeded')
    FROM payment p WHERE p.id = p_id
$$;

-- The row that a sending activity reads and moves: INTENT becomes SENT, unless cancelled or past `send_before`.
CREATE FUNCTION attempt_send(p_out_no text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found attempt;
    in_time boolean;
BEGIN
    SELECT * INTO STRICT found FROM attempt WHERE out_no = p_out_no FOR UPDATE;
    in_time := clock_timestamp() < found.send_before;
    IF found.state = 'intent' THEN
        UPDATE attempt SET
            state = CASE WHEN in_time THEN 'sent' ELSE 'never_sent' END,
            sent_at = CASE WHEN in_time THEN now() END,
            sends = sends + in_time::integer,
            updated_at = now()
        WHERE out_no = p_out_no;
    ELSIF in_time THEN
        UPDATE attempt SET sends = sends + 1 WHERE out_no = p_out_no;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'found', found.state, 'in_time', in_time, 'attempt', to_jsonb(found) - 'pay', 'subject', p.subject,
            'return_url', p.return_url, 'payer', p.payer)
        FROM payment p WHERE p.id = found.payment_id);
END
$$;

-- The call provably did not leave us: the intent stands again, and may be sent again or forbidden. Not when another
-- run has been let through meanwhile: its order may be at the channel.
CREATE FUNCTION attempt_unsend(p_out_no text) RETURNS void
LANGUAGE sql AS $$
    UPDATE attempt SET state = 'intent', sends = 0, sent_at = NULL, updated_at = now()
    WHERE out_no = p_out_no AND state = 'sent' AND sends = 1
$$;

-- What a channel said, kept with its evidence; `p_attempt` names the columns of the attempt that change, `p_move` how
-- the payment moves (null: it stays).
CREATE FUNCTION answer_record(p_out_no text, p_attempt jsonb, p_evidence jsonb, p_move jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    owner text;
BEGIN
    UPDATE attempt a SET
        state = coalesce(p_attempt ->> 'state', a.state),
        channel_no = coalesce(p_attempt ->> 'channel_no', a.channel_no),
        pay = coalesce(p_attempt -> 'pay', a.pay),
        checks = a.checks + coalesce((p_attempt ->> 'checked')::bigint, 0),
        next_check_at = CASE WHEN p_attempt ? 'next_check_at'
            THEN (p_attempt ->> 'next_check_at')::timestamptz ELSE a.next_check_at END,
        watch_until = CASE WHEN p_attempt ? 'watch_until'
            THEN (p_attempt ->> 'watch_until')::timestamptz ELSE a.watch_until END,
        received_minor = coalesce((p_attempt ->> 'received_minor')::bigint, a.received_minor),
        received_currency = coalesce(p_attempt ->> 'received_currency', a.received_currency),
        paid_at = coalesce((p_attempt ->> 'paid_at')::timestamptz, a.paid_at),
        failure_code = coalesce(p_attempt ->> 'failure_code', a.failure_code),
        updated_at = now()
    WHERE a.out_no = p_out_no
    RETURNING a.payment_id INTO owner;
    INSERT INTO evidence (out_no, operation, state, http_status, code, request_id, raw)
    SELECT p_out_no, operation, state, http_status, code, request_id, raw
    FROM jsonb_populate_record(NULL::evidence, p_evidence)
    WHERE p_evidence IS NOT NULL;
    IF p_move IS NULL THEN
        RETURN payment_view(owner);
    END IF;
    RETURN payment_move(
        owner,
        ARRAY(SELECT jsonb_array_elements_text(p_move -> 'from')),
        p_move ->> 'to',
        p_move -> 'set',
        p_move ->> 'event');
END
$$;
