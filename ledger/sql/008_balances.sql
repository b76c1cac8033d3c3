-- How a posting changes balances: in place for strict accounts, for debits of deferred ones and for what comes out of a
-- hold, by the inbox otherwise.

CREATE FUNCTION ledger_in_place(p_move ledger_move) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_move.class = 'strict'
        OR p_move.held_minor <> 0
        OR (p_move.class = 'deferred' AND p_move.free_minor < 0)
$$;

-- The accounts that took their move: guarded by the floor, the owner, the block and the close. Credits and what comes
-- out of a hold pass a block.
CREATE FUNCTION ledger_take(p_moves ledger_move[], p_merchant_id text) RETURNS text[]
LANGUAGE sql AS $$
    WITH taken AS (
        UPDATE account AS a SET
            available = a.available + m.free_minor, frozen = a.frozen - m.held_minor, version = a.version + 1
        FROM unnest(p_moves) AS m
        WHERE a.id = m.account_id AND a.closed_at IS NULL AND a.frozen >= m.held_minor AND (
            m.free_minor >= 0
            OR a.class = 'open'
            OR (
                a.available + m.free_minor >= a.floor AND a.blocked_at IS NULL
                AND (a.merchant_id = p_merchant_id) IS NOT FALSE
            )
        )
        RETURNING a.id
    )
    SELECT coalesce(array_agg(id), '{}') FROM taken
$$;

-- All accounts have changed, locked in the order of the array and folded where they were short; or nothing has.
CREATE FUNCTION ledger_take_locked(p_moves ledger_move[], p_merchant_id text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_short text[];
    v_taken text[];
    v_move ledger_move;
BEGIN
    PERFORM FROM account AS a JOIN unnest(p_moves) AS m ON m.account_id = a.id
    ORDER BY a.class = 'strict', a.id FOR NO KEY UPDATE OF a;
    SELECT array_agg(a.id) INTO v_short FROM account AS a JOIN unnest(p_moves) AS m ON m.account_id = a.id
    WHERE a.class = 'deferred' AND a.available + m.free_minor < a.floor;
    IF v_short IS NOT NULL THEN
        PERFORM ledger_fold_locked(v_short);
    END IF;
    v_taken := ledger_take(p_moves, p_merchant_id);
    FOREACH v_move IN ARRAY p_moves LOOP
        IF v_move.account_id <> ALL (v_taken) THEN
            PERFORM ledger_refuse(v_move.account_id, p_merchant_id, v_move.currency, v_move.free_minor);
        END IF;
    END LOOP;
END $$;

-- The accounts of these moves have changed. PS001, PS002, PS003, PS005, PS006.
CREATE FUNCTION ledger_change_balances(p_moves ledger_move[], p_merchant_id text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_in_place ledger_move[];
BEGIN
    SELECT array_agg(m) INTO v_in_place FROM unnest(p_moves) AS m WHERE ledger_in_place(m);
    IF v_in_place IS NULL THEN
        RETURN;
    ELSIF cardinality(v_in_place) = 1 AND cardinality(ledger_take(v_in_place, p_merchant_id)) = 1 THEN
        RETURN;  -- one account needs no order of locks
    END IF;
    PERFORM ledger_take_locked(v_in_place, p_merchant_id);
END $$;

-- Each hold that the legs name is confirmed: it was held, on that account, for exactly what its legs take. Else PS005.
-- Asked by its end, not by its state: a planner that has seen few open holds would read the index of all of them.
CREATE FUNCTION ledger_confirm_holds(p_legs ledger_leg[]) RETURNS void LANGUAGE plpgsql AS $$
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
