-- The whole book sums to zero per currency, by its entries and by its balances; the balances of all accounts, always.
SELECT 'entries' AS side, currency, sum(amount_minor) AS sum_minor
FROM entry WHERE posting_id >= ledger_first_id(:since) GROUP BY currency HAVING sum(amount_minor) <> 0
UNION ALL
SELECT 'balances', currency, sum(amount_minor) FROM (
    SELECT currency, available + frozen AS amount_minor FROM account
    UNION ALL
    SELECT account.currency, inbox.amount_minor FROM inbox JOIN account ON account.id = inbox.account_id
) AS held
GROUP BY currency HAVING sum(amount_minor) <> 0
