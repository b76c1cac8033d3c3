-- available + frozen + inbox = sum of entries, per account that is new or moved: from the last day that was sealed
-- before, all entries where there is none.
SELECT account.id, available + frozen AS balance_minor, waiting.sum_minor AS inbox_minor,
    entered.sum_minor AS entries_minor
FROM account
CROSS JOIN (
    SELECT max(day) AS day FROM sealed_day WHERE day < ledger_day(greatest(:since, (SELECT ledger_horizon())))
) AS sealed
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount_minor), 0) AS sum_minor FROM inbox WHERE account_id = account.id
) AS waiting
CROSS JOIN LATERAL (
    SELECT CASE WHEN sealed.day IS NULL
        THEN (SELECT coalesce(sum(amount_minor), 0) FROM entry WHERE account_id = account.id)
        ELSE ledger_balance_from(account.id, sealed.day, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 0)
    END AS sum_minor
) AS entered
WHERE available + frozen + waiting.sum_minor <> entered.sum_minor AND (
    account.created_at >= :since
    OR account.id IN (SELECT account_id FROM entry WHERE posting_id >= ledger_first_id(:since))
)
