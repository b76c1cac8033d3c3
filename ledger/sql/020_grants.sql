-- The application reads the book and calls its functions; nobody but the owner writes a row.

DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ledger\_%'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', v_function);
    END LOOP;
END $$;

GRANT SELECT ON
    ledger_chart, account, ledger_step, ledger_correction, posting, entry, inbox, hold, sealed_day, day_balance,
    table_partition
TO paysaga_app;

GRANT EXECUTE ON FUNCTION
    ledger_open_account, ledger_block_account, ledger_unblock_account, ledger_close_account,
    ledger_hold, ledger_hold_from, ledger_release, ledger_post, ledger_correct, ledger_fold,
    ledger_fold_some, ledger_seal_day
TO paysaga_app;

-- What only reads runs with the reader's own rights.
GRANT EXECUTE ON FUNCTION
    ledger_zone, ledger_day, ledger_first_id, ledger_day_digest, ledger_balance_from, ledger_balance_before,
    ledger_balance_on, ledger_days_open, ledger_horizon, ledger_horizon_day, ledger_entered
TO paysaga_app;
