-- Payouts: the intent-first record of money sent to a payee (law 4). The destination leaves the database masked, but
-- for the one call that sends it.

-- The last four characters of a long account; nothing of a short one, and its length neither.
CREATE FUNCTION masked(p_account text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT '****' || CASE WHEN length(p_account) >= 8 THEN right(p_account, 4) ELSE '' END
$$;

CREATE FUNCTION payout_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'payout_id', p.id, 'merchant_id', p.merchant_id, 'channel', p.channel, 'out_no', p.out_no, 'state', p.state,
        'leg_state', p.leg_state, 'certainty', p.certainty, 'checks', p.checks, 'next_check_at', p.next_check_at,
        'needs_attention', p.needs_attention, 'failure_code', p.failure_code, 'approval', p.approval,
        'approval_expires_at', p.approval_expires_at, 'amount_minor', p.amount_minor, 'currency', p.currency)
    FROM payout p WHERE p.id = p_id
$$;

CREATE FUNCTION payout_shown(p payout) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(p) - 'memo' || jsonb_build_object('destination', jsonb_build_object(
        'channel', p.channel, 'account', masked(p.destination ->> 'account')))
$$;

-- The payout as it is now, for the API's rendering and for events.
CREATE FUNCTION payout_snapshot(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('payout', payout_shown(p)) FROM payout p WHERE p.id = p_id
$$;

-- The destination, memo and metadata come from the kept request: they take no way round through a process.
CREATE FUNCTION payout_insert(p_payout jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    made payout;
BEGIN
    made := jsonb_populate_record(NULL::payout, p_payout);
    INSERT INTO payout (
        id, merchant_id, payout_no, account_id, account_kind, suspense_item_id, amount_minor, fee_minor, currency,
        channel, channel_account_id, destination, memo, out_no, state, approval, approval_expires_at, metadata)
    SELECT made.id, made.merchant_id, made.payout_no, made.account_id, made.account_kind, made.suspense_item_id,
        made.amount_minor, made.fee_minor, made.currency, made.channel, made.channel_account_id,
        r.body -> 'destination', r.body ->> 'memo', made.out_no, made.state, made.approval, made.approval_expires_at,
        r.body -> 'metadata'
    FROM operation_request r WHERE r.object_id = made.id;
    RETURN payout_view(made.id);
END
$$;

-- INTENT becomes SENT, and the payout is processing: unless it has ended, or waits for an approval that it does not have.
CREATE FUNCTION payout_send(p_id text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found payout;
    may_send boolean;
BEGIN
    SELECT * INTO STRICT found FROM payout WHERE id = p_id FOR UPDATE;
    may_send := found.state IN ('pending', 'processing', 'needs_action')
        AND found.leg_state IN ('intent', 'sent', 'unknown') AND coalesce(found.approval, 'approved') = 'approved';
    IF may_send AND found.leg_state = 'intent' THEN
        UPDATE payout SET
            leg_state = 'sent', sends = 1, sent_at = coalesce(sent_at, now()), last_sent_at = now(),
            state = 'processing', version = version + 1, updated_at = now()
        WHERE id = p_id;
    ELSIF may_send THEN
        UPDATE payout SET sends = sends_under_way(sends, last_sent_at), last_sent_at = now() WHERE id = p_id;
    END IF;
    RETURN jsonb_build_object('may_send', may_send, 'found', found.leg_state, 'payout', to_jsonb(found));
END
$$;

CREATE FUNCTION payout_record(p_id text, p_columns jsonb, p_evidence jsonb, p_event text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    moved payout;
BEGIN
    SELECT * INTO STRICT moved FROM payout WHERE id = p_id FOR UPDATE;
    moved := jsonb_populate_record(moved, p_columns);
    UPDATE payout SET
        state = moved.state, leg_state = moved.leg_state, sends = moved.sends, channel_no = moved.channel_no,
        approval = moved.approval, approval_reason = moved.approval_reason, decided_at = moved.decided_at,
        failure_code = moved.failure_code, failure_detail = moved.failure_detail, certainty = moved.certainty,
        checks = moved.checks + coalesce((p_columns ->> 'checked')::bigint, 0), next_check_at = moved.next_check_at,
        watch_until = moved.watch_until, needs_attention = moved.needs_attention,
        attention_reason = moved.attention_reason, attention_owner = moved.attention_owner,
        succeeded_at = moved.succeeded_at, returned_at = moved.returned_at, version = version + 1, updated_at = now()
    WHERE id = p_id
    RETURNING * INTO moved;
    INSERT INTO evidence (out_no, operation, state, http_status, code, request_id, raw)
    SELECT moved.out_no, operation, state, http_status, code, request_id, raw
    FROM jsonb_populate_record(NULL::evidence, p_evidence)
    WHERE p_evidence IS NOT NULL;
    IF p_event IS NOT NULL THEN
        PERFORM event_append(moved.merchant_id, p_event, moved.id, moved.version, payout_snapshot(p_id));
    END IF;
    RETURN payout_view(p_id);
END
$$;
