-- Stock: reserved = open reservations, sold = confirmed ones less what refunds put back, reserved + sold <= on hand.
SELECT s.sku, s.merchant_id, s.warehouse, s.on_hand, s.reserved, s.sold, counted.reserved AS reservations,
    counted.sold AS confirmed, back.quantity AS restocked
FROM stock s
CROSS JOIN LATERAL (
    SELECT coalesce(sum(l.quantity) FILTER (WHERE r.state = 'held'), 0) AS reserved,
        coalesce(sum(l.quantity) FILTER (WHERE r.state = 'confirmed'), 0) AS sold,
        max(greatest(r.created_at, r.ended_at)) AS changed_at
    FROM reservation r JOIN reservation_line l ON l.payment_id = r.payment_id
    WHERE r.merchant_id = s.merchant_id AND l.sku = s.sku AND l.warehouse = s.warehouse
) AS counted
CROSS JOIN LATERAL (
    SELECT coalesce(sum(line.quantity), 0) AS quantity, max(f.updated_at) AS changed_at
    FROM refund f CROSS JOIN LATERAL jsonb_to_recordset(f.lines) AS line (sku text, warehouse text, quantity bigint)
    WHERE f.merchant_id = s.merchant_id AND f.state IN ('succeeded', 'bounced') AND f.lines IS NOT NULL
        AND line.sku = s.sku AND line.warehouse = s.warehouse
) AS back
WHERE greatest(counted.changed_at, back.changed_at, '1970-01-01') >= CAST(:since AS timestamptz)
    AND (s.reserved <> counted.reserved OR s.sold <> counted.sold - back.quantity OR s.reserved + s.sold > s.on_hand)
