-- Each business step has exactly one posting, and it is the one that its gate names.
SELECT biz_type, biz_id, step, count(posted.id) AS postings
FROM (SELECT * FROM ledger_step WHERE posting_id >= ledger_first_id(greatest(:since, (SELECT ledger_horizon())))) AS gate
FULL JOIN (SELECT * FROM posting WHERE id >= ledger_first_id(:since)) AS posted USING (biz_type, biz_id, step)
GROUP BY biz_type, biz_id, step
HAVING count(posted.id) <> 1 OR bool_or(gate.posting_id IS DISTINCT FROM posted.id)
