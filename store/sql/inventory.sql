-- The inventory participant: the reservation row is its barrier. Stock rows are locked in order of sku and warehouse.

-- try: held, replayed, or an error: PI001 not enough stock, PI002 not on sale, PI003 cancelled before.
CREATE FUNCTION inventory_reserve(p_payment text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    known reservation;
    line record;
    owner text;
BEGIN
    INSERT INTO reservation (payment_id, merchant_id, state)
    SELECT id, merchant_id, 'held' FROM payment WHERE id = p_payment
    ON CONFLICT DO NOTHING
    RETURNING merchant_id INTO owner;
    IF NOT FOUND THEN
        SELECT * INTO STRICT known FROM reservation WHERE payment_id = p_payment;
        IF known.state = 'released' THEN
            RAISE EXCEPTION 'the reservation was cancelled before it was tried' USING ERRCODE = 'PI003';
        END IF;
        RETURN 'replay';
    END IF;
    PERFORM FROM stock s
    WHERE s.merchant_id = owner AND s.sku = ANY (ARRAY(SELECT l.sku FROM payment_line l WHERE l.payment_id = p_payment))
    ORDER BY s.sku, s.warehouse FOR UPDATE;
    FOR line IN
        SELECT l.line_no, l.sku, l.quantity, l.warehouse, k.on_sale
        FROM payment_line l LEFT JOIN sku k ON k.merchant_id = owner AND k.sku = l.sku
        WHERE l.payment_id = p_payment
        ORDER BY l.sku, l.warehouse NULLS LAST, l.line_no
    LOOP
        IF NOT coalesce(line.on_sale, false) THEN
            RAISE EXCEPTION 'sku % is not on sale', line.sku USING ERRCODE = 'PI002';
        END IF;
        WITH reserved AS (
            UPDATE stock SET reserved = reserved + line.quantity
            WHERE merchant_id = owner AND sku = line.sku AND warehouse = (
                SELECT s.warehouse FROM stock s
                WHERE s.merchant_id = owner AND s.sku = line.sku
                  AND (line.warehouse IS NULL OR s.warehouse = line.warehouse)
                  AND s.on_hand - s.reserved - s.sold >= line.quantity
                ORDER BY s.on_hand - s.reserved - s.sold DESC, s.warehouse LIMIT 1)
            RETURNING warehouse
        )
        INSERT INTO reservation_line (payment_id, line_no, sku, warehouse, quantity)
        SELECT p_payment, line.line_no, line.sku, warehouse, line.quantity FROM reserved;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'not enough stock of %', line.sku USING ERRCODE = 'PI001';
        END IF;
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
    WITH moved AS (
        SELECT sku, warehouse, sum(quantity)::bigint AS quantity FROM reservation_line
        WHERE payment_id = p_known.payment_id GROUP BY sku, warehouse
    ), locked AS (
        SELECT s.sku, s.warehouse, moved.quantity FROM moved
        JOIN stock s ON s.merchant_id = p_known.merchant_id AND s.sku = moved.sku AND s.warehouse = moved.warehouse
        ORDER BY s.sku, s.warehouse FOR UPDATE OF s
    )
    UPDATE stock s SET
        reserved = s.reserved + p_reserved * locked.quantity,
        sold = s.sold + p_sold * locked.quantity
    FROM locked
    WHERE s.merchant_id = p_known.merchant_id AND s.sku = locked.sku AND s.warehouse = locked.warehouse;
END
$$;
