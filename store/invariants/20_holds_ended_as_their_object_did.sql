-- The holds and the reservation of an ended object are closed the right way: confirmed for money that moved.
SELECT h.biz_id, h.biz_type, h.step, o.state, h.state AS hold_state
FROM saga_object o JOIN hold h ON h.biz_type = o.biz_type AND h.biz_id = o.id
WHERE o.updated_at >= CAST(:since AS timestamptz) AND o.ended AND h.state NOT IN ('held', o.holds_end)
UNION ALL
SELECT r.payment_id, 'payment', 'reservation', o.state, r.state
FROM saga_object o JOIN reservation r ON r.payment_id = o.id
WHERE o.biz_type = 'payment' AND o.updated_at >= CAST(:since AS timestamptz) AND o.ended AND r.state NOT IN ('held', o.holds_end)
UNION ALL
SELECT p.id, 'payment', 'hold', p.state, 'missing'
FROM payment p
WHERE p.state = 'succeeded' AND p.balance_minor > 0 AND p.updated_at >= CAST(:since AS timestamptz)
    AND NOT EXISTS (SELECT FROM hold h WHERE h.biz_type = 'payment' AND h.biz_id = p.id)
UNION ALL
SELECT p.id, 'payment', 'reservation', p.state, 'missing'
FROM payment p
WHERE p.state = 'succeeded' AND p.has_lines AND p.updated_at >= CAST(:since AS timestamptz)
    AND NOT EXISTS (SELECT FROM reservation r WHERE r.payment_id = p.id)
UNION ALL
SELECT p.id, 'payout', 'hold', p.state, 'missing'
FROM payout p
WHERE p.state IN ('succeeded', 'returned') AND p.account_id IS NOT NULL AND p.updated_at >= CAST(:since AS timestamptz)
    AND p.amount_minor IS DISTINCT FROM (
        SELECT sum(h.amount_minor) FROM hold h WHERE h.biz_type = 'payout' AND h.biz_id = p.id)
UNION ALL
SELECT r.id, 'refund', 'hold', r.state, 'missing'
FROM refund r
WHERE r.state IN ('succeeded', 'bounced') AND r.updated_at >= CAST(:since AS timestamptz)
    AND CASE
        WHEN r.origin = 'merchant' THEN r.pending_minor + r.available_minor + r.debt_minor
        WHEN r.origin IN ('late', 'duplicate') THEN r.amount_minor
        ELSE 0
    END <> (SELECT coalesce(sum(h.amount_minor), 0) FROM hold h WHERE h.biz_type = 'refund' AND h.biz_id = r.id)
