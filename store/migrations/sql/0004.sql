-- Two functions of the book find the holds of their key by the key's index, however many others are open. They answer
-- as before, so that what runs on the schema before runs on this one; owner and grants stay as they are.

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
