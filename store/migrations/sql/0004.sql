-- Four functions find what they are called for by its key, however many others are open. They answer as before, so
-- that what runs on the schema before runs on this one; owner and grants stay as they are.

-- The holds of these steps are released and their money is available again; the caller has locked their accounts, and
-- each hold is on an account of its own. Asked by their end, not by their state, as where they are confirmed.
CREATE OR REPLACE FUNCTION ledger_give_back(p_biz_type text, p_biz_id text, p_steps text[]) RETURNS void
LANGUAGE sql AS $$
    WITH released AS (
        UPDATE hold SET state = 'released', ended_at = now()
        WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = ANY (p_steps) AND ended_at IS NULL
        RETURNING account_id, amount_minor
    )
    UPDATE account AS a SET
        available = a.available + r.amount_minor, frozen = a.frozen - r.amount_minor, version = a.version + 1
    FROM released AS r WHERE a.id = r.account_id
$$;

-- Each hold that the legs name is confirmed: it was held, on that account, for exactly what its legs take. Else PS005.
-- Asked by its end, not by its state: a planner that has seen few open holds would read the index of all of them.
CREATE OR REPLACE FUNCTION ledger_confirm_holds(p_legs ledger_leg[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_missing record;
BEGIN
    WITH named AS (
        SELECT hold_biz_type AS biz_type, hold_biz_id AS biz_id, hold_step AS step,
            account_id, currency, -sum(amount_minor) AS amount_minor
        FROM unnest(p_legs) WHERE hold_biz_type IS NOT NULL
        GROUP BY hold_biz_type, hold_biz_id, hold_step, account_id, currency
    ), confirmed AS (
        UPDATE hold AS h SET state = 'confirmed', ended_at = now() FROM named AS n
        WHERE (h.biz_type, h.biz_id, h.step) = (n.biz_type, n.biz_id, n.step) AND h.ended_at IS NULL
            AND (h.account_id, h.currency, h.amount_minor) = (n.account_id, n.currency, n.amount_minor)
        RETURNING h.biz_type, h.biz_id, h.step, h.account_id
    )
    SELECT biz_type, biz_id, step INTO v_missing FROM named LEFT JOIN confirmed
        USING (biz_type, biz_id, step, account_id) WHERE confirmed IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format(
            'the hold %s %s %s is not held for that', v_missing.biz_type, v_missing.biz_id, v_missing.step
        );
    END IF;
END $$;

-- States are asked for in words that no partial index answers to: where the planner has seen nothing open, it would
-- read the whole index of what is open instead of the one payment's rows.

CREATE OR REPLACE FUNCTION payment_view(p_id text) RETURNS jsonb
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

-- Moves the payment when it is in one of `p_from`; `p_set` names the other columns that change. `p_event` is what
-- happened to it (`closed`): the event's type begins with what the payment is for. One that ends without effect gives
-- back what it took of the day's limits.
CREATE OR REPLACE FUNCTION payment_move(p_id text, p_from text[], p_to text, p_set jsonb, p_event text)
RETURNS jsonb LANGUAGE plpgsql AS $$
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
