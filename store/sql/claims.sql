-- Who may make an object: the rows that a POST commits before anything happens (law 12).
-- Each takes its rows in one order (key, then order number), so two calls wait for each other and never deadlock.
-- A repeat only reads, so that a thousand equal calls do not queue behind one row's lock.

CREATE FUNCTION claim_key(
    in_merchant_id text, in_route text, in_key text, in_hash text, in_object_id text,
    OUT object_id text, OUT verdict text
) LANGUAGE plpgsql AS $$
DECLARE
    kept idempotency_key;
BEGIN
    LOOP
        INSERT INTO idempotency_key (merchant_id, route, key, request_hash, object_id)
        VALUES (in_merchant_id, in_route, in_key, in_hash, in_object_id)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            object_id := in_object_id;
            verdict := 'new';
            RETURN;
        END IF;
        SELECT * INTO kept FROM idempotency_key AS k
        WHERE k.merchant_id = in_merchant_id AND k.route = in_route AND k.key = in_key;
        EXIT WHEN FOUND;  -- a row that was dropped in between is claimed anew
    END LOOP;
    object_id := kept.object_id;
    verdict := CASE WHEN kept.request_hash = in_hash THEN 'replayed' ELSE 'key_reused' END;
END $$;

CREATE FUNCTION claim_order(
    in_merchant_id text, in_order_no text, in_hash text, in_payment_id text,
    OUT payment_id text, OUT verdict text
) LANGUAGE plpgsql AS $$
DECLARE
    kept order_claim;
    ended boolean;
BEGIN
    LOOP
        INSERT INTO order_claim (merchant_id, order_no, payment_id, request_hash)
        VALUES (in_merchant_id, in_order_no, in_payment_id, in_hash)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            payment_id := in_payment_id;
            verdict := 'new';
            RETURN;
        END IF;
        SELECT * INTO kept FROM order_claim AS c
        WHERE c.merchant_id = in_merchant_id AND c.order_no = in_order_no;
        CONTINUE WHEN NOT FOUND;
        SELECT p.state IN ('closed', 'failed') INTO ended FROM payment AS p WHERE p.id = kept.payment_id;
        EXIT WHEN ended IS NOT TRUE;
        UPDATE order_claim AS c
        SET payment_id = in_payment_id, request_hash = in_hash, claimed_at = clock_timestamp()
        WHERE c.merchant_id = in_merchant_id AND c.order_no = in_order_no AND c.payment_id = kept.payment_id;
        IF FOUND THEN
            payment_id := in_payment_id;
            verdict := 'new';
            RETURN;
        END IF;  -- another call took it over first: look again
    END LOOP;
    payment_id := kept.payment_id;
    verdict := CASE WHEN kept.request_hash = in_hash THEN 'replayed' ELSE 'order_taken' END;
END $$;

-- The payment that this call is about: a new one, the one that the key made, or the one that has the order number.
-- `opened` tells whether its row exists; an old claim without one is young again, so that it is not dropped
-- meanwhile.
CREATE FUNCTION claim_payment(
    in_merchant_id text, in_key text, in_order_no text, in_hash text, in_payment_id text,
    OUT payment_id text, OUT verdict text, OUT opened boolean
) LANGUAGE plpgsql AS $$
BEGIN
    opened := false;
    IF in_key IS NOT NULL THEN
        SELECT k.object_id, k.verdict INTO payment_id, verdict
        FROM claim_key(in_merchant_id, 'payments', in_key, in_hash, in_payment_id) AS k;
    END IF;
    IF in_key IS NULL OR verdict = 'new' THEN
        SELECT c.payment_id, c.verdict INTO payment_id, verdict
        FROM claim_order(in_merchant_id, in_order_no, in_hash, in_payment_id) AS c;
        IF in_key IS NOT NULL AND verdict = 'replayed' THEN
            UPDATE idempotency_key AS k SET object_id = claim_payment.payment_id
            WHERE k.merchant_id = in_merchant_id AND k.route = 'payments' AND k.key = in_key;
        END IF;
    END IF;
    IF verdict <> 'replayed' THEN
        RETURN;
    END IF;
    opened := EXISTS (SELECT FROM payment AS p WHERE p.id = claim_payment.payment_id);
    IF NOT opened AND EXISTS (
        SELECT FROM order_claim AS c
        WHERE c.payment_id = claim_payment.payment_id AND c.claimed_at < now() - interval '10 minutes'
    ) THEN
        UPDATE idempotency_key AS k SET created_at = clock_timestamp()
        WHERE k.merchant_id = in_merchant_id AND k.route = 'payments' AND k.key = in_key;
        UPDATE order_claim AS c SET claimed_at = clock_timestamp() WHERE c.payment_id = claim_payment.payment_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the claim was dropped just now' USING ERRCODE = '40001';
        END IF;
        UPDATE payment_request AS r SET created_at = clock_timestamp() WHERE r.payment_id = claim_payment.payment_id;
    END IF;
END $$;
