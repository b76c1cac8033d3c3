-- Folding adds inbox rows to their account and removes them, under the account's lock and never by a last sequence
-- number: numbers commit out of order.
--
-- Sequential scans are off in the functions of the hot path: a plan is kept for long, and one that was made while the
-- tables were small must not scan them when they are large.

-- The accounts' rows hold everything that is committed; the caller has locked them.
CREATE FUNCTION ledger_fold_locked(p_account_ids text[]) RETURNS bigint LANGUAGE sql AS $$
    WITH taken AS (
        DELETE FROM inbox WHERE account_id = ANY (p_account_ids) RETURNING account_id, amount_minor
    ), sums AS (
        SELECT account_id, sum(amount_minor)::bigint AS amount_minor, count(*) AS taken FROM taken GROUP BY account_id
    ), folded AS (
        UPDATE account SET available = available + sums.amount_minor, version = version + 1
        FROM sums WHERE id = sums.account_id
        RETURNING sums.taken
    )
    SELECT coalesce(sum(taken), 0)::bigint FROM folded
$$;

-- Answers how many inbox rows of the account were folded.
CREATE FUNCTION ledger_fold(p_account_id text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM account WHERE id = p_account_id FOR NO KEY UPDATE;
    RETURN ledger_fold_locked(ARRAY[p_account_id]);
END $$;

-- Folds the p_limit accounts with the longest inbox, passing over those that somebody holds just now; answers rows.
CREATE FUNCTION ledger_fold_some(p_limit integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_longest text[];
    v_locked text[];
BEGIN
    SELECT array_agg(account_id) INTO v_longest
    FROM (SELECT account_id FROM inbox GROUP BY account_id ORDER BY count(*) DESC LIMIT p_limit) AS longest;
    SELECT array_agg(id) INTO v_locked FROM (
        SELECT id FROM account WHERE id = ANY (v_longest) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked;
    RETURN ledger_fold_locked(v_locked);
END $$;
