-- Each paid attempt is posted exactly once: wallet, clearing and coupon legs are the merchant's credit before fee.
SELECT p.id, p.state, posted.postings, posted.wallet_minor, posted.clearing_minor, posted.coupon_minor,
    posted.credit_minor
FROM payment p
CROSS JOIN LATERAL (
    SELECT count(DISTINCT s.posting_id) AS postings,
        coalesce(sum(-e.amount_minor) FILTER (WHERE a.kind = 'wallet' AND e.amount_minor < 0), 0) AS wallet_minor,
        coalesce(sum(-e.amount_minor) FILTER (WHERE a.kind = 'channel_clearing'), 0) AS clearing_minor,
        coalesce(sum(-e.amount_minor) FILTER (WHERE a.kind = 'coupon_cost'), 0) AS coupon_minor,
        coalesce(sum(e.amount_minor) FILTER (WHERE e.kind IN ('payment', 'top_up') AND e.amount_minor > 0), 0)
            AS credit_minor
    FROM ledger_step s JOIN entry e ON e.posting_id = s.posting_id JOIN account a ON a.id = e.account_id
    WHERE s.biz_type IN ('payment', 'top_up') AND s.biz_id = p.id AND s.step IN ('payment', 'top_up')
) AS posted
WHERE p.updated_at >= CAST(:since AS timestamptz) AND p.created_at >= (SELECT ledger_horizon()) AND CASE
    WHEN p.state = 'succeeded' THEN posted.postings <> 1
        OR posted.clearing_minor <> p.channel_minor
        OR posted.coupon_minor <> p.coupon_minor
        OR posted.credit_minor <> p.channel_minor + p.balance_minor + p.coupon_minor
        OR (p.purpose = 'payment' AND posted.wallet_minor <> p.balance_minor)
    WHEN p.state = 'confirming' THEN posted.postings > 1
    ELSE posted.postings > 0
END
UNION ALL
SELECT a.out_no, a.state, count(DISTINCT s.posting_id), NULL, coalesce(sum(-e.amount_minor), 0), NULL, NULL
FROM attempt a
LEFT JOIN ledger_step s ON s.biz_type = 'attempt' AND s.biz_id = a.out_no
LEFT JOIN entry e ON e.posting_id = s.posting_id AND e.amount_minor < 0
WHERE a.updated_at >= CAST(:since AS timestamptz) AND a.created_at >= (SELECT ledger_horizon())
GROUP BY a.out_no
HAVING CASE WHEN a.state IN ('paid_late', 'paid_twice', 'paid_mismatch', 'returned', 'applied')
    THEN count(DISTINCT s.posting_id) <> 1 OR coalesce(sum(-e.amount_minor), 0) <> a.received_minor
    ELSE count(s.posting_id) > 0
END
