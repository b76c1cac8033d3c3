-- Try and cancel. The hold row is the barrier: whoever inserts its key first decides, the other waits for the commit.
-- A try writes its hold row before it locks the account: nobody else can wait for a row that only its own key meets.

-- The amount moved from available to frozen; false when there is no room or the account may not be used.
CREATE FUNCTION ledger_freeze(p_account_id text, p_merchant_id text, p_amount_minor bigint, p_currency text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account SET
        available = available - p_amount_minor, frozen = frozen + p_amount_minor, version = version + 1
    WHERE id = p_account_id AND currency = p_currency AND class <> 'open'
        AND available - p_amount_minor >= floor AND blocked_at IS NULL AND closed_at IS NULL
        AND (merchant_id = p_merchant_id) IS NOT FALSE;
    RETURN FOUND;
END $$;

-- Answers 'replay' when this very hold exists. PS004 when it was released, PS005 when it is another.
CREATE FUNCTION ledger_hold_again(
    p_biz_type text, p_biz_id text, p_step text, p_account_id text, p_amount_minor bigint, p_currency text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_hold hold;
BEGIN
    SELECT * INTO v_hold FROM hold WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    IF v_hold.state = 'released' THEN
        RAISE EXCEPTION USING ERRCODE = 'PS004',
            MESSAGE = format('the hold %s %s %s was cancelled', p_biz_type, p_biz_id, p_step);
    ELSIF (v_hold.account_id, v_hold.amount_minor, v_hold.currency) <> (p_account_id, p_amount_minor, p_currency) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('the hold %s %s %s differs', p_biz_type, p_biz_id, p_step);
    END IF;
    RETURN 'replay';
END $$;

-- Try: answers 'held' or 'replay'. A null merchant is the operator. PS001 to PS006, PS008.
CREATE FUNCTION ledger_hold(
    p_biz_type text, p_biz_id text, p_step text, p_account_id text, p_merchant_id text,
    p_amount_minor bigint, p_currency text, p_expires_at timestamptz, p_reason text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO hold (biz_type, biz_id, step, account_id, currency, amount_minor, state, reason, expires_at)
    VALUES (p_biz_type, p_biz_id, p_step, p_account_id, p_currency, p_amount_minor, 'held', p_reason, p_expires_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN ledger_hold_again(p_biz_type, p_biz_id, p_step, p_account_id, p_amount_minor, p_currency);
    ELSIF ledger_freeze(p_account_id, p_merchant_id, p_amount_minor, p_currency) THEN
        RETURN 'held';
    END IF;
    PERFORM ledger_fold(p_account_id);  -- locks the account, so that the second look and the refusal agree
    IF ledger_freeze(p_account_id, p_merchant_id, p_amount_minor, p_currency) THEN
        RETURN 'held';
    END IF;
    PERFORM ledger_refuse(p_account_id, p_merchant_id, p_currency, -p_amount_minor);
    RETURN NULL;
END $$;

-- The holds of these steps are released and their money is available again; the caller has locked their accounts, and
-- each hold is on an account of its own. Asked by their end, not by their state, as where they are confirmed.
CREATE FUNCTION ledger_give_back(p_biz_type text, p_biz_id text, p_steps text[]) RETURNS void LANGUAGE sql AS $$
    WITH released AS (
        UPDATE hold SET state = 'released', ended_at = now()
        WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = ANY (p_steps) AND ended_at IS NULL
        RETURNING account_id, amount_minor
    )
    UPDATE account AS a SET
        available = a.available + r.amount_minor, frozen = a.frozen - r.amount_minor, version = a.version + 1
    FROM released AS r WHERE a.id = r.account_id
$$;

-- Cancel: answers 'released', 'replay', or 'tombstone' when there was no try. PS005 when it was confirmed.
CREATE FUNCTION ledger_release(p_biz_type text, p_biz_id text, p_step text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_steps text[];
    v_states text[];
BEGIN
    INSERT INTO hold (biz_type, biz_id, step, state, ended_at)
    VALUES (p_biz_type, p_biz_id, p_step, 'released', now())
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN 'tombstone';
    END IF;
    SELECT ledger_part_steps(step, parts) INTO v_steps FROM hold
    WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    -- The accounts first, then their holds: the order in which a posting takes them.
    PERFORM FROM account WHERE id IN (
        SELECT account_id FROM hold WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = ANY (v_steps)
    ) ORDER BY class = 'strict', id FOR NO KEY UPDATE;
    SELECT array_agg(state) INTO v_states FROM hold
    WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = ANY (v_steps);
    IF 'confirmed' = ANY (v_states) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('the hold %s %s %s was confirmed', p_biz_type, p_biz_id, p_step);
    ELSIF 'released' = ANY (v_states) THEN
        RETURN 'replay';
    END IF;
    PERFORM ledger_give_back(p_biz_type, p_biz_id, v_steps);
    RETURN 'released';
END $$;
