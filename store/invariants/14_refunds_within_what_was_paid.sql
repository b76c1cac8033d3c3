-- Refunds that a merchant asked for stay within what was captured; all refunds of an attempt within what it received.
SELECT p.id, p.captured_minor AS paid_minor, given.minor AS refunds_minor
FROM payment p
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.amount_minor), 0) AS minor FROM refund r
    WHERE r.payment_id = p.id AND r.origin = 'merchant' AND r.state <> 'failed'
) AS given
WHERE p.id IN (SELECT r.payment_id FROM refund r WHERE r.updated_at >= CAST(:since AS timestamptz))
    AND given.minor > p.captured_minor
UNION ALL
SELECT a.out_no, a.received_minor, given.minor
FROM attempt a
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.channel_minor), 0) AS minor FROM refund r
    WHERE r.payment_id = a.payment_id AND r.out_no = a.out_no AND r.state NOT IN ('failed', 'bounced')
) AS given
WHERE a.out_no IN (SELECT r.out_no FROM refund r WHERE r.updated_at >= CAST(:since AS timestamptz))
    AND given.minor > coalesce(a.received_minor, 0)
