-- Each payout that reached the payee is posted exactly once with its amounts, and once more if it came back; each
-- transfer is posted exactly once.
SELECT p.id, p.state, p.amount_minor, p.fee_minor, posted.*
FROM payout p
CROSS JOIN LATERAL (
    SELECT count(DISTINCT e.posting_id) FILTER (WHERE e.step = 'payout_sent') AS sent,
        count(DISTINCT e.posting_id) FILTER (WHERE e.step = 'payout_done') AS done,
        count(DISTINCT e.posting_id) FILTER (WHERE e.step = 'payout_from_suspense') AS from_suspense,
        count(DISTINCT e.posting_id) FILTER (WHERE e.step = 'payout_returned') AS returned,
        coalesce(sum(e.amount_minor) FILTER (WHERE e.outside AND e.step <> 'payout_returned'), 0) AS paid_minor,
        coalesce(sum(-e.amount_minor) FILTER (WHERE e.outside AND e.step = 'payout_returned'), 0) AS returned_minor
    FROM (
        SELECT s.posting_id, s.step, a.kind IN ('channel_clearing', 'bank') AS outside, e.amount_minor
        FROM ledger_step s JOIN entry e ON e.posting_id = s.posting_id JOIN account a ON a.id = e.account_id
        WHERE s.biz_type = 'payout' AND s.biz_id = p.id
    ) AS e
) AS posted
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.state IN ('succeeded', 'returned') THEN 1 ELSE 0 END AS paid,
        CASE WHEN p.state = 'returned' THEN 1 ELSE 0 END AS returned,
        CASE WHEN p.account_id IS NULL THEN 0 ELSE 1 END AS from_account
) AS due
WHERE p.updated_at >= CAST(:since AS timestamptz) AND p.created_at >= (SELECT ledger_horizon())
    AND (posted.sent, done, from_suspense, posted.returned, paid_minor, returned_minor)
        <> (due.paid * due.from_account, due.paid * due.from_account, due.paid * (1 - due.from_account), due.returned,
            due.paid * (p.amount_minor - p.fee_minor), due.returned * (p.amount_minor - p.fee_minor))
UNION ALL
SELECT t.id, t.state, t.amount_minor, t.fee_minor, posted.postings, NULL, NULL, NULL, posted.to_minor, posted.from_minor
FROM transfer t
CROSS JOIN LATERAL (
    SELECT count(DISTINCT s.posting_id) AS postings,
        coalesce(sum(e.amount_minor) FILTER (WHERE e.account_id = t.to_account_id), 0) AS to_minor,
        coalesce(sum(-e.amount_minor) FILTER (WHERE e.account_id = t.from_account_id), 0) AS from_minor
    FROM ledger_step s JOIN entry e ON e.posting_id = s.posting_id
    WHERE s.biz_type = 'transfer' AND s.biz_id = t.id AND s.step IN ('transfer', 'suspense_to_wallet')
) AS posted
WHERE t.updated_at >= CAST(:since AS timestamptz) AND t.created_at >= (SELECT ledger_horizon()) AND CASE WHEN t.state = 'succeeded'
    THEN (posted.postings, posted.to_minor, posted.from_minor) <> (1, t.amount_minor, t.amount_minor + t.fee_minor)
    ELSE posted.postings > 0
END
