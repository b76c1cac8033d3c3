-- Suspense = its items that have not ended, each owned and ended by what took it; unapplied = receipts not returned yet.
SELECT coalesce(book.owner, items.owner) AS channel_account_id, 'suspense' AS kind,
    coalesce(book.minor, 0) AS book_minor, coalesce(items.minor, 0) AS items_minor
FROM (
    SELECT a.owner, a.currency, sum(ledger_entered(a.id)) AS minor FROM account a
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
    SELECT a.owner, a.currency, sum(ledger_entered(a.id)) AS minor FROM account a
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
UNION ALL
SELECT i.id, 'suspense item ' || i.state, i.amount_minor, 0
FROM suspense_item i LEFT JOIN saga_object o ON o.id = i.resolution_id
WHERE i.state = 'ending' AND coalesce(o.ended, true)
    OR i.state = 'ended' AND i.ended_at >= CAST(:since AS timestamptz) AND coalesce(o.holds_end, '') <> 'confirmed'
