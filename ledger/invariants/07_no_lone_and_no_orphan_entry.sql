-- No posting has fewer than two entries; every entry has a posting and an account.
SELECT 'posting' AS what, posting.id, count(entry.n) AS entries
FROM posting LEFT JOIN entry ON entry.posting_id = posting.id
WHERE posting.id >= ledger_first_id(:since) GROUP BY posting.id HAVING count(entry.n) < 2
UNION ALL
SELECT 'entry', entry.posting_id, entry.n
FROM entry LEFT JOIN posting ON posting.id = entry.posting_id LEFT JOIN account ON account.id = entry.account_id
WHERE entry.posting_id >= ledger_first_id(:since) AND (posting.id IS NULL OR account.id IS NULL)
