-- Every inbox row belongs to an entry of that account, and is what its posting did to it.
SELECT inbox.account_id, inbox.posting_id, inbox.n, inbox.amount_minor
FROM inbox LEFT JOIN LATERAL (
    SELECT sum(amount_minor) AS sum_minor, min(n) AS n FROM entry
    WHERE entry.posting_id = inbox.posting_id AND entry.account_id = inbox.account_id
) AS entered ON true
WHERE inbox.posting_id >= ledger_first_id(:since)
    AND (inbox.n IS DISTINCT FROM entered.n OR inbox.amount_minor IS DISTINCT FROM entered.sum_minor)
