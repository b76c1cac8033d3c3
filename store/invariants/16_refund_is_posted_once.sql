-- Each refund that the payer got is posted exactly once, plus one posting of its bounce if it bounced.
SELECT r.id, r.state, posted.refunds, posted.bounces
FROM refund r
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE s.step IN ('refund', 'refund_unapplied', 'refund_suspense')) AS refunds,
        count(*) FILTER (WHERE s.step = 'refund_bounced') AS bounces
    FROM ledger_step s WHERE s.biz_type = 'refund' AND s.biz_id = r.id
) AS posted
WHERE r.updated_at >= CAST(:since AS timestamptz)
    AND (posted.refunds <> CASE WHEN r.state IN ('succeeded', 'bounced') THEN 1 ELSE 0 END
        OR posted.bounces <> CASE WHEN r.state = 'bounced' THEN 1 ELSE 0 END)
