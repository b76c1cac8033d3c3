-- The currency of an entry is its account's.
SELECT entry.posting_id, entry.n, entry.account_id, entry.currency
FROM entry JOIN account ON account.id = entry.account_id
WHERE entry.currency <> account.currency AND entry.posting_id >= ledger_first_id(:since)
