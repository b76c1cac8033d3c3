-- The inventory participant: the reservation row is its barrier. Stock rows are locked in order of sku and warehouse.

-- try: held, replayed, or an error: PI001 not enough stock, PI002 not on sale, PI003 cancelled before.
CREATE FUNCTION inventory_reserve(p_payment text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    known reservation;
    line record;
    place text;
BEGIN
    INSERT INTO reservation (payment_id, merchant_id, state)
    SELECT id, merchant_id, 'held' FROM payment WHERE id = p_payment
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT * INTO STRICT known FROM reservation WHERE payment_id = p_payment;
        IF known.state = 'released' THEN
            RAISE EXCEPTION 'the reservation was cancelled before it was tried' USING ERRCODE = 'PI003';
        END IF;
        RETURN 'replay';
    END IF;
    PERFORM 1 FROM stock s
    WHERE (s.merchant_id, s.sku) IN (
        SELECT p.merchant_id, l.sku FROM payment_line l JOIN payment p ON p.id = l.payment_id WHERE p.id = p_payment)
    ORDER BY s.sku, s.warehouse FOR UPDATE;
    FOR line IN
        SELECT l.line_no, l.sku, l.quantity, l.warehouse, p.merchant_id, k.on_sale
        FROM payment_line l JOIN payment p ON p.id = l.payment_id
        LEFT JOIN sku k ON k.merchant_id = p.merchant_id AND k.sku = l.sku
        WHERE l.payment_id = p_payment
        ORDER BY l.sku, l.warehouse NULLS LAST, l.line_no
    LOOP
        IF NOT coalesce(line.on_sale, false) THEN
            RAISE EXCEPTION 'sku % is not on sale', line.sku USING ERRCODE = 'PI002';
        END IF;
        SELECT s.warehouse INTO place FROM stock s
        WHERE s.merchant_id = line.merchant_id AND s.sku = line.sku
          AND (line.warehouse IS NULL OR s.warehouse = line.warehouse)
          AND s.on_hand - s.reserved - s.sold >= line.quantity
        ORDER BY s.on_hand - s.reserved - s.sold DESC, s.warehouse LIMIT 1;
        IF place IS NULL THEN
            RAISE EXCEPTION 'not enough stock of %', line.sku USING ERRCODE = 'PI001';
        END IF;
        UPDATE stock SET reserved = reserved + line.quantity
        WHERE merchant_id = line.merchant_id AND sku = line.sku AND warehouse = place;
        INSERT INTO reservation_line (payment_id, line_no, sku, warehouse, quantity)
        VALUES (p_payment, line.line_no, line.sku, place, line.quantity);
    END LOOP;
    RETURN 'held';
END
$$;

-- confirm: reserved becomes sold, once; PI004 when it is not held (a fault, never a refusal).
CREATE FUNCTION inventory_deduct(p_payment text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    known reservation;
BEGIN
    UPDATE reservation SET state = 'confirmed', ended_at = now() WHERE payment_id = p_payment AND state = 'held'
    RETURNING * INTO known;
    IF NOT FOUND THEN
        SELECT * INTO known FROM reservation WHERE payment_id = p_payment;
        IF known.state IS DISTINCT FROM 'confirmed' THEN
            RAISE EXCEPTION 'reservation % is %', p_payment, coalesce(known.state, 'missing') USING ERRCODE = 'PI004';
        END IF;
        RETURN 'replay';
    END IF;
    PERFORM inventory_shift(known, -1, 1);
    RETURN 'confirmed';
END
$$;

-- cancel: reserved is sellable again, once; without a try a tombstone is left; PI004 when it was confirmed.
CREATE FUNCTION inventory_release(p_payment text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    known reservation;
BEGIN
    INSERT INTO reservation (payment_id, merchant_id, state, ended_at)
    SELECT id, merchant_id, 'released', now() FROM payment WHERE id = p_payment
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN 'tombstone';
    END IF;
    UPDATE reservation SET state = 'released', ended_at = now() WHERE payment_id = p_payment AND state = 'held'
    RETURNING * INTO known;
    IF FOUND THEN
        PERFORM inventory_shift(known, -1, 0);
        RETURN 'released';
    END IF;
    SELECT * INTO STRICT known FROM reservation WHERE payment_id = p_payment;
    IF known.state = 'confirmed' THEN
        RAISE EXCEPTION 'reservation % is confirmed', p_payment USING ERRCODE = 'PI004';
    END IF;
    RETURN 'replay';
END
$$;

CREATE FUNCTION inventory_shift(p_known reservation, p_reserved bigint, p_sold bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM stock s
    WHERE s.merchant_id = p_known.merchant_id
      AND (s.sku, s.warehouse) IN (SELECT l.sku, l.warehouse FROM reservation_line l WHERE l.payment_id = p_known.payment_id)
    ORDER BY s.sku, s.warehouse FOR UPDATE;
    UPDATE stock s SET
        reserved = s.reserved + p_reserved * moved.quantity,
        sold = s.sold + p_sold * moved.quantity
    FROM (
        SELECT sku, warehouse, sum(quantity)::bigint AS quantity FROM reservation_line
        WHERE payment_id = p_known.payment_id GROUP BY sku, warehouse
    ) moved
    WHERE s.merchant_id = p_known.merchant_id AND s.sku = moved.sku AND s.warehouse = moved.warehouse;
END
$$;
