-- Suspense = sum of its items that have not ended, each with an owner; unapplied = late and double receipts not returned.
SELECT coalesce(book.owner, items.owner) AS channel_account_id, 'suspense' AS kind,
    coalesce(book.minor, 0) AS book_minor, coalesce(items.minor, 0) AS items_minor
FROM (
    SELECT a.owner, a.currency, sum(e.amount_minor) AS minor FROM account a JOIN entry e ON e.account_id = a.id
    WHERE a.kind = 'suspense' GROUP BY a.owner, a.currency
) AS book
FULL JOIN (
    SELECT channel_account_id AS owner, currency, sum(amount_minor) AS minor FROM suspense_item
    WHERE state <> 'ended' GROUP BY channel_account_id, currency
) AS items USING (owner, currency)
WHERE coalesce(book.minor, 0) <> coalesce(items.minor, 0)
UNION ALL
SELECT coalesce(book.owner, receipts.owner), 'unapplied', coalesce(book.minor, 0), coalesce(receipts.minor, 0)
FROM (
    SELECT a.owner, a.currency, sum(e.amount_minor) AS minor FROM account a JOIN entry e ON e.account_id = a.id
    WHERE a.kind = 'unapplied' GROUP BY a.owner, a.currency
) AS book
FULL JOIN (
    SELECT channel_account_id AS owner, received_currency AS currency, sum(received_minor) AS minor FROM attempt
    WHERE state IN ('paid_late', 'paid_twice') GROUP BY channel_account_id, received_currency
) AS receipts USING (owner, currency)
WHERE coalesce(book.minor, 0) <> coalesce(receipts.minor, 0)
UNION ALL
SELECT id, 'suspense item', amount_minor, 0 FROM suspense_item
WHERE state <> 'ended' AND (owner = '' OR reason = '') AND created_at >= CAST(:since AS timestamptz)
