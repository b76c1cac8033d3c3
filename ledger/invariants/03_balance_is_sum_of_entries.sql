-- available + frozen + inbox = sum of entries, per account.
SELECT account.id, available + frozen AS balance_minor, coalesce(waiting.sum_minor, 0) AS inbox_minor,
    coalesce(entered.sum_minor, 0) AS entries_minor
FROM account
LEFT JOIN (SELECT account_id, sum(amount_minor) AS sum_minor FROM inbox GROUP BY account_id) AS waiting
    ON waiting.account_id = account.id
LEFT JOIN (SELECT account_id, sum(amount_minor) AS sum_minor FROM entry GROUP BY account_id) AS entered
    ON entered.account_id = account.id
WHERE available + frozen + coalesce(waiting.sum_minor, 0) <> coalesce(entered.sum_minor, 0)
