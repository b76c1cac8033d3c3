-- A payout in flight holds its money, and nothing is in transit once each payout has ended.
SELECT p.id, p.state, p.amount_minor, coalesce(held.minor, 0) AS held_minor
FROM payout p
CROSS JOIN LATERAL (
    SELECT sum(h.amount_minor) AS minor FROM hold h
    WHERE h.biz_type = 'payout' AND h.biz_id = p.id AND h.state = 'held'
) AS held
WHERE p.account_id IS NOT NULL AND p.updated_at >= CAST(:since AS timestamptz)
    AND p.state NOT IN ('succeeded', 'failed', 'rejected', 'expired', 'returned')
    AND coalesce(held.minor, 0) <> p.amount_minor
UNION ALL
SELECT a.id, 'in transit', 0, ledger_entered(a.id)
FROM account a WHERE a.kind = 'payout_in_transit' AND ledger_entered(a.id) <> 0
