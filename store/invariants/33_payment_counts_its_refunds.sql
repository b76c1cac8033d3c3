-- What a payment counts as refunded, and as being refunded, is the sum of the refunds that its merchant asked for.
SELECT p.id, p.refunded_minor, p.refunding_minor, asked.given_minor, asked.open_minor
FROM payment p
LEFT JOIN (
    SELECT r.payment_id,
        sum(r.amount_minor) FILTER (WHERE r.state IN ('succeeded', 'bounced')) AS given_minor,
        sum(r.amount_minor) FILTER (WHERE r.state NOT IN ('succeeded', 'bounced', 'failed')) AS open_minor
    FROM refund r WHERE r.origin = 'merchant' GROUP BY r.payment_id
) AS asked ON asked.payment_id = p.id
WHERE p.updated_at >= CAST(:since AS timestamptz)
    AND (p.refunded_minor, p.refunding_minor) <> (coalesce(asked.given_minor, 0), coalesce(asked.open_minor, 0))
