-- The balance of each account on the last sealed day is the sum of its entries that were booked up to it.
WITH sealed AS (
    SELECT max(day) AS day FROM sealed_day HAVING max(day) >= ledger_day(CAST(:since AS timestamptz))
), kept AS (
    SELECT DISTINCT ON (b.account_id) b.account_id, b.day, b.balance_minor
    FROM day_balance b JOIN sealed ON b.day <= sealed.day ORDER BY b.account_id, b.day DESC
), archived AS (
    SELECT DISTINCT ON (b.account_id) b.account_id, b.balance_minor
    FROM day_balance b JOIN sealed ON b.day <= sealed.day
    WHERE b.day <= (SELECT ledger_horizon_day()) ORDER BY b.account_id, b.day DESC
), entered AS (
    SELECT account_id, sum(amount_minor) AS sum_minor FROM (
        SELECT e.account_id, e.amount_minor
        FROM sealed JOIN posting p ON p.booked_on <= sealed.day JOIN entry e ON e.posting_id = p.id
        WHERE p.booked_on > (SELECT ledger_horizon_day())
        UNION ALL
        SELECT account_id, balance_minor FROM archived
    ) AS moved GROUP BY account_id
)
SELECT coalesce(kept.account_id, entered.account_id) AS account_id, kept.day, kept.balance_minor,
    entered.sum_minor AS entries_minor
FROM kept FULL JOIN entered ON entered.account_id = kept.account_id
WHERE kept.balance_minor IS DISTINCT FROM entered.sum_minor
