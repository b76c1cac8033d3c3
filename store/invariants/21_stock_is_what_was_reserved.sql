-- Stock: reserved = open reservations, sold = confirmed ones less what refunds put back, reserved + sold <= on hand.
WITH moved AS (
    -- Once, whatever changed: looked up by product, all refunds would be read for each product.
    SELECT r.merchant_id, l.sku, l.warehouse, greatest(r.created_at, r.ended_at) AS changed_at,
        CASE r.state WHEN 'held' THEN l.quantity ELSE 0 END AS reserved,
        CASE r.state WHEN 'confirmed' THEN l.quantity ELSE 0 END AS confirmed,
        0 AS restocked
    FROM reservation r JOIN reservation_line l ON l.payment_id = r.payment_id
    UNION ALL
    SELECT f.merchant_id, line.sku, line.warehouse, f.updated_at, 0, 0,
        CASE WHEN f.state IN ('succeeded', 'bounced') THEN line.quantity ELSE 0 END
    FROM refund f CROSS JOIN LATERAL jsonb_to_recordset(f.lines) AS line (sku text, warehouse text, quantity bigint)
    WHERE f.lines IS NOT NULL
), counted AS (
    SELECT merchant_id, sku, warehouse, max(changed_at) AS changed_at, sum(reserved) AS reserved,
        sum(confirmed) AS confirmed, sum(restocked) AS restocked
    FROM moved GROUP BY merchant_id, sku, warehouse
)
SELECT sku, merchant_id, warehouse, s.on_hand, s.reserved, s.sold, c.reserved AS reservations, c.confirmed, c.restocked
FROM stock s FULL JOIN counted c USING (merchant_id, sku, warehouse)
WHERE coalesce(c.changed_at, '1970-01-01T00:00:00Z') >= CAST(:since AS timestamptz)
    AND ((s.reserved, s.sold)
        IS DISTINCT FROM (coalesce(c.reserved, 0), coalesce(c.confirmed, 0) - coalesce(c.restocked, 0))
        OR s.reserved + s.sold > s.on_hand)
