-- The audit chain is unbroken: each block has the hash of its actions and of the block before; none waits for a day.
SELECT b.n, b.actions, found.actions AS found_actions, b.sealed_at
FROM audit_block b
LEFT JOIN audit_block p ON p.n = b.n - 1
CROSS JOIN LATERAL audit_digest(coalesce(p.last_seq, 0), b.last_seq) AS found
WHERE b.sealed_at >= CAST(:since AS timestamptz)
    AND (found.actions <> b.actions OR found.digest <> b.digest OR b.hash <> audit_hash(b)
        OR b.previous_hash IS DISTINCT FROM CASE WHEN b.n = 1 THEN audit_genesis() ELSE p.hash END)
UNION ALL
SELECT NULL, count(*), NULL, min(a.created_at)
FROM operator_action a
WHERE a.seq > coalesce((SELECT max(last_seq) FROM audit_block), 0) AND a.created_at < now() - interval '1 day'
HAVING count(*) > 0
