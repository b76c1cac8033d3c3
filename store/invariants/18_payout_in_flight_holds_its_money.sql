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
SELECT e.account_id, 'in transit', 0, sum(e.amount_minor)
FROM entry e JOIN account a ON a.id = e.account_id
WHERE a.kind = 'payout_in_transit' GROUP BY e.account_id HAVING sum(e.amount_minor) <> 0
