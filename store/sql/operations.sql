-- The claim of a refund's, top-up's, payout's or transfer's number: committed before anything happens, dropped when the object was
-- refused (law 12). Rows are taken in one order (key, then number), as payments do.

CREATE FUNCTION claim_operation(
    in_merchant_id text, in_operation text, in_number text, in_key text, in_hash text, in_object_id text, in_body jsonb,
    OUT object_id text, OUT verdict text, OUT opened boolean
) LANGUAGE plpgsql AS $$
DECLARE
    kept operation_request;
BEGIN
    IF in_key IS NOT NULL THEN
        SELECT k.object_id, k.verdict INTO object_id, verdict
        FROM claim_key(in_merchant_id, in_operation, in_key, in_hash, in_object_id) AS k;
    END IF;
    IF in_key IS NULL OR verdict <> 'key_reused' THEN
        SELECT c.* INTO kept FROM claim_number(
            in_merchant_id, in_operation, in_number, in_hash, coalesce(object_id, in_object_id), in_body) AS c;
        object_id := kept.object_id;
        verdict := CASE
            WHEN kept.request_hash <> in_hash THEN 'number_taken'
            WHEN kept.object_id = in_object_id THEN 'new'
            ELSE 'replayed'
        END;
        IF in_key IS NOT NULL AND verdict = 'replayed' THEN
            UPDATE idempotency_key AS k SET object_id = claim_operation.object_id
            WHERE k.merchant_id = in_merchant_id AND k.route = in_operation AND k.key = in_key;
        END IF;
    END IF;
    opened := verdict = 'replayed' AND operation_exists(object_id);
    IF verdict = 'replayed' AND NOT opened AND kept.created_at < now() - interval '10 minutes' THEN
        UPDATE idempotency_key AS k SET created_at = clock_timestamp() WHERE k.object_id = claim_operation.object_id;
        UPDATE operation_request AS r SET created_at = clock_timestamp()
        WHERE r.object_id = claim_operation.object_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the claim was dropped just now' USING ERRCODE = '40001';
        END IF;
        UPDATE payment_request AS r SET created_at = clock_timestamp() WHERE r.payment_id = claim_operation.object_id;
    END IF;
END $$;

-- The request that has the number: this one, or the one that came first.
CREATE FUNCTION claim_number(
    in_merchant_id text, in_operation text, in_number text, in_hash text, in_object_id text, in_body jsonb
) RETURNS operation_request LANGUAGE plpgsql AS $$
DECLARE
    kept operation_request;
BEGIN
    LOOP
        INSERT INTO operation_request (object_id, merchant_id, operation, number, request_hash, body)
        VALUES (in_object_id, in_merchant_id, in_operation, in_number, in_hash, in_body)
        ON CONFLICT DO NOTHING
        RETURNING * INTO kept;
        IF FOUND THEN
            RETURN kept;
        END IF;
        SELECT * INTO kept FROM operation_request AS r
        WHERE r.merchant_id = in_merchant_id AND r.operation = in_operation AND r.number = in_number;
        IF FOUND THEN
            RETURN kept;
        END IF;  -- it was dropped in between: claim anew
    END LOOP;
END $$;

CREATE FUNCTION operation_exists(in_object_id text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM refund WHERE id = in_object_id)
        OR EXISTS (SELECT FROM payout WHERE id = in_object_id)
        OR EXISTS (SELECT FROM transfer WHERE id = in_object_id)
        OR EXISTS (SELECT FROM payment WHERE id = in_object_id)
$$;

-- The number and the keys of an object that never came to be are free again, if they were claimed before then and not
-- again since; true when there was something to drop. Whoever makes the object at this moment is waited for.
CREATE FUNCTION drop_operation(in_object_id text, in_before timestamptz DEFAULT 'infinity') RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM idempotency_key AS k WHERE k.object_id = in_object_id FOR UPDATE;
    PERFORM FROM operation_request AS r WHERE r.object_id = in_object_id FOR UPDATE;
    DELETE FROM operation_request AS r
    WHERE r.object_id = in_object_id AND r.created_at < in_before AND NOT operation_exists(in_object_id);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM idempotency_key AS k WHERE k.object_id = in_object_id;
    RETURN true;
END $$;
