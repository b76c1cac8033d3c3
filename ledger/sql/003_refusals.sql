-- Every refusal has a state of its own:
--   PS001 balance insufficient    PS002 account blocked     PS003 account closed
--   PS004 try after cancel        PS005 conflict            PS006 unknown account
--   PS007 unbalanced posting      PS008 currency mismatch   PS009 account not empty
--   PS010 day not over

-- Always raises: why an account did not take a hold or a debit that added p_free_minor to its available part.
-- The caller has locked the account, so that what it saw is what is looked at here.
CREATE FUNCTION ledger_refuse(p_account_id text, p_merchant_id text, p_currency text, p_free_minor bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_account account;
BEGIN
    SELECT * INTO v_account FROM account WHERE id = p_account_id;
    IF NOT FOUND OR (p_free_minor < 0 AND v_account.merchant_id <> p_merchant_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS006', MESSAGE = format('no account %s', p_account_id);
    ELSIF v_account.currency <> p_currency THEN
        RAISE EXCEPTION USING ERRCODE = 'PS008', MESSAGE = format('account %s is not in %s', p_account_id, p_currency);
    ELSIF v_account.closed_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'PS003', MESSAGE = format('account %s is closed', p_account_id);
    ELSIF v_account.blocked_at IS NOT NULL AND p_free_minor < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'PS002', MESSAGE = format('account %s is blocked', p_account_id);
    ELSIF v_account.class <> 'open' AND v_account.available + p_free_minor < v_account.floor THEN
        RAISE EXCEPTION USING ERRCODE = 'PS001', MESSAGE = format('account %s does not cover it', p_account_id);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format('account %s has no such hold, or takes none', p_account_id);
END $$;
