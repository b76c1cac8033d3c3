-- Each business step has exactly one posting, and it is the one that its gate names.
SELECT biz_type, biz_id, step, count(posting.id) AS postings
FROM ledger_step FULL JOIN posting USING (biz_type, biz_id, step)
GROUP BY biz_type, biz_id, step
HAVING count(posting.id) <> 1 OR bool_or(ledger_step.posting_id IS DISTINCT FROM posting.id)
