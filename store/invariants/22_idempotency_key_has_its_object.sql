-- Every idempotency key is finished and points at its object; one whose object never came to be is dropped in time.
SELECT k.object_id, k.merchant_id, k.route, k.created_at
FROM idempotency_key k
WHERE k.created_at >= CAST(:since AS timestamptz) - interval '2 hours' AND k.created_at < now() - interval '2 hours'
    AND NOT EXISTS (SELECT FROM saga_object o WHERE o.id = k.object_id)
    AND NOT EXISTS (SELECT FROM account a WHERE a.id = k.object_id)
    AND NOT EXISTS (SELECT FROM sku s WHERE s.merchant_id = k.merchant_id AND s.sku = k.object_id)
    AND NOT EXISTS (SELECT FROM merchant m WHERE m.id = k.object_id)
    AND NOT EXISTS (SELECT FROM channel_account c WHERE c.id = k.object_id)
    AND NOT EXISTS (SELECT FROM api_key a WHERE a.id = k.object_id)
