-- A succeeded payment has exactly one paid attempt for its channel part, or none if the balance covered it; an
-- unpaid one has none.
SELECT p.id, p.state, p.channel_minor, p.captured_minor, paid.attempts, paid.received_minor
FROM payment p
CROSS JOIN LATERAL (
    SELECT count(*) AS attempts, coalesce(sum(a.received_minor), 0) AS received_minor
    FROM attempt a WHERE a.payment_id = p.id AND a.state = 'paid'
) AS paid
WHERE p.updated_at >= CAST(:since AS timestamptz) AND CASE
    WHEN p.state = 'succeeded' THEN p.captured_minor <> p.amount_minor OR paid.received_minor <> p.channel_minor
        OR paid.attempts <> CASE WHEN p.channel_minor > 0 THEN 1 ELSE 0 END
    WHEN p.state IN ('closed', 'failed') THEN paid.attempts > 0
    ELSE false
END
