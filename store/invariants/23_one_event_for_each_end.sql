-- One event for each end of an object, and none for an end that it did not come to; each event behind its gate.
SELECT o.id, o.biz_type, o.state, ending.type, count(e.id) AS events
FROM saga_object o CROSS JOIN LATERAL unnest(o.endings) AS ending (type)
LEFT JOIN event_once k ON k.object_id = o.id AND k.type = ending.type
LEFT JOIN event e ON e.id = k.event_id
WHERE o.updated_at >= CAST(:since AS timestamptz) AND o.created_at >= (SELECT ledger_horizon())
GROUP BY o.id, o.biz_type, o.state, ending.type HAVING count(e.id) <> 1
UNION ALL
SELECT o.id, o.biz_type, o.state, e.type, 1
FROM event e JOIN saga_object o ON o.id = e.object_id
WHERE e.created_at >= CAST(:since AS timestamptz) AND e.type <> ALL (o.endings)
    AND split_part(e.type, '.', 2) IN (
        'succeeded', 'closed', 'failed', 'bounced', 'returned', 'rejected', 'expired', 'refunded')
UNION ALL
SELECT e.object_id, NULL, NULL, e.type, 1
FROM event e LEFT JOIN event_once k USING (object_id, object_version, type)
WHERE e.created_at >= CAST(:since AS timestamptz) AND k.event_id IS DISTINCT FROM e.id
