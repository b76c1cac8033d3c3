-- Opening, blocking and closing. System accounts are opened by the first posting that needs them.

-- The account exists with these properties; answers whether it existed already. Other properties: PS005.
CREATE FUNCTION ledger_open_account(
    p_id text, p_kind text, p_owner text, p_merchant_id text, p_currency text, p_floor_minor bigint, p_metadata jsonb
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO account (id, kind, owner, merchant_id, currency, class, floor, metadata)
    SELECT p_id, kind, p_owner, p_merchant_id, p_currency, class, p_floor_minor, coalesce(p_metadata, '{}')
    FROM ledger_chart WHERE kind = p_kind
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM account
    WHERE id = p_id AND kind = p_kind AND owner = p_owner AND merchant_id IS NOT DISTINCT FROM p_merchant_id
        AND currency = p_currency AND floor = p_floor_minor;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format('account %s differs, or its kind is unknown', p_id);
    END IF;
    RETURN true;
END $$;

-- The account takes no new hold or debit; the first reason stays. PS006 when there is none.
CREATE FUNCTION ledger_block_account(p_id text, p_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE account SET
        blocked_reason = coalesce(blocked_reason, p_reason),
        version = version + (blocked_at IS NULL)::integer,
        blocked_at = coalesce(blocked_at, now())
    WHERE id = p_id AND class <> 'open';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS006', MESSAGE = format('no account %s that can be blocked', p_id);
    END IF;
END $$;

-- The account takes holds and debits again. PS006 when there is none.
CREATE FUNCTION ledger_unblock_account(p_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE account SET
        version = version + (blocked_at IS NOT NULL)::integer, blocked_at = NULL, blocked_reason = NULL
    WHERE id = p_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS006', MESSAGE = format('no account %s', p_id);
    END IF;
END $$;

-- The account is closed for good. PS009 while a balance, a hold or an inbox row remains; PS006 when there is none.
CREATE FUNCTION ledger_close_account(p_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_account account;
BEGIN
    SELECT account.* INTO v_account FROM account JOIN ledger_chart USING (kind)
    WHERE id = p_id AND opened_by = 'owner' FOR NO KEY UPDATE OF account;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS006', MESSAGE = format('no account %s that can be closed', p_id);
    ELSIF v_account.available <> 0 OR v_account.frozen <> 0 OR EXISTS (SELECT FROM inbox WHERE account_id = p_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS009', MESSAGE = format('account %s is not empty', p_id);
    END IF;
    UPDATE account SET closed_at = now(), version = version + 1 WHERE id = p_id AND closed_at IS NULL;
END $$;
