-- frozen = sum of open holds, per account and in its currency; no hold without an account.
SELECT coalesce(account.id, held.account_id) AS account_id, account.frozen AS frozen_minor, held.sum_minor AS holds_minor
FROM account
FULL JOIN (
    SELECT account_id, currency, sum(amount_minor) AS sum_minor
    FROM hold WHERE state = 'held' GROUP BY account_id, currency
) AS held ON held.account_id = account.id AND held.currency = account.currency
WHERE account.frozen IS DISTINCT FROM coalesce(held.sum_minor, 0) AND (
    held.account_id IS NOT NULL
    OR account.created_at >= :since
    OR account.id IN (SELECT account_id FROM hold WHERE ended_at >= :since)
)
