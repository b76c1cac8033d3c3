-- Each refund that the payer got is posted exactly once with its amounts, plus one posting of its bounce if it bounced.
SELECT r.id, r.state, r.channel_minor, r.balance_minor, r.coupon_minor, r.fee_minor, posted.*
FROM refund r
CROSS JOIN LATERAL (
    SELECT count(DISTINCT e.posting_id) FILTER (WHERE e.given) AS refunds,
        count(DISTINCT e.posting_id) FILTER (WHERE e.step = 'refund_bounced') AS bounces,
        coalesce(sum(e.amount_minor) FILTER (WHERE e.given AND e.kind = 'channel_clearing'), 0) AS clearing_minor,
        coalesce(sum(e.amount_minor) FILTER (WHERE e.given AND e.kind = 'wallet'), 0) AS wallet_minor,
        coalesce(sum(e.amount_minor) FILTER (WHERE e.given AND e.kind = 'coupon_cost'), 0) AS coupon_cost_minor,
        coalesce(sum(-e.amount_minor) FILTER (WHERE e.given AND e.kind = 'platform_fee'), 0) AS platform_fee_minor,
        coalesce(sum(-e.amount_minor) FILTER (WHERE e.step = 'refund_bounced' AND e.kind = 'channel_clearing'), 0)
            AS bounced_minor
    FROM (
        SELECT s.posting_id, s.step, s.step IN ('refund', 'refund_unapplied', 'refund_suspense') AS given,
            a.kind, e.amount_minor
        FROM ledger_step s JOIN entry e ON e.posting_id = s.posting_id JOIN account a ON a.id = e.account_id
        WHERE s.biz_type = 'refund' AND s.biz_id = r.id
    ) AS e
) AS posted
WHERE r.updated_at >= CAST(:since AS timestamptz) AND r.created_at >= (SELECT ledger_horizon()) AND (
    posted.bounces <> CASE WHEN r.state = 'bounced' THEN 1 ELSE 0 END
    OR posted.bounced_minor <> CASE WHEN r.state = 'bounced' THEN r.channel_minor ELSE 0 END
    OR CASE WHEN r.state IN ('succeeded', 'bounced')
        THEN (posted.refunds, clearing_minor, wallet_minor, coupon_cost_minor, platform_fee_minor)
            <> (1, r.channel_minor, r.balance_minor, r.coupon_minor, r.fee_minor)
        ELSE posted.refunds > 0
    END)
