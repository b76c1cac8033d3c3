-- No hold and no reservation is open whose object has ended, or does not exist.
SELECT h.biz_id, h.biz_type, h.step, o.state, h.amount_minor
FROM hold h LEFT JOIN saga_object o ON o.biz_type = h.biz_type AND o.id = h.biz_id
WHERE h.state = 'held' AND coalesce(o.ended, true) AND h.biz_type IN ('payment', 'refund', 'payout', 'transfer')
    AND (h.created_at >= CAST(:since AS timestamptz) OR o.updated_at >= CAST(:since AS timestamptz))
UNION ALL
SELECT r.payment_id, 'payment', 'reservation', p.state, NULL
FROM reservation r JOIN payment p ON p.id = r.payment_id
WHERE r.state = 'held' AND p.state IN ('succeeded', 'closed', 'failed') AND p.updated_at >= CAST(:since AS timestamptz)
