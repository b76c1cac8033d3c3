-- Posting: one call, one balanced set of entries behind one (biz_type, biz_id, step).

-- The first posting of the step. PS005 when its merchant or its legs were others.
CREATE FUNCTION ledger_first_posting(p_biz_type text, p_biz_id text, p_step text, p_digest bytea) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_first ledger_step;
BEGIN
    SELECT * INTO v_first FROM ledger_step WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    IF v_first.digest <> p_digest THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('the step %s %s %s was posted with other legs', p_biz_type, p_biz_id, p_step);
    END IF;
    RETURN v_first.posting_id;
END $$;

-- The accounts that the legs name, opened where needed, have changed and their holds are confirmed.
CREATE FUNCTION ledger_apply(p_legs ledger_leg[], p_merchant_id text) RETURNS ledger_move[] LANGUAGE plpgsql AS $$
DECLARE
    v_moves ledger_move[] := ledger_moves(p_legs);
BEGIN
    PERFORM FROM unnest(v_moves) WHERE class IS NULL;
    IF FOUND THEN
        PERFORM ledger_require_accounts(p_legs);
        v_moves := ledger_moves(p_legs);
    END IF;
    PERFORM ledger_change_balances(v_moves, p_merchant_id);
    PERFORM FROM unnest(p_legs) WHERE hold_biz_type IS NOT NULL;
    IF FOUND THEN
        PERFORM ledger_confirm_holds(p_legs);
    END IF;
    RETURN v_moves;
END $$;

-- Answers the posting and whether it is a replay. A null merchant is the operator. PS001 to PS003, PS005 to PS008.
CREATE FUNCTION ledger_post(
    p_biz_type text, p_biz_id text, p_step text, p_merchant_id text, p_event_at timestamptz,
    p_memo text, p_legs jsonb, p_corrects uuid, OUT posted uuid, OUT replayed boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
-- Plans are made once: making one costs more than running it.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    v_digest bytea := sha256(convert_to(coalesce(p_merchant_id, '') || p_legs::text, 'UTF8'));
    v_legs ledger_leg[] := ledger_legs(p_legs);
    v_moves ledger_move[];
    v_booked_on date;
BEGIN
    posted := uuidv7();
    replayed := false;
    INSERT INTO ledger_step (biz_type, biz_id, step, posting_id, digest)
    VALUES (p_biz_type, p_biz_id, p_step, posted, v_digest) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        posted := ledger_first_posting(p_biz_type, p_biz_id, p_step, v_digest);
        replayed := true;
        RETURN;
    END IF;
    PERFORM ledger_require_balanced(v_legs);
    IF p_corrects IS NOT NULL THEN
        PERFORM ledger_require_uncorrected(p_corrects, posted);
    END IF;
    v_moves := ledger_apply(v_legs, p_merchant_id);
    v_booked_on := ledger_booked_on(p_event_at);
    WITH written AS (
        INSERT INTO posting (
            id, biz_type, biz_id, step, merchant_id, event_at, corrects, memo, booked_on, belongs_to
        )
        VALUES (
            posted, p_biz_type, p_biz_id, p_step, p_merchant_id, p_event_at, p_corrects, p_memo, v_booked_on,
            CASE WHEN ledger_day(p_event_at) < v_booked_on THEN ledger_day(p_event_at) END
        )
    ), entered AS (
        INSERT INTO entry (posting_id, n, account_id, currency, amount_minor, kind, object_id, event_at)
        SELECT posted, n, account_id, currency, amount_minor, kind, object_id, p_event_at FROM unnest(v_legs)
    )
    INSERT INTO inbox (account_id, posting_id, n, amount_minor)
    SELECT m.account_id, posted, m.n, m.free_minor FROM unnest(v_moves) AS m
    WHERE NOT ledger_in_place(m) AND m.free_minor <> 0;
END $$;
