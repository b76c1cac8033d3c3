-- Everything without rows is dropped and made anew.

DO $$
DECLARE
    v_drop text;
BEGIN
    FOR v_drop IN
        SELECT statement FROM (
            SELECT 1 AS place, oid, format('DROP VIEW %s', oid::regclass) AS statement FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' AND relowner = current_user::regrole
            UNION ALL
            SELECT 2, pg_trigger.oid, format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
            UNION ALL
            SELECT 3, oid, format('DROP FUNCTION %s', oid::regprocedure) FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
            UNION ALL
            SELECT 4, oid, format('DROP TYPE %s', oid::regclass) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'c' AND relowner = current_user::regrole
        ) AS dropped ORDER BY place, oid DESC
    LOOP
        EXECUTE v_drop;
    END LOOP;
END $$;

-- The audit: operators' actions, appended only, and the blocks that seal them. Each block contains the hash of the one
-- before it, so a changed, added or removed action breaks the chain from there on.

-- An action as sealed and as verified: the same text in every session, whatever its time zone.
CREATE FUNCTION audit_text(p_action operator_action) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        p_action.seq, p_action.id, p_action.actor, p_action.action, p_action.object_id, p_action.reason,
        p_action.before, p_action.after, p_action.request_id,
        to_char(p_action.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'))::text
$$;

-- How many actions lie after one number up to another, and the digest of their texts.
CREATE FUNCTION audit_digest(p_after bigint, p_last bigint, OUT actions bigint, OUT digest bytea)
LANGUAGE sql STABLE AS $$
    SELECT count(*), sha256(convert_to(coalesce(string_agg(audit_text(a), E'\n' ORDER BY a.seq), ''), 'UTF8'))
    FROM operator_action a WHERE a.seq > p_after AND a.seq <= p_last
$$;

CREATE FUNCTION audit_hash(p_block audit_block) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(
        p_block.previous_hash || p_block.digest || int8send(p_block.n) || int8send(p_block.first_seq)
        || int8send(p_block.last_seq) || int8send(p_block.actions)
        || int8send((extract(epoch FROM p_block.sealed_at) * 1000000)::bigint))
$$;

-- What the first block has before it.
CREATE FUNCTION audit_genesis() RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT decode(repeat('00', 32), 'hex') $$;

-- Seals the oldest unsealed actions, at most 10,000, in one block; answers it, or null when there is none.
-- Writers in flight are waited for and new ones wait, so no lower number can commit later; seals wait for each other.
CREATE FUNCTION audit_seal() RETURNS audit_block
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last audit_block;
    made audit_block;
BEGIN
    LOCK TABLE operator_action IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO last FROM audit_block ORDER BY n DESC LIMIT 1;
    SELECT min(seq), max(seq) INTO made.first_seq, made.last_seq FROM (
        SELECT seq FROM operator_action WHERE seq > coalesce(last.last_seq, 0) ORDER BY seq LIMIT 10000
    ) AS unsealed;
    IF made.first_seq IS NULL THEN
        RETURN NULL;
    END IF;
    made.n := coalesce(last.n, 0) + 1;
    made.previous_hash := coalesce(last.hash, audit_genesis());
    made.sealed_at := clock_timestamp();
    SELECT d.actions, d.digest INTO made.actions, made.digest
    FROM audit_digest(coalesce(last.last_seq, 0), made.last_seq) AS d;
    made.hash := audit_hash(made);
    INSERT INTO audit_block (n, first_seq, last_seq, actions, digest, previous_hash, hash, sealed_at)
    VALUES (made.n, made.first_seq, made.last_seq, made.actions, made.digest, made.previous_hash, made.hash, made.sealed_at);
    RETURN made;
END
$$;

REVOKE ALL ON FUNCTION audit_seal() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_seal() TO paysaga_app;

-- Nobody rewrites the audit, its owner neither.
CREATE FUNCTION audit_refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is appended only', TG_TABLE_NAME USING ERRCODE = 'PA001';
END
$$;

CREATE TRIGGER operator_action_appended BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_action
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_block_appended BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_block
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();


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


-- Everything that runs as a saga, in one shape: what the invariants ask of every kind. A new kind is one arm.
--
-- `ended`: nothing moves it any more. `holds_end`: how its holds and its reservation end with it, confirmed for money
-- that moved and released for money that did not. `due_at`: when it should have ended. `endings`: the types of the
-- events that tell its end, one each.

CREATE VIEW saga_object AS
SELECT 'payment' AS biz_type, id, merchant_id, state, created_at, updated_at, needs_attention, attention_owner,
    state IN ('succeeded', 'closed', 'failed') AS ended,
    CASE state WHEN 'succeeded' THEN 'confirmed' WHEN 'closed' THEN 'released' WHEN 'failed' THEN 'released' END
        AS holds_end,
    greatest(updated_at, expires_at) AS due_at,
    CASE WHEN state IN ('succeeded', 'closed', 'failed') THEN ARRAY[purpose || '.' || state] ELSE '{}' END AS endings
FROM payment
UNION ALL
SELECT 'refund', id, merchant_id, state, created_at, updated_at, needs_attention, attention_owner,
    state IN ('succeeded', 'failed', 'bounced'),
    CASE state WHEN 'succeeded' THEN 'confirmed' WHEN 'bounced' THEN 'confirmed' WHEN 'failed' THEN 'released' END,
    greatest(updated_at, approval_expires_at),
    CASE
        WHEN state = 'failed' THEN ARRAY['refund.failed']
        WHEN state IN ('succeeded', 'bounced') THEN
            ARRAY[CASE WHEN origin IN ('merchant', 'bounce') THEN 'refund.succeeded' ELSE 'late_payment.refunded' END]
            || CASE WHEN state = 'bounced' THEN ARRAY['refund.bounced'] ELSE '{}' END
        ELSE '{}'
    END
FROM refund
UNION ALL
SELECT 'payout', id, merchant_id, state, created_at, updated_at, needs_attention, attention_owner,
    state IN ('succeeded', 'failed', 'rejected', 'expired', 'returned'),
    CASE
        WHEN state IN ('succeeded', 'returned') THEN 'confirmed'
        WHEN state IN ('failed', 'rejected', 'expired') THEN 'released'
    END,
    greatest(updated_at, approval_expires_at),
    CASE
        WHEN state = 'returned' THEN ARRAY['payout.succeeded', 'payout.returned']
        WHEN state = 'succeeded' THEN ARRAY['payout.succeeded']
        WHEN state IN ('failed', 'rejected', 'expired') THEN ARRAY['payout.failed']
        ELSE '{}'
    END
FROM payout
UNION ALL
SELECT 'transfer', id, merchant_id, state, created_at, updated_at, false, NULL,
    state IN ('succeeded', 'failed'),
    CASE state WHEN 'succeeded' THEN 'confirmed' WHEN 'failed' THEN 'released' END,
    updated_at,
    CASE WHEN state IN ('succeeded', 'failed') THEN ARRAY['transfer.' || state] ELSE '{}' END
FROM transfer;

GRANT SELECT ON saga_object TO paysaga_app;


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


-- The tables that only grow are partitioned by the time in their ids. A partition is made before its time comes, and
-- detached when it is old and nothing in it is open; what was detached lies in the schema `archive` until somebody takes
-- it away. Each table has a default partition beside them, so that no row is ever refused; it ought to be empty.

CREATE FUNCTION partition_tables() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY['callback', 'delivery', 'delivery_attempt', 'entry', 'event', 'evidence', 'posting']
$$;

-- The first ten characters of the ids of that moment: its milliseconds in 32 letters and digits that sort.
CREATE FUNCTION partition_letters(p_at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', ((ms >> 5 * place) & 31)::int + 1, 1), '' ORDER BY place DESC)
    FROM (SELECT floor(extract(epoch FROM p_at) * 1000)::bigint AS ms) AS moment, generate_series(0, 9) AS place
$$;

-- The lowest key of that table that was made at that moment or later; evidence alone has its time beside its id.
CREATE FUNCTION partition_bound(p_table text, p_at timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN p_table IN ('entry', 'posting') THEN ledger_first_id(p_at)::text
        WHEN p_table = 'event' THEN 'evt_' || replace(ledger_first_id(p_at)::text, '-', '')
        WHEN p_table IN ('delivery', 'delivery_attempt') THEN 'dlv_' || partition_letters(p_at)
        WHEN p_table = 'callback' THEN 'cbk_' || partition_letters(p_at)
        WHEN p_table = 'evidence' THEN p_at::text
    END;
END $$;

-- One more partition, attached without a lock on the rows that are being written: the default one alone is locked, and
-- what it holds of that time is moved. Indexes and constraints are the table's.
CREATE FUNCTION partition_add(p_table text, p_begins date, p_ends date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_name text := format('%s_%s', p_table, to_char(p_begins, 'YYYYMMDD'));
    v_begins timestamptz := p_begins::timestamp AT TIME ZONE ledger_zone();
    v_ends timestamptz := p_ends::timestamp AT TIME ZONE ledger_zone();
    v_from text := partition_bound(p_table, v_begins);
    v_to text := partition_bound(p_table, v_ends);
    v_key text := (
        SELECT attname FROM pg_partitioned_table JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]
        WHERE partrelid = p_table::regclass);
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING IDENTITY)', v_name, p_table);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', p_table || '_default');
    EXECUTE format(
        'WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
        p_table || '_default', v_key, v_from, v_key, v_to, v_name);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', p_table, v_name, v_from, v_to);
    INSERT INTO table_partition (name, table_name, begins_at, ends_at) VALUES (v_name, p_table, v_begins, v_ends);
END $$;

-- Each table has partitions for now and for so many periods to come, each of so many days; answers how many were made.
CREATE FUNCTION partition_ahead(p_days integer, p_periods integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    v_table text;
    v_begins date;
    v_made bigint := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('partition', 0));
    FOREACH v_table IN ARRAY partition_tables() LOOP
        -- A table without any begins two days back: an id may be that much older than its row.
        v_begins := coalesce(
            (SELECT ledger_day(max(ends_at)) FROM table_partition WHERE table_name = v_table), ledger_day(now()) - 2);
        WHILE v_begins <= ledger_day(now()) + p_days * p_periods LOOP
            PERFORM partition_add(v_table, v_begins, v_begins + p_days);
            v_begins := v_begins + p_days;
            v_made := v_made + 1;
        END LOOP;
    END LOOP;
    RETURN v_made;
END $$;

-- Why no partition that ends then may be detached; null when each may.
CREATE FUNCTION partition_kept_for(p_ends timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN p_ends > now() THEN 'its time is not over'
        WHEN NOT EXISTS (SELECT FROM sealed_day WHERE day >= ledger_day(p_ends) - 1) THEN 'its days are not sealed'
        WHEN EXISTS (SELECT FROM posting WHERE id < ledger_first_id(p_ends) AND booked_on >= ledger_day(p_ends))
            THEN 'a posting in it is booked on a later day'
        WHEN EXISTS (SELECT FROM inbox WHERE posting_id < ledger_first_id(p_ends)) THEN 'an inbox is not folded'
        WHEN EXISTS (SELECT FROM saga_object WHERE NOT ended AND created_at < p_ends) THEN 'an object is open'
        WHEN EXISTS (SELECT FROM suspense_item WHERE state <> 'ended' AND created_at < p_ends)
            THEN 'a suspense item is open'
        WHEN EXISTS (SELECT FROM attempt WHERE watch_until IS NOT NULL AND created_at < p_ends)
            THEN 'an attempt is watched'
        WHEN EXISTS (SELECT FROM event WHERE handed_at IS NULL AND id < partition_bound('event', p_ends))
            OR EXISTS (
                SELECT FROM delivery d JOIN event e ON e.id = d.event_id
                WHERE d.state = 'pending' AND least(d.created_at, e.created_at) < p_ends)
            THEN 'an event is not delivered'
        WHEN EXISTS (SELECT FROM event WHERE feed_no IS NOT NULL)
            AND NOT EXISTS (SELECT FROM event WHERE feed_no IS NOT NULL AND id >= partition_bound('event', p_ends))
            THEN 'the last number of the feed lies in it'
        WHEN EXISTS (
            SELECT FROM callback
            WHERE applied_at IS NULL AND verdict <> 'unknown_order' AND id < partition_bound('callback', p_ends))
            THEN 'a callback is not applied'
    END;
END $$;

-- The oldest partitions that end before that moment are in the schema `archive`, the posting's and the entry's together
-- with all others of their time. Answers what was detached, and why the rest stays.
CREATE FUNCTION partition_archive(p_before timestamptz, OUT archived bigint, OUT kept_for text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    v_ends timestamptz;
    v_old record;
BEGIN
    archived := 0;
    PERFORM pg_advisory_xact_lock(hashtextextended('partition', 0));
    SELECT min(ends_at) INTO v_ends FROM table_partition WHERE detached_at IS NULL AND ends_at <= p_before;
    IF v_ends IS NULL THEN
        RETURN;
    END IF;
    kept_for := partition_kept_for(v_ends);
    IF kept_for IS NOT NULL THEN
        RETURN;
    END IF;
    FOR v_old IN SELECT * FROM table_partition WHERE detached_at IS NULL AND ends_at = v_ends ORDER BY name LOOP
        -- Never concurrently: that needs a table without a default partition.
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', v_old.table_name, v_old.name);
        EXECUTE format('ALTER TABLE %I SET SCHEMA archive', v_old.name);
        UPDATE table_partition SET detached_at = now() WHERE name = v_old.name;
        archived := archived + 1;
    END LOOP;
END $$;

-- How many rows lie in default partitions, by table; a table without any is left out.
CREATE FUNCTION partition_strays() RETURNS TABLE (table_name text, rows bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    FOREACH table_name IN ARRAY partition_tables() LOOP
        EXECUTE format('SELECT count(*) FROM %I', table_name || '_default') INTO rows;
        IF rows > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION partition_ahead, partition_archive, partition_strays, partition_add FROM PUBLIC;
GRANT EXECUTE ON FUNCTION partition_ahead, partition_archive, partition_strays TO paysaga_app;


-- The moves of a payment and its attempts. Each function is one step's write: it moves rows that are where the step
-- expects them, changes nothing when they are not (a repeat), and answers the payment as it is now.

CREATE FUNCTION payment_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'payment_id', p.id, 'merchant_id', p.merchant_id, 'purpose', p.purpose, 'order_no', p.order_no,
        'state', p.state, 'version', p.version, 'has_lines', p.has_lines, 'balance_minor', p.balance_minor,
        'channel_minor', p.channel_minor, 'currency', p.currency, 'expires_at', p.expires_at,
        'certainty', p.certainty, 'needs_attention', p.needs_attention, 'failure_code', p.failure_code,
        'failure_detail', p.failure_detail, 'close_reason', p.close_reason,
        'attempts', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'out_no', a.out_no, 'number', a.number, 'channel', a.channel,
                'channel_account_id', a.channel_account_id, 'state', a.state,
                'close_proof', a.close_proof, 'send_before', a.send_before, 'call_timeout_s', a.call_timeout_s,
                'close_margin_s', a.close_margin_s, 'expires_at', a.expires_at, 'checks', a.checks,
                'next_check_at', a.next_check_at
            ) ORDER BY a.number)
            FROM attempt a WHERE a.payment_id = p.id), '[]'::jsonb),
        'refunds_due', coalesce((
            SELECT jsonb_agg(r.id ORDER BY r.id) FROM refund r
            WHERE r.payment_id = p.id AND r.origin <> 'merchant' AND r.state NOT IN ('succeeded', 'failed', 'bounced')
        ), '[]'::jsonb))
    FROM payment p WHERE p.id = p_id
$$;

-- The rows as they are now, for the API's rendering and, without `pay` and `payer`, for events.
CREATE FUNCTION payment_snapshot(p payment) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'payment', to_jsonb(p) - 'payer',
        'attempts', coalesce((
            SELECT jsonb_agg(to_jsonb(a) - 'pay' ORDER BY a.number) FROM attempt a WHERE a.payment_id = p.id), '[]'::jsonb))
$$;

CREATE FUNCTION event_append(p_merchant text, p_type text, p_object text, p_version bigint, p_snapshot jsonb) RETURNS void
LANGUAGE sql AS $$
    WITH once AS (
        INSERT INTO event_once (object_id, object_version, type, event_id)
        VALUES (p_object, p_version, p_type, 'evt_' || replace(uuidv7()::text, '-', '')) RETURNING event_id
    )
    INSERT INTO event (id, merchant_id, type, object_id, object_version, snapshot)
    SELECT event_id, p_merchant, p_type, p_object, p_version, p_snapshot FROM once
$$;

CREATE FUNCTION payment_open(p_payment jsonb, p_lines jsonb, p_attempt jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment (
        id, merchant_id, purpose, order_no, to_account_id, amount_minor, currency, balance_minor, channel_minor,
        shipping_minor, fee_rate_bps, fee_fixed_minor, fee_cap_minor, fee_minor, subject, payer_account_id, payer, channel,
        channel_account_id, funds_holder, invoke, has_lines, notify_url, return_url, quit_url, expires_at, metadata,
        failure_code, failure_detail)
    SELECT id, merchant_id, coalesce(purpose, 'payment'), order_no, to_account_id, amount_minor, currency, balance_minor, channel_minor, shipping_minor,
        fee_rate_bps, fee_fixed_minor, fee_cap_minor, fee_minor, subject, payer_account_id, coalesce(payer, '{}'), channel,
        channel_account_id, funds_holder, invoke, has_lines, notify_url, return_url, quit_url, expires_at,
        coalesce(metadata, '{}'), failure_code, failure_detail
    FROM jsonb_populate_record(NULL::payment, p_payment)
    ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
        INSERT INTO payment_line (payment_id, line_no, sku, quantity, unit_price_minor, warehouse)
        SELECT payment_id, line_no, sku, quantity, unit_price_minor, warehouse
        FROM jsonb_populate_recordset(NULL::payment_line, p_lines);
        PERFORM attempt_open(p_attempt) WHERE p_attempt IS NOT NULL;
    END IF;
    RETURN payment_view(p_payment ->> 'id');
END
$$;

CREATE FUNCTION attempt_open(p_attempt jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO attempt (
        out_no, payment_id, number, channel, channel_account_id, invoke, amount_minor, currency, close_proof, send_before,
        call_timeout_s, close_margin_s, expires_at)
    SELECT out_no, payment_id, number, channel, channel_account_id, invoke, amount_minor, currency, close_proof,
        send_before, call_timeout_s, close_margin_s, expires_at
    FROM jsonb_populate_record(NULL::attempt, p_attempt)
    ON CONFLICT DO NOTHING
$$;

-- Moves the payment when it is in one of `p_from`; `p_set` names the other columns that change. `p_event` is what
-- happened to it (`closed`): the event's type begins with what the payment is for. One that ends without effect gives
-- back what it took of the day's limits.
CREATE FUNCTION payment_move(p_id text, p_from text[], p_to text, p_set jsonb, p_event text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    moved payment;
BEGIN
    UPDATE payment p SET
        state = p_to,
        version = p.version + 1,
        updated_at = now(),
        failure_code = CASE WHEN p_set ? 'failure_code' THEN p_set ->> 'failure_code' ELSE p.failure_code END,
        failure_detail = CASE WHEN p_set ? 'failure_detail' THEN p_set ->> 'failure_detail' ELSE p.failure_detail END,
        close_reason = CASE WHEN p_set ? 'close_reason' THEN p_set ->> 'close_reason' ELSE p.close_reason END,
        certainty = coalesce(p_set ->> 'certainty', p.certainty),
        next_check_at = CASE WHEN p_set ? 'next_check_at'
            THEN (p_set ->> 'next_check_at')::timestamptz ELSE p.next_check_at END,
        paid_at = coalesce((p_set ->> 'paid_at')::timestamptz, p.paid_at),
        captured_minor = coalesce((p_set ->> 'captured_minor')::bigint, p.captured_minor),
        needs_attention = coalesce((p_set ->> 'needs_attention')::boolean, p.needs_attention),
        attention_reason = CASE WHEN p_set ? 'attention_reason' THEN p_set ->> 'attention_reason' ELSE p.attention_reason END,
        attention_owner = CASE WHEN p_set ? 'attention_owner' THEN p_set ->> 'attention_owner' ELSE p.attention_owner END,
        channel = coalesce(p_set ->> 'channel', p.channel),
        channel_account_id = coalesce(p_set ->> 'channel_account_id', p.channel_account_id),
        funds_holder = coalesce(p_set ->> 'funds_holder', p.funds_holder),
        invoke = coalesce(p_set ->> 'invoke', p.invoke)
    WHERE p.id = p_id AND p.state = ANY (p_from)
    RETURNING * INTO moved;
    IF moved.id IS NOT NULL AND p_event IS NOT NULL THEN
        PERFORM event_append(
            moved.merchant_id, moved.purpose || '.' || p_event, moved.id, moved.version, payment_snapshot(moved));
    END IF;
    IF moved.state IN ('closed', 'failed') THEN
        PERFORM rule_give_back(moved.id);
    END IF;
    RETURN payment_view(p_id);
END
$$;

-- The terminal row after the last confirm: captured in full.
CREATE FUNCTION payment_succeed(p_id text) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT payment_move(
        p_id, ARRAY['confirming'], 'succeeded',
        jsonb_build_object('captured_minor', p.amount_minor, 'certainty', 'sure', 'next_check_at', NULL),
        'succeeded')
    FROM payment p WHERE p.id = p_id
$$;

-- The row that a sending activity reads and moves: INTENT becomes SENT, unless cancelled or past `send_before`.
CREATE FUNCTION attempt_send(p_out_no text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found attempt;
    in_time boolean;
BEGIN
    SELECT * INTO STRICT found FROM attempt WHERE out_no = p_out_no FOR UPDATE;
    in_time := clock_timestamp() < found.send_before;
    IF found.state = 'intent' THEN
        UPDATE attempt SET
            state = CASE WHEN in_time THEN 'sent' ELSE 'never_sent' END,
            sent_at = CASE WHEN in_time THEN now() END,
            sends = sends + in_time::integer,
            updated_at = now()
        WHERE out_no = p_out_no;
    ELSIF in_time THEN
        UPDATE attempt SET sends = sends + 1 WHERE out_no = p_out_no;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'found', found.state, 'in_time', in_time, 'attempt', to_jsonb(found) - 'pay', 'subject', p.subject,
            'return_url', p.return_url, 'payer', p.payer)
        FROM payment p WHERE p.id = found.payment_id);
END
$$;

-- The call provably did not leave us: the intent stands again, and may be sent again or forbidden. Not when another
-- run has been let through meanwhile: its order may be at the channel.
CREATE FUNCTION attempt_unsend(p_out_no text) RETURNS void
LANGUAGE sql AS $$
    UPDATE attempt SET state = 'intent', sends = 0, sent_at = NULL, updated_at = now()
    WHERE out_no = p_out_no AND state = 'sent' AND sends = 1
$$;

-- What a channel said, kept with its evidence; `p_attempt` names the columns of the attempt that change, `p_move` how
-- the payment moves (null: it stays).
CREATE FUNCTION answer_record(p_out_no text, p_attempt jsonb, p_evidence jsonb, p_move jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    owner text;
BEGIN
    UPDATE attempt a SET
        state = coalesce(p_attempt ->> 'state', a.state),
        channel_no = coalesce(p_attempt ->> 'channel_no', a.channel_no),
        pay = coalesce(p_attempt -> 'pay', a.pay),
        checks = a.checks + coalesce((p_attempt ->> 'checked')::bigint, 0),
        next_check_at = CASE WHEN p_attempt ? 'next_check_at'
            THEN (p_attempt ->> 'next_check_at')::timestamptz ELSE a.next_check_at END,
        watch_until = CASE WHEN p_attempt ? 'watch_until'
            THEN (p_attempt ->> 'watch_until')::timestamptz ELSE a.watch_until END,
        received_minor = coalesce((p_attempt ->> 'received_minor')::bigint, a.received_minor),
        received_currency = coalesce(p_attempt ->> 'received_currency', a.received_currency),
        paid_at = coalesce((p_attempt ->> 'paid_at')::timestamptz, a.paid_at),
        failure_code = coalesce(p_attempt ->> 'failure_code', a.failure_code),
        updated_at = now()
    WHERE a.out_no = p_out_no
    RETURNING a.payment_id INTO owner;
    INSERT INTO evidence (out_no, operation, state, http_status, code, request_id, raw)
    SELECT p_out_no, operation, state, http_status, code, request_id, raw
    FROM jsonb_populate_record(NULL::evidence, p_evidence)
    WHERE p_evidence IS NOT NULL;
    IF p_move IS NULL THEN
        RETURN payment_view(owner);
    END IF;
    RETURN payment_move(
        owner,
        ARRAY(SELECT jsonb_array_elements_text(p_move -> 'from')),
        p_move ->> 'to',
        p_move -> 'set',
        p_move ->> 'event');
END
$$;


-- Payouts: the intent-first record of money sent to a payee (law 4). The destination leaves the database masked, but
-- for the one call that sends it.

-- The last four characters of a long account; nothing of a short one, and its length neither.
CREATE FUNCTION masked(p_account text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT '****' || CASE WHEN length(p_account) >= 8 THEN right(p_account, 4) ELSE '' END
$$;

CREATE FUNCTION payout_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'payout_id', p.id, 'merchant_id', p.merchant_id, 'channel', p.channel, 'out_no', p.out_no, 'state', p.state,
        'leg_state', p.leg_state, 'certainty', p.certainty, 'checks', p.checks, 'next_check_at', p.next_check_at,
        'needs_attention', p.needs_attention, 'failure_code', p.failure_code, 'approval', p.approval,
        'approval_expires_at', p.approval_expires_at, 'amount_minor', p.amount_minor, 'currency', p.currency)
    FROM payout p WHERE p.id = p_id
$$;

CREATE FUNCTION payout_shown(p payout) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(p) - 'memo' || jsonb_build_object('destination', jsonb_build_object(
        'channel', p.channel, 'account', masked(p.destination ->> 'account')))
$$;

-- The payout as it is now, for the API's rendering and for events.
CREATE FUNCTION payout_snapshot(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('payout', payout_shown(p)) FROM payout p WHERE p.id = p_id
$$;

-- The destination, memo and metadata come from the kept request: they take no way round through a process.
CREATE FUNCTION payout_insert(p_payout jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    made payout;
BEGIN
    made := jsonb_populate_record(NULL::payout, p_payout);
    INSERT INTO payout (
        id, merchant_id, payout_no, account_id, account_kind, suspense_item_id, amount_minor, fee_minor, currency,
        channel, channel_account_id, destination, memo, out_no, state, approval, approval_expires_at, metadata)
    SELECT made.id, made.merchant_id, made.payout_no, made.account_id, made.account_kind, made.suspense_item_id,
        made.amount_minor, made.fee_minor, made.currency, made.channel, made.channel_account_id,
        r.body -> 'destination', r.body ->> 'memo', made.out_no, made.state, made.approval, made.approval_expires_at,
        r.body -> 'metadata'
    FROM operation_request r WHERE r.object_id = made.id;
    RETURN payout_view(made.id);
END
$$;

-- INTENT becomes SENT, and the payout is processing: unless it has ended, or waits for an approval that it does not have.
CREATE FUNCTION payout_send(p_id text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found payout;
    may_send boolean;
BEGIN
    SELECT * INTO STRICT found FROM payout WHERE id = p_id FOR UPDATE;
    may_send := found.state IN ('pending', 'processing', 'needs_action')
        AND found.leg_state IN ('intent', 'sent', 'unknown') AND coalesce(found.approval, 'approved') = 'approved';
    IF may_send AND found.leg_state = 'intent' THEN
        UPDATE payout SET
            leg_state = 'sent', sends = 1, sent_at = coalesce(sent_at, now()), last_sent_at = now(),
            state = 'processing', version = version + 1, updated_at = now()
        WHERE id = p_id;
    ELSIF may_send THEN
        UPDATE payout SET sends = sends_under_way(sends, last_sent_at), last_sent_at = now() WHERE id = p_id;
    END IF;
    RETURN jsonb_build_object('may_send', may_send, 'found', found.leg_state, 'payout', to_jsonb(found));
END
$$;

CREATE FUNCTION payout_record(p_id text, p_columns jsonb, p_evidence jsonb, p_event text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    moved payout;
BEGIN
    SELECT * INTO STRICT moved FROM payout WHERE id = p_id FOR UPDATE;
    moved := jsonb_populate_record(moved, p_columns);
    UPDATE payout SET
        state = moved.state, leg_state = moved.leg_state, sends = moved.sends, channel_no = moved.channel_no,
        approval = moved.approval, approval_reason = moved.approval_reason, decided_at = moved.decided_at,
        failure_code = moved.failure_code, failure_detail = moved.failure_detail, certainty = moved.certainty,
        checks = moved.checks + coalesce((p_columns ->> 'checked')::bigint, 0), next_check_at = moved.next_check_at,
        watch_until = moved.watch_until, needs_attention = moved.needs_attention,
        attention_reason = moved.attention_reason, attention_owner = moved.attention_owner,
        succeeded_at = moved.succeeded_at, returned_at = moved.returned_at, version = version + 1, updated_at = now()
    WHERE id = p_id
    RETURNING * INTO moved;
    INSERT INTO evidence (out_no, operation, state, http_status, code, request_id, raw)
    SELECT moved.out_no, operation, state, http_status, code, request_id, raw
    FROM jsonb_populate_record(NULL::evidence, p_evidence)
    WHERE p_evidence IS NOT NULL;
    IF p_event IS NOT NULL THEN
        PERFORM event_append(moved.merchant_id, p_event, moved.id, moved.version, payout_snapshot(p_id));
    END IF;
    RETURN payout_view(p_id);
END
$$;


-- Refunds: the intent-first record of giving money back (law 4). Rows are locked in the order payment, refund of a try,
-- and refund, attempt or payment of its later steps: a try only ever inserts its refund.

CREATE FUNCTION refund_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'refund_id', r.id, 'merchant_id', r.merchant_id, 'payment_id', r.payment_id, 'origin', r.origin,
        'channel', r.channel, 'out_refund_no', r.out_refund_no, 'state', r.state, 'leg_state', r.leg_state,
        'certainty', r.certainty, 'checks', r.checks, 'next_check_at', r.next_check_at,
        'needs_attention', r.needs_attention, 'failure_code', r.failure_code, 'approval', r.approval,
        'approval_expires_at', r.approval_expires_at, 'amount_minor', r.amount_minor, 'currency', r.currency)
    FROM refund r WHERE r.id = p_id
$$;

-- The refund as it is now, for the API's rendering and for events.
CREATE FUNCTION refund_snapshot(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('refund', to_jsonb(r)) FROM refund r WHERE r.id = p_id
$$;

-- What a try needs to know of the payment, which is locked until the transaction ends: how it was paid, which refunds
-- the business asked for took what of it, and what of its lines went back. Null when there is no such payment.
CREATE FUNCTION refund_standing(p_payment_id text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    paid payment;
BEGIN
    SELECT * INTO paid FROM payment WHERE id = p_payment_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'payment', to_jsonb(paid),
            'attempt', (
                SELECT to_jsonb(a) FROM attempt a WHERE a.payment_id = paid.id AND a.state = 'paid' LIMIT 1),
            'given', jsonb_build_object(
                'amount_minor', coalesce(sum(r.amount_minor), 0), 'balance_minor', coalesce(sum(r.balance_minor), 0),
                'coupon_minor', coalesce(sum(r.coupon_minor), 0), 'fee_minor', coalesce(sum(r.fee_minor), 0)),
            'pending_taken_minor', coalesce(sum(r.pending_minor), 0),
            'lines', coalesce((
                SELECT jsonb_agg(to_jsonb(l) ORDER BY l.line_no) FROM reservation_line l
                WHERE l.payment_id = paid.id), '[]'::jsonb))
        FROM refund r WHERE r.payment_id = paid.id AND r.origin = 'merchant' AND r.state <> 'failed');
END
$$;

CREATE FUNCTION refund_insert(p_refund jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO refund (
        id, merchant_id, payment_id, refund_no, origin, out_no, out_refund_no, channel, channel_account_id,
        amount_minor, channel_minor, balance_minor, coupon_minor, fee_minor, pending_minor, available_minor, debt_minor,
        direct_minor, holds, to_account_id, suspense_item_id, currency, reason, lines, leg_state, approval,
        approval_expires_at, metadata, send_before)
    SELECT id, merchant_id, payment_id, refund_no, origin, out_no, out_refund_no, channel, channel_account_id,
        amount_minor, channel_minor, balance_minor, coupon_minor, fee_minor, pending_minor, available_minor, debt_minor,
        direct_minor, holds, to_account_id, suspense_item_id, currency, reason, lines, leg_state, approval,
        approval_expires_at, metadata, 'infinity'
    FROM jsonb_populate_record(NULL::refund, p_refund)
$$;

-- So many of the lines go back into stock, or do not after all (-1).
CREATE FUNCTION refund_claim_lines(p_refund refund, p_sign integer) RETURNS void
LANGUAGE sql AS $$
    UPDATE reservation_line AS l SET restocked = l.restocked + p_sign * taken.quantity
    FROM jsonb_to_recordset(p_refund.lines) AS taken (line_no bigint, quantity bigint)
    WHERE l.payment_id = p_refund.payment_id AND l.line_no = taken.line_no
$$;

-- The refund exists, and its part of the payment and of the lines is nobody else's; the caller has locked the payment.
CREATE FUNCTION refund_open(p_refund jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    asked refund := jsonb_populate_record(NULL::refund, p_refund);
BEGIN
    PERFORM refund_insert(p_refund);
    UPDATE payment SET
        refunding_minor = refunding_minor + asked.amount_minor, version = version + 1, updated_at = now()
    WHERE id = asked.payment_id;
    PERFORM refund_claim_lines(asked, 1);
    RETURN refund_view(asked.id);
END
$$;

-- What was sold is sellable again; of what was shipped meanwhile there is more on hand. Stock is locked in its order.
CREATE FUNCTION refund_restock(p_refund refund) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM stock s
    WHERE s.merchant_id = p_refund.merchant_id AND (s.sku, s.warehouse) IN (
        SELECT back.sku, back.warehouse FROM jsonb_to_recordset(p_refund.lines) AS back (sku text, warehouse text))
    ORDER BY s.sku, s.warehouse FOR UPDATE;
    UPDATE stock s SET
        sold = s.sold - least(s.sold, back.quantity), on_hand = s.on_hand + greatest(back.quantity - s.sold, 0)
    FROM (
        SELECT sku, warehouse, sum(quantity)::bigint AS quantity
        FROM jsonb_to_recordset(p_refund.lines) AS lines (sku text, warehouse text, quantity bigint)
        GROUP BY sku, warehouse
    ) AS back
    WHERE s.merchant_id = p_refund.merchant_id AND s.sku = back.sku AND s.warehouse = back.warehouse;
END
$$;

-- The refund's part of the payment was given back, and its lines are in stock; or it is refundable again. Once: the
-- caller has locked the refund and saw that it had not ended.
CREATE FUNCTION refund_conclude(p_id text, p_given boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    ended refund;
BEGIN
    SELECT * INTO STRICT ended FROM refund WHERE id = p_id;
    UPDATE payment SET
        refunding_minor = refunding_minor - ended.amount_minor,
        refunded_minor = refunded_minor + CASE WHEN p_given THEN ended.amount_minor ELSE 0 END,
        version = version + 1,
        updated_at = now()
    WHERE id = ended.payment_id;
    IF ended.lines IS NULL THEN
        RETURN;
    ELSIF p_given THEN
        PERFORM refund_restock(ended);
    ELSE
        PERFORM refund_claim_lines(ended, -1);
    END IF;
END
$$;

-- True while the channel has, or may have, another refund of the same order that has not ended; the order is locked.
CREATE FUNCTION refund_is_behind(p_refund refund) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM attempt WHERE out_no = p_refund.out_no FOR UPDATE;
    RETURN EXISTS (
        SELECT FROM refund WHERE out_no = p_refund.out_no AND id <> p_refund.id AND leg_state IN ('sent', 'unknown'));
END
$$;

-- INTENT becomes SENT, and the refund is processing; a refund has no deadline, it is owed until it is proven. `may_send`
-- is false once it has ended or its leg is proven, while it lacks an approval, and (looked at again in two seconds)
-- behind another refund of an order whose channel takes one at a time.
-- How many calls may still arrive with one that is let through now: what was sent minutes ago, long after its call has
-- timed out, has arrived or never will. So the refusal of a call that is alone again is proof, where the channel knows
-- the number: had an earlier one arrived, the channel would answer with what it made of it.
CREATE FUNCTION sends_under_way(p_sends bigint, p_last_sent_at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_last_sent_at < now() - interval '2 minutes' THEN 1 ELSE p_sends + 1 END
$$;

CREATE FUNCTION refund_send(p_id text, p_one_at_a_time boolean) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found refund;
    may_send boolean;
BEGIN
    SELECT * INTO STRICT found FROM refund WHERE id = p_id FOR UPDATE;
    may_send := found.state NOT IN ('succeeded', 'failed', 'bounced')
        AND found.leg_state IN ('intent', 'sent', 'unknown')
        AND coalesce(found.approval, 'approved') = 'approved';
    IF may_send AND p_one_at_a_time AND found.leg_state = 'intent' AND refund_is_behind(found) THEN
        may_send := false;
        UPDATE refund SET next_check_at = now() + interval '2 seconds', updated_at = now() WHERE id = p_id;
    ELSIF may_send AND found.leg_state = 'intent' THEN
        UPDATE refund SET
            leg_state = 'sent', sends = 1, sent_at = coalesce(sent_at, now()), last_sent_at = now(), next_check_at = NULL,
            state = 'processing', version = version + 1, updated_at = now()
        WHERE id = p_id;
    ELSIF may_send THEN
        UPDATE refund SET sends = sends_under_way(sends, last_sent_at), last_sent_at = now() WHERE id = p_id;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'found', found.leg_state, 'may_send', may_send, 'refund', to_jsonb(found), 'channel_no', a.channel_no,
            'total_minor', coalesce(a.received_minor, a.amount_minor))
        FROM refund r LEFT JOIN attempt a ON a.out_no = r.out_no WHERE r.id = p_id);
END
$$;

-- The call provably did not leave us: the intent stands again. Not when another run has been let through meanwhile.
CREATE FUNCTION refund_unsend(p_id text) RETURNS void
LANGUAGE sql AS $$
    UPDATE refund SET leg_state = 'intent', sends = 0, updated_at = now()
    WHERE id = p_id AND leg_state = 'sent' AND sends = 1
$$;

-- True when a decision stands from now on: this one, or that it came too late; false when none is awaited any more.
CREATE FUNCTION refund_decide(p_id text, p_decision text, p_reason text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE refund SET
        approval = CASE WHEN now() < approval_expires_at THEN p_decision ELSE 'expired' END,
        approval_reason = p_reason, decided_at = now(), version = version + 1, updated_at = now()
    WHERE id = p_id AND approval = 'awaited';
    RETURN FOUND;
END
$$;

CREATE FUNCTION refund_record(p_id text, p_columns jsonb, p_evidence jsonb, p_event text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    moved refund;
BEGIN
    UPDATE refund r SET
        state = coalesce(p_columns ->> 'state', r.state),
        leg_state = coalesce(p_columns ->> 'leg_state', r.leg_state),
        channel_refund_no = coalesce(p_columns ->> 'channel_refund_no', r.channel_refund_no),
        failure_code = coalesce(p_columns ->> 'failure_code', r.failure_code),
        failure_detail = coalesce(p_columns ->> 'failure_detail', r.failure_detail),
        certainty = coalesce(p_columns ->> 'certainty', r.certainty),
        checks = r.checks + coalesce((p_columns ->> 'checked')::bigint, 0),
        next_check_at = CASE WHEN p_columns ? 'next_check_at'
            THEN (p_columns ->> 'next_check_at')::timestamptz ELSE r.next_check_at END,
        watch_until = CASE WHEN p_columns ? 'watch_until'
            THEN (p_columns ->> 'watch_until')::timestamptz ELSE r.watch_until END,
        needs_attention = coalesce((p_columns ->> 'needs_attention')::boolean, r.needs_attention),
        attention_reason = coalesce(p_columns ->> 'attention_reason', r.attention_reason),
        attention_owner = coalesce(p_columns ->> 'attention_owner', r.attention_owner),
        succeeded_at = coalesce((p_columns ->> 'succeeded_at')::timestamptz, r.succeeded_at),
        bounced_at = coalesce((p_columns ->> 'bounced_at')::timestamptz, r.bounced_at),
        version = r.version + 1,
        updated_at = now()
    WHERE r.id = p_id
    RETURNING * INTO STRICT moved;
    INSERT INTO evidence (out_no, operation, state, http_status, code, request_id, raw)
    SELECT moved.out_refund_no, operation, state, http_status, code, request_id, raw
    FROM jsonb_populate_record(NULL::evidence, p_evidence)
    WHERE p_evidence IS NOT NULL;
    IF p_event IS NOT NULL THEN
        PERFORM event_append(moved.merchant_id, p_event, moved.id, moved.version, refund_snapshot(p_id));
    END IF;
    RETURN refund_view(p_id);
END
$$;


-- What a merchant may do. Limits are counted in the transaction of the try, and given back when it is cancelled (law 2).
-- Their rows are taken before any account: the merchant's day first, then the account's.

-- Adds to one day's total and keeps what for; false, and nothing added, when the limit would be passed.
CREATE FUNCTION limit_take(p_use limit_use, p_limit bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF p_limit IS NULL OR p_use.account_id IS NULL THEN
        RETURN true;
    END IF;
    INSERT INTO limit_use (object_id, account_id, merchant_id, operation, currency, day, amount_minor)
    VALUES (p_use.object_id, p_use.account_id, p_use.merchant_id, p_use.operation, p_use.currency, p_use.day,
        p_use.amount_minor);
    INSERT INTO limit_day AS d (merchant_id, operation, currency, account_id, day, used_minor)
    SELECT p_use.merchant_id, p_use.operation, p_use.currency, p_use.account_id, p_use.day, p_use.amount_minor
    WHERE p_use.amount_minor <= p_limit
    ON CONFLICT (merchant_id, operation, currency, account_id, day)
        DO UPDATE SET used_minor = d.used_minor + excluded.used_minor
        WHERE d.used_minor + excluded.used_minor <= p_limit;
    RETURN FOUND;
END
$$;

-- The day's limits have taken the amount, once per object; false, and nothing taken, when one would be passed.
CREATE FUNCTION limit_count(p_use limit_use, p_rule merchant_rule) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    of_merchant limit_use := p_use;
BEGIN
    IF p_rule.daily_minor IS NULL AND p_rule.daily_per_account_minor IS NULL
        OR EXISTS (SELECT FROM limit_use WHERE object_id = p_use.object_id)  -- counted by an earlier run
    THEN
        RETURN true;
    END IF;
    of_merchant.account_id := '';
    IF limit_take(of_merchant, p_rule.daily_minor) AND limit_take(p_use, p_rule.daily_per_account_minor) THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'PS020';  -- undoes what was taken above
EXCEPTION
    WHEN SQLSTATE 'PS020' THEN
        RETURN false;
    WHEN unique_violation THEN
        RETURN true;  -- counted by a run that committed just now
END
$$;

-- Why the rule refuses the amount or the tools; null when it does not.
CREATE FUNCTION rule_refusal(p_rule merchant_rule, p_amount_minor bigint, p_tools text[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_amount_minor < p_rule.minimum_minor THEN 'amount_below_minimum'
        WHEN p_amount_minor > p_rule.maximum_minor THEN 'amount_above_maximum'
        WHEN p_rule.tools IS NOT NULL AND NOT (p_rule.tools @> to_jsonb(p_tools)) THEN 'tool_not_allowed'
    END
$$;

-- {"refused": code or null, "rule": the row or null}. The amount is counted unless it is refused. Days are the
-- merchant's own.
CREATE FUNCTION rule_admit(
    p_object_id text, p_merchant_id text, p_operation text, p_currency text, p_amount_minor bigint,
    p_account_id text, p_tools text[]
) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    rule merchant_rule;
    taken limit_use;
    refused text;
BEGIN
    SELECT * INTO rule FROM merchant_rule
    WHERE merchant_id = p_merchant_id AND operation = p_operation AND currency = p_currency;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('refused', NULL, 'rule', NULL);
    END IF;
    refused := rule_refusal(rule, p_amount_minor, p_tools);
    IF refused IS NULL THEN
        SELECT p_object_id, p_account_id, p_merchant_id, p_operation, p_currency,
            (now() AT TIME ZONE time_zone)::date, p_amount_minor
        INTO taken.object_id, taken.account_id, taken.merchant_id, taken.operation, taken.currency,
            taken.day, taken.amount_minor
        FROM merchant WHERE id = p_merchant_id;
        IF NOT limit_count(taken, rule) THEN
            refused := 'daily_limit_exceeded';
        END IF;
    END IF;
    RETURN jsonb_build_object('refused', refused, 'rule', to_jsonb(rule));
END
$$;

-- What the object took of the day's limits is free again, once; the merchant's total first, then the account's.
CREATE FUNCTION rule_give_back(p_object_id text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    taken limit_use;
BEGIN
    FOR taken IN
        SELECT * FROM limit_use WHERE object_id = p_object_id AND given_back_at IS NULL ORDER BY account_id FOR UPDATE
    LOOP
        UPDATE limit_use SET given_back_at = now() WHERE object_id = p_object_id AND account_id = taken.account_id;
        UPDATE limit_day SET used_minor = used_minor - taken.amount_minor
        WHERE (merchant_id, operation, currency, account_id, day)
            = (taken.merchant_id, taken.operation, taken.currency, taken.account_id, taken.day);
    END LOOP;
END
$$;


-- Suspense items: money that came and cannot be placed, and what ends them. An item's row is locked after the row of the
-- refund or payout that takes it out, and before that of what it is about.

CREATE FUNCTION suspense_open(p_item jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO suspense_item (
        id, merchant_id, origin, object_id, out_no, channel_account_id, amount_minor, currency, owner, reason, evidence,
        state, resolution, resolution_id)
    SELECT id, merchant_id, origin, object_id, out_no, channel_account_id, amount_minor, currency, owner, reason,
        evidence, CASE WHEN resolution IS NULL THEN 'open' ELSE 'ending' END, resolution, resolution_id
    FROM jsonb_populate_record(NULL::suspense_item, p_item)
    ON CONFLICT DO NOTHING
$$;

-- The item is being ended by that object; null when it is not open, or not this merchant's.
CREATE FUNCTION suspense_take(p_item_id text, p_merchant_id text, p_resolution text, p_object_id text) RETURNS jsonb
LANGUAGE sql AS $$
    UPDATE suspense_item AS i SET
        state = 'ending', resolution = p_resolution, resolution_id = p_object_id, version = version + 1
    WHERE id = p_item_id AND merchant_id = p_merchant_id AND state = 'open'
    RETURNING to_jsonb(i)
$$;

-- The money of the item has left suspense: nobody needs to look any more at the refund that it is about, and a wrong
-- receipt has become what was made of it.
CREATE FUNCTION suspense_end(p_item_id text, p_object_id text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    ended suspense_item;
BEGIN
    UPDATE suspense_item SET state = 'ended', ended_at = now(), version = version + 1
    WHERE id = p_item_id AND resolution_id = p_object_id AND state = 'ending'
    RETURNING * INTO STRICT ended;
    UPDATE refund SET needs_attention = false, version = version + 1, updated_at = now()
    WHERE needs_attention AND id <> p_object_id AND id IN (
        SELECT ended.object_id
        UNION ALL
        SELECT r.id FROM refund r WHERE r.out_no = ended.object_id AND r.origin NOT IN ('merchant', 'bounce'));
    UPDATE attempt SET state = CASE ended.resolution WHEN 'wallet' THEN 'applied' ELSE 'returned' END, updated_at = now()
    WHERE out_no = ended.object_id AND state = 'paid_mismatch';
END
$$;

-- Its money has stayed in suspense after all: somebody may try again.
CREATE FUNCTION suspense_reopen(p_item_id text, p_object_id text) RETURNS void
LANGUAGE sql AS $$
    UPDATE suspense_item SET state = 'open', resolution = NULL, resolution_id = NULL, version = version + 1
    WHERE id = p_item_id AND resolution_id = p_object_id AND state = 'ending'
$$;


-- Transfers: the row of what was posted in the same transaction.

CREATE FUNCTION transfer_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('transfer_id', t.id, 'state', t.state) FROM transfer t WHERE t.id = p_id
$$;

-- The transfer as it is now, for the API's rendering and for events.
CREATE FUNCTION transfer_snapshot(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('transfer', to_jsonb(t)) FROM transfer t WHERE t.id = p_id
$$;

-- The transfer has succeeded, and its event is written.
CREATE FUNCTION transfer_insert(p_transfer jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    made transfer;
BEGIN
    made := jsonb_populate_record(NULL::transfer, p_transfer);
    INSERT INTO transfer (
        id, merchant_id, transfer_no, from_account_id, to_account_id, suspense_item_id, amount_minor, fee_minor,
        currency, memo, state, succeeded_at, metadata)
    VALUES (
        made.id, made.merchant_id, made.transfer_no, made.from_account_id, made.to_account_id, made.suspense_item_id,
        made.amount_minor, made.fee_minor, made.currency, made.memo, 'succeeded', made.succeeded_at,
        coalesce(made.metadata, '{}'))
    RETURNING * INTO made;
    PERFORM event_append(
        made.merchant_id, 'transfer.succeeded', made.id, made.version, transfer_snapshot(made.id));
    RETURN transfer_view(made.id);
END
$$;


-- What the scheduled watch must look at, as its items: at most a batch of each kind, oldest first.

-- Callbacks that waited for so long that they were lost on the way to whoever should have acted on them.
CREATE FUNCTION watch_callbacks(p_grace interval, p_batch int) RETURNS SETOF jsonb
LANGUAGE sql STABLE AS $$
    (SELECT jsonb_build_object(
        'kind', 'payment', 'callback_id', c.id, 'object_id', p.id, 'merchant_id', p.merchant_id, 'out_no', a.out_no,
        'channel', a.channel, 'channel_account_id', a.channel_account_id, 'call_timeout_s', a.call_timeout_s,
        'ended', p.state IN ('succeeded', 'closed', 'failed'))
    FROM callback c JOIN attempt a ON a.out_no = c.out_no JOIN payment p ON p.id = a.payment_id
    WHERE c.applied_at IS NULL AND c.kind = 'payment' AND c.verdict <> 'unknown_order'
        AND c.received_at <= now() - p_grace
    ORDER BY c.received_at LIMIT p_batch)
    UNION ALL
    (SELECT jsonb_build_object(
        'kind', 'refund', 'callback_id', c.id, 'object_id', r.id, 'merchant_id', r.merchant_id,
        'out_no', r.out_refund_no, 'channel', r.channel, 'channel_account_id', r.channel_account_id,
        'ended', r.state IN ('succeeded', 'failed', 'bounced'))
    FROM callback c JOIN refund r ON r.out_refund_no = c.out_refund_no
    WHERE c.applied_at IS NULL AND c.kind = 'refund' AND c.verdict <> 'unknown_order'
        AND c.received_at <= now() - p_grace
    ORDER BY c.received_at LIMIT p_batch)
    UNION ALL
    (SELECT jsonb_build_object(
        'kind', 'payout', 'callback_id', c.id, 'object_id', p.id, 'merchant_id', p.merchant_id, 'out_no', p.out_no,
        'channel', p.channel, 'channel_account_id', p.channel_account_id,
        'ended', p.state IN ('succeeded', 'failed', 'rejected', 'expired', 'returned'))
    FROM callback c JOIN payout p ON p.out_no = c.out_no
    WHERE c.applied_at IS NULL AND c.kind = 'transfer' AND c.verdict <> 'unknown_order'
        AND c.received_at <= now() - p_grace
    ORDER BY c.received_at LIMIT p_batch)
$$;

-- What has ended and may still change: unproven attempts, refunds that may bounce, payouts that may come back.
CREATE FUNCTION watch_due(p_batch int) RETURNS SETOF jsonb
LANGUAGE sql STABLE AS $$
    (SELECT jsonb_build_object(
        'kind', 'payment', 'object_id', payment_id, 'out_no', out_no, 'channel', channel,
        'channel_account_id', channel_account_id, 'call_timeout_s', call_timeout_s)
    FROM attempt WHERE watch_until IS NOT NULL AND next_check_at <= now() ORDER BY next_check_at LIMIT p_batch)
    UNION ALL
    (SELECT jsonb_build_object(
        'kind', 'refund', 'object_id', id, 'merchant_id', merchant_id, 'out_no', out_refund_no, 'channel', channel,
        'channel_account_id', channel_account_id)
    FROM refund WHERE watch_until IS NOT NULL AND next_check_at <= now() AND channel IS NOT NULL
    ORDER BY next_check_at LIMIT p_batch)
    UNION ALL
    (SELECT jsonb_build_object(
        'kind', 'payout', 'object_id', id, 'merchant_id', merchant_id, 'out_no', out_no, 'channel', channel,
        'channel_account_id', channel_account_id)
    FROM payout WHERE watch_until IS NOT NULL AND next_check_at <= now() ORDER BY next_check_at LIMIT p_batch)
$$;

-- Every refusal has a state of its own:
--   PS001 balance insufficient    PS002 account blocked     PS003 account closed
--   PS004 try after cancel        PS005 conflict            PS006 unknown account
--   PS007 unbalanced posting      PS008 currency mismatch   PS009 account not empty
--   PS010 day not over

-- Always raises: why an account did not take a hold or a debit that added p_free_minor to its available part.
-- The caller has locked the account, so that what it saw is what is looked at here.
CREATE FUNCTION ledger_refuse(p_account_id text, p_merchant_id text, p_currency text, p_free_minor bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_account account;
BEGIN
    SELECT * INTO v_account FROM account WHERE id = p_account_id;
    IF NOT FOUND OR (p_free_minor < 0 AND v_account.merchant_id <> p_merchant_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS006', MESSAGE = format('no account %s', p_account_id);
    ELSIF v_account.currency <> p_currency THEN
        RAISE EXCEPTION USING ERRCODE = 'PS008', MESSAGE = format('account %s is not in %s', p_account_id, p_currency);
    ELSIF v_account.closed_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'PS003', MESSAGE = format('account %s is closed', p_account_id);
    ELSIF v_account.blocked_at IS NOT NULL AND p_free_minor < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'PS002', MESSAGE = format('account %s is blocked', p_account_id);
    ELSIF v_account.class <> 'open' AND v_account.available + p_free_minor < v_account.floor THEN
        RAISE EXCEPTION USING ERRCODE = 'PS001', MESSAGE = format('account %s does not cover it', p_account_id);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format('account %s has no such hold, or takes none', p_account_id);
END $$;

-- Folding adds inbox rows to their account and removes them, under the account's lock and never by a last sequence
-- number: numbers commit out of order.
--
-- Sequential scans are off in the functions of the hot path: a plan is kept for long, and one that was made while the
-- tables were small must not scan them when they are large.

-- The accounts' rows hold everything that is committed; the caller has locked them.
CREATE FUNCTION ledger_fold_locked(p_account_ids text[]) RETURNS bigint LANGUAGE sql AS $$
    WITH taken AS (
        DELETE FROM inbox WHERE account_id = ANY (p_account_ids) RETURNING account_id, amount_minor
    ), sums AS (
        SELECT account_id, sum(amount_minor)::bigint AS amount_minor, count(*) AS taken FROM taken GROUP BY account_id
    ), folded AS (
        UPDATE account SET available = available + sums.amount_minor, version = version + 1
        FROM sums WHERE id = sums.account_id
        RETURNING sums.taken
    )
    SELECT coalesce(sum(taken), 0)::bigint FROM folded
$$;

-- Answers how many inbox rows of the account were folded.
CREATE FUNCTION ledger_fold(p_account_id text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM account WHERE id = p_account_id FOR NO KEY UPDATE;
    RETURN ledger_fold_locked(ARRAY[p_account_id]);
END $$;

-- Folds the p_limit accounts with the longest inbox, passing over those that somebody holds just now; answers rows.
CREATE FUNCTION ledger_fold_some(p_limit integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_longest text[];
    v_locked text[];
BEGIN
    SELECT array_agg(account_id) INTO v_longest
    FROM (SELECT account_id FROM inbox GROUP BY account_id ORDER BY count(*) DESC LIMIT p_limit) AS longest;
    SELECT array_agg(id) INTO v_locked FROM (
        SELECT id FROM account WHERE id = ANY (v_longest) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked;
    RETURN ledger_fold_locked(v_locked);
END $$;

-- Opening, blocking and closing. System accounts are opened by the first posting that needs them.

-- The account exists with these properties; answers whether it existed already. Other properties: PS005.
CREATE FUNCTION ledger_open_account(
    p_id text, p_kind text, p_owner text, p_merchant_id text, p_currency text, p_floor_minor bigint, p_metadata jsonb
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO account (id, kind, owner, merchant_id, currency, class, floor, metadata)
    SELECT p_id, kind, p_owner, p_merchant_id, p_currency, class, p_floor_minor, coalesce(p_metadata, '{}')
    FROM ledger_chart WHERE kind = p_kind
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM account
    WHERE id = p_id AND kind = p_kind AND owner = p_owner AND merchant_id IS NOT DISTINCT FROM p_merchant_id
        AND currency = p_currency AND floor = p_floor_minor;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format('account %s differs, or its kind is unknown', p_id);
    END IF;
    RETURN true;
END $$;

-- The account takes no new hold or debit; the first reason stays. PS006 when there is none.
CREATE FUNCTION ledger_block_account(p_id text, p_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE account SET
        blocked_reason = coalesce(blocked_reason, p_reason),
        version = version + (blocked_at IS NULL)::integer,
        blocked_at = coalesce(blocked_at, now())
    WHERE id = p_id AND class <> 'open';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS006', MESSAGE = format('no account %s that can be blocked', p_id);
    END IF;
END $$;

-- The account takes holds and debits again. PS006 when there is none.
CREATE FUNCTION ledger_unblock_account(p_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE account SET
        version = version + (blocked_at IS NOT NULL)::integer, blocked_at = NULL, blocked_reason = NULL
    WHERE id = p_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS006', MESSAGE = format('no account %s', p_id);
    END IF;
END $$;

-- The account is closed for good. PS009 while a balance, a hold or an inbox row remains; PS006 when there is none.
CREATE FUNCTION ledger_close_account(p_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_account account;
BEGIN
    SELECT account.* INTO v_account FROM account JOIN ledger_chart USING (kind)
    WHERE id = p_id AND opened_by = 'owner' FOR NO KEY UPDATE OF account;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS006', MESSAGE = format('no account %s that can be closed', p_id);
    ELSIF v_account.available <> 0 OR v_account.frozen <> 0 OR EXISTS (SELECT FROM inbox WHERE account_id = p_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS009', MESSAGE = format('account %s is not empty', p_id);
    END IF;
    UPDATE account SET closed_at = now(), version = version + 1 WHERE id = p_id AND closed_at IS NULL;
END $$;

-- Try and cancel. The hold row is the barrier: whoever inserts its key first decides, the other waits for the commit.
-- A try writes its hold row before it locks the account: nobody else can wait for a row that only its own key meets.

-- The amount moved from available to frozen; false when there is no room or the account may not be used.
CREATE FUNCTION ledger_freeze(p_account_id text, p_merchant_id text, p_amount_minor bigint, p_currency text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account SET
        available = available - p_amount_minor, frozen = frozen + p_amount_minor, version = version + 1
    WHERE id = p_account_id AND currency = p_currency AND class <> 'open'
        AND available - p_amount_minor >= floor AND blocked_at IS NULL AND closed_at IS NULL
        AND (merchant_id = p_merchant_id) IS NOT FALSE;
    RETURN FOUND;
END $$;

-- Answers 'replay' when this very hold exists. PS004 when it was released, PS005 when it is another.
CREATE FUNCTION ledger_hold_again(
    p_biz_type text, p_biz_id text, p_step text, p_account_id text, p_amount_minor bigint, p_currency text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_hold hold;
BEGIN
    SELECT * INTO v_hold FROM hold WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    IF v_hold.state = 'released' THEN
        RAISE EXCEPTION USING ERRCODE = 'PS004',
            MESSAGE = format('the hold %s %s %s was cancelled', p_biz_type, p_biz_id, p_step);
    ELSIF (v_hold.account_id, v_hold.amount_minor, v_hold.currency) <> (p_account_id, p_amount_minor, p_currency) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('the hold %s %s %s differs', p_biz_type, p_biz_id, p_step);
    END IF;
    RETURN 'replay';
END $$;

-- Try: answers 'held' or 'replay'. A null merchant is the operator. PS001 to PS006, PS008.
CREATE FUNCTION ledger_hold(
    p_biz_type text, p_biz_id text, p_step text, p_account_id text, p_merchant_id text,
    p_amount_minor bigint, p_currency text, p_expires_at timestamptz, p_reason text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO hold (biz_type, biz_id, step, account_id, currency, amount_minor, state, reason, expires_at)
    VALUES (p_biz_type, p_biz_id, p_step, p_account_id, p_currency, p_amount_minor, 'held', p_reason, p_expires_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN ledger_hold_again(p_biz_type, p_biz_id, p_step, p_account_id, p_amount_minor, p_currency);
    ELSIF ledger_freeze(p_account_id, p_merchant_id, p_amount_minor, p_currency) THEN
        RETURN 'held';
    END IF;
    PERFORM ledger_fold(p_account_id);  -- locks the account, so that the second look and the refusal agree
    IF ledger_freeze(p_account_id, p_merchant_id, p_amount_minor, p_currency) THEN
        RETURN 'held';
    END IF;
    PERFORM ledger_refuse(p_account_id, p_merchant_id, p_currency, -p_amount_minor);
    RETURN NULL;
END $$;

-- The holds of these steps are released and their money is available again; the caller has locked their accounts, and
-- each hold is on an account of its own.
CREATE FUNCTION ledger_give_back(p_biz_type text, p_biz_id text, p_steps text[]) RETURNS void LANGUAGE sql AS $$
    WITH released AS (
        UPDATE hold SET state = 'released', ended_at = now()
        WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = ANY (p_steps) AND state = 'held'
        RETURNING account_id, amount_minor
    )
    UPDATE account AS a SET
        available = a.available + r.amount_minor, frozen = a.frozen - r.amount_minor, version = a.version + 1
    FROM released AS r WHERE a.id = r.account_id
$$;

-- Cancel: answers 'released', 'replay', or 'tombstone' when there was no try. PS005 when it was confirmed.
CREATE FUNCTION ledger_release(p_biz_type text, p_biz_id text, p_step text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_steps text[];
    v_states text[];
BEGIN
    INSERT INTO hold (biz_type, biz_id, step, state, ended_at)
    VALUES (p_biz_type, p_biz_id, p_step, 'released', now())
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN 'tombstone';
    END IF;
    SELECT ledger_part_steps(step, parts) INTO v_steps FROM hold
    WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    -- The accounts first, then their holds: the order in which a posting takes them.
    PERFORM FROM account WHERE id IN (
        SELECT account_id FROM hold WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = ANY (v_steps)
    ) ORDER BY class = 'strict', id FOR NO KEY UPDATE;
    SELECT array_agg(state) INTO v_states FROM hold
    WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = ANY (v_steps);
    IF 'confirmed' = ANY (v_states) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('the hold %s %s %s was confirmed', p_biz_type, p_biz_id, p_step);
    ELSIF 'released' = ANY (v_states) THEN
        RETURN 'replay';
    END IF;
    PERFORM ledger_give_back(p_biz_type, p_biz_id, v_steps);
    RETURN 'released';
END $$;

-- A posting's legs as they arrive (a JSON array), and what they do to each account together.

CREATE TYPE ledger_leg AS (
    n integer,
    account_id text,
    account_kind text,  -- kind and owner are given for accounts that a posting may open
    owner text,
    merchant_id text,
    currency text,
    amount_minor bigint,
    kind text,
    object_id text,
    hold_biz_type text,  -- the legs that name one hold consume exactly it, together
    hold_biz_id text,
    hold_step text
);

CREATE TYPE ledger_move AS (
    account_id text,
    currency text,
    class text,
    n integer,
    free_minor bigint,  -- added to the available part, or put into the inbox
    held_minor bigint   -- taken from the frozen part
);

CREATE FUNCTION ledger_legs(p_legs jsonb) RETURNS ledger_leg[] LANGUAGE sql AS $$
    SELECT array_agg(ROW(
        place, leg ->> 'account_id', leg ->> 'account_kind', leg ->> 'owner', leg ->> 'merchant_id',
        leg ->> 'currency', (leg ->> 'amount_minor')::bigint, leg ->> 'kind', leg ->> 'object_id',
        leg #>> '{hold,biz_type}', leg #>> '{hold,biz_id}', leg #>> '{hold,step}'
    )::ledger_leg ORDER BY place)
    FROM jsonb_array_elements(p_legs) WITH ORDINALITY AS legs (leg, place)
$$;

-- Raises PS007 unless there are two legs or more, none of them empty, that sum to zero in each currency.
CREATE FUNCTION ledger_require_balanced(p_legs ledger_leg[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM unnest(p_legs) GROUP BY currency
    HAVING sum(amount_minor) <> 0 OR bool_or(coalesce(amount_minor, 0) = 0) OR count(*) < 2;
    IF FOUND OR coalesce(cardinality(p_legs), 0) < 2 THEN
        RAISE EXCEPTION USING ERRCODE = 'PS007', MESSAGE = 'the legs do not sum to zero per currency, or one is empty';
    END IF;
END $$;

-- What the legs do to each account, in the order of locks: deferred and system accounts, then strict ones, by id.
-- The class is null where there is no such account in that currency.
CREATE FUNCTION ledger_moves(p_legs ledger_leg[]) RETURNS ledger_move[] LANGUAGE sql AS $$
    SELECT array_agg(
        ROW(account_id, currency, class, n, free_minor, held_minor)::ledger_move ORDER BY class = 'strict', account_id
    )
    FROM (
        SELECT account_id, currency, min(n) AS n,
            coalesce(sum(amount_minor) FILTER (WHERE hold_biz_type IS NULL), 0)::bigint AS free_minor,
            coalesce(-sum(amount_minor) FILTER (WHERE hold_biz_type IS NOT NULL), 0)::bigint AS held_minor
        FROM unnest(p_legs) GROUP BY account_id, currency
    ) AS moved
    LEFT JOIN LATERAL (
        SELECT class FROM account WHERE id = moved.account_id AND currency = moved.currency
    ) AS found ON true
$$;

-- Every account that the legs name exists in its currency: system accounts are opened here, in the order of ids.
-- PS006 for an account that only its owner can open, PS008 for one in another currency.
CREATE FUNCTION ledger_require_accounts(p_legs ledger_leg[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_missing record;
BEGIN
    INSERT INTO account (id, kind, owner, merchant_id, currency, class)
    SELECT DISTINCT ON (l.account_id) l.account_id, l.account_kind, l.owner, l.merchant_id, l.currency, c.class
    FROM unnest(p_legs) AS l JOIN ledger_chart AS c ON c.kind = l.account_kind AND c.opened_by = 'posting'
    WHERE l.owner IS NOT NULL AND NOT EXISTS (SELECT FROM account WHERE id = l.account_id)
    ORDER BY l.account_id
    ON CONFLICT DO NOTHING;
    FOR v_missing IN
        SELECT l.account_id, l.currency FROM unnest(p_legs) AS l
        WHERE NOT EXISTS (SELECT FROM account WHERE id = l.account_id AND currency = l.currency)
    LOOP
        PERFORM ledger_refuse(v_missing.account_id, NULL, v_missing.currency, 0);
    END LOOP;
END $$;

-- How a posting changes balances: in place for strict accounts, for debits of deferred ones and for what comes out of a
-- hold, by the inbox otherwise.

CREATE FUNCTION ledger_in_place(p_move ledger_move) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_move.class = 'strict'
        OR p_move.held_minor <> 0
        OR (p_move.class = 'deferred' AND p_move.free_minor < 0)
$$;

-- The accounts that took their move: guarded by the floor, the owner, the block and the close. Credits and what comes
-- out of a hold pass a block.
CREATE FUNCTION ledger_take(p_moves ledger_move[], p_merchant_id text) RETURNS text[]
LANGUAGE sql AS $$
    WITH taken AS (
        UPDATE account AS a SET
            available = a.available + m.free_minor, frozen = a.frozen - m.held_minor, version = a.version + 1
        FROM unnest(p_moves) AS m
        WHERE a.id = m.account_id AND a.closed_at IS NULL AND a.frozen >= m.held_minor AND (
            m.free_minor >= 0
            OR a.class = 'open'
            OR (
                a.available + m.free_minor >= a.floor AND a.blocked_at IS NULL
                AND (a.merchant_id = p_merchant_id) IS NOT FALSE
            )
        )
        RETURNING a.id
    )
    SELECT coalesce(array_agg(id), '{}') FROM taken
$$;

-- All accounts have changed, locked in the order of the array and folded where they were short; or nothing has.
CREATE FUNCTION ledger_take_locked(p_moves ledger_move[], p_merchant_id text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_short text[];
    v_taken text[];
    v_move ledger_move;
BEGIN
    PERFORM FROM account AS a JOIN unnest(p_moves) AS m ON m.account_id = a.id
    ORDER BY a.class = 'strict', a.id FOR NO KEY UPDATE OF a;
    SELECT array_agg(a.id) INTO v_short FROM account AS a JOIN unnest(p_moves) AS m ON m.account_id = a.id
    WHERE a.class = 'deferred' AND a.available + m.free_minor < a.floor;
    IF v_short IS NOT NULL THEN
        PERFORM ledger_fold_locked(v_short);
    END IF;
    v_taken := ledger_take(p_moves, p_merchant_id);
    FOREACH v_move IN ARRAY p_moves LOOP
        IF v_move.account_id <> ALL (v_taken) THEN
            PERFORM ledger_refuse(v_move.account_id, p_merchant_id, v_move.currency, v_move.free_minor);
        END IF;
    END LOOP;
END $$;

-- The accounts of these moves have changed. PS001, PS002, PS003, PS005, PS006.
CREATE FUNCTION ledger_change_balances(p_moves ledger_move[], p_merchant_id text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_in_place ledger_move[];
BEGIN
    SELECT array_agg(m) INTO v_in_place FROM unnest(p_moves) AS m WHERE ledger_in_place(m);
    IF v_in_place IS NULL THEN
        RETURN;
    ELSIF cardinality(v_in_place) = 1 AND cardinality(ledger_take(v_in_place, p_merchant_id)) = 1 THEN
        RETURN;  -- one account needs no order of locks
    END IF;
    PERFORM ledger_take_locked(v_in_place, p_merchant_id);
END $$;

-- Each hold that the legs name is confirmed: it was held, on that account, for exactly what its legs take. Else PS005.
CREATE FUNCTION ledger_confirm_holds(p_legs ledger_leg[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_missing record;
BEGIN
    WITH named AS (
        SELECT hold_biz_type AS biz_type, hold_biz_id AS biz_id, hold_step AS step,
            account_id, currency, -sum(amount_minor) AS amount_minor
        FROM unnest(p_legs) WHERE hold_biz_type IS NOT NULL
        GROUP BY hold_biz_type, hold_biz_id, hold_step, account_id, currency
    ), confirmed AS (
        UPDATE hold AS h SET state = 'confirmed', ended_at = now() FROM named AS n
        WHERE (h.biz_type, h.biz_id, h.step) = (n.biz_type, n.biz_id, n.step) AND h.state = 'held'
            AND (h.account_id, h.currency, h.amount_minor) = (n.account_id, n.currency, n.amount_minor)
        RETURNING h.biz_type, h.biz_id, h.step, h.account_id
    )
    SELECT biz_type, biz_id, step INTO v_missing FROM named LEFT JOIN confirmed
        USING (biz_type, biz_id, step, account_id) WHERE confirmed IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format(
            'the hold %s %s %s is not held for that', v_missing.biz_type, v_missing.biz_id, v_missing.step
        );
    END IF;
END $$;

-- Posting: one call, one balanced set of entries behind one (biz_type, biz_id, step).

-- The first posting of the step. PS005 when its merchant or its legs were others.
CREATE FUNCTION ledger_first_posting(p_biz_type text, p_biz_id text, p_step text, p_digest bytea) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_first ledger_step;
BEGIN
    SELECT * INTO v_first FROM ledger_step WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    IF v_first.digest <> p_digest THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('the step %s %s %s was posted with other legs', p_biz_type, p_biz_id, p_step);
    END IF;
    RETURN v_first.posting_id;
END $$;

-- The accounts that the legs name, opened where needed, have changed and their holds are confirmed.
CREATE FUNCTION ledger_apply(p_legs ledger_leg[], p_merchant_id text) RETURNS ledger_move[] LANGUAGE plpgsql AS $$
DECLARE
    v_moves ledger_move[] := ledger_moves(p_legs);
BEGIN
    PERFORM FROM unnest(v_moves) WHERE class IS NULL;
    IF FOUND THEN
        PERFORM ledger_require_accounts(p_legs);
        v_moves := ledger_moves(p_legs);
    END IF;
    PERFORM ledger_change_balances(v_moves, p_merchant_id);
    PERFORM FROM unnest(p_legs) WHERE hold_biz_type IS NOT NULL;
    IF FOUND THEN
        PERFORM ledger_confirm_holds(p_legs);
    END IF;
    RETURN v_moves;
END $$;

-- Answers the posting and whether it is a replay. A null merchant is the operator. PS001 to PS003, PS005 to PS008.
CREATE FUNCTION ledger_post(
    p_biz_type text, p_biz_id text, p_step text, p_merchant_id text, p_event_at timestamptz,
    p_memo text, p_legs jsonb, p_corrects uuid, OUT posted uuid, OUT replayed boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
-- Plans are made once: making one costs more than running it.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    v_digest bytea := sha256(convert_to(coalesce(p_merchant_id, '') || p_legs::text, 'UTF8'));
    v_legs ledger_leg[] := ledger_legs(p_legs);
    v_moves ledger_move[];
    v_booked_on date;
BEGIN
    posted := uuidv7();
    replayed := false;
    INSERT INTO ledger_step (biz_type, biz_id, step, posting_id, digest)
    VALUES (p_biz_type, p_biz_id, p_step, posted, v_digest) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        posted := ledger_first_posting(p_biz_type, p_biz_id, p_step, v_digest);
        replayed := true;
        RETURN;
    END IF;
    PERFORM ledger_require_balanced(v_legs);
    IF p_corrects IS NOT NULL THEN
        PERFORM ledger_require_uncorrected(p_corrects, posted);
    END IF;
    v_moves := ledger_apply(v_legs, p_merchant_id);
    v_booked_on := ledger_booked_on(p_event_at);
    WITH written AS (
        INSERT INTO posting (
            id, biz_type, biz_id, step, merchant_id, event_at, corrects, memo, booked_on, belongs_to
        )
        VALUES (
            posted, p_biz_type, p_biz_id, p_step, p_merchant_id, p_event_at, p_corrects, p_memo, v_booked_on,
            CASE WHEN ledger_day(p_event_at) < v_booked_on THEN ledger_day(p_event_at) END
        )
    ), entered AS (
        INSERT INTO entry (posting_id, n, account_id, currency, amount_minor, kind, object_id, event_at)
        SELECT posted, n, account_id, currency, amount_minor, kind, object_id, p_event_at FROM unnest(v_legs)
    )
    INSERT INTO inbox (account_id, posting_id, n, amount_minor)
    SELECT m.account_id, posted, m.n, m.free_minor FROM unnest(v_moves) AS m
    WHERE NOT ledger_in_place(m) AND m.free_minor <> 0;
END $$;

-- A try that takes its amount from several accounts, in the caller's order: the first hold has the key itself and is
-- the barrier, the others are `step.2`, `step.3` and so on, one for each account. All are released together.

CREATE TYPE ledger_source AS (
    account_id text,
    account_kind text,  -- kind and owner are given for accounts that a try may open
    owner text,
    merchant_id text,
    at_most_minor bigint,
    credit_minor bigint  -- how far below zero an open account may go
);

CREATE TYPE ledger_part AS (account_id text, amount_minor bigint);

-- The steps of all holds behind a key, the first one first.
CREATE FUNCTION ledger_part_steps(p_step text, p_parts integer) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT p_step || array_agg(p_step || '.' || n ORDER BY n) FROM generate_series(2, p_parts) AS n
$$;

CREATE FUNCTION ledger_sources(p_sources jsonb) RETURNS ledger_source[] LANGUAGE sql AS $$
    SELECT array_agg(jsonb_populate_record(NULL::ledger_source, source) ORDER BY place)
    FROM jsonb_array_elements(p_sources) WITH ORDINALITY AS sources (source, place)
$$;

-- The accounts that a try may open exist, all of them are locked in the order of locks and hold everything that is
-- committed. PS006 for another merchant's, PS008 for another currency, PS005 for one that takes no hold.
CREATE FUNCTION ledger_lock_sources(p_sources ledger_source[], p_merchant_id text, p_currency text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_unfit text;
BEGIN
    INSERT INTO account (id, kind, owner, merchant_id, currency, class)
    SELECT DISTINCT ON (s.account_id) s.account_id, s.account_kind, s.owner, s.merchant_id, p_currency, c.class
    FROM unnest(p_sources) AS s JOIN ledger_chart AS c ON c.kind = s.account_kind AND c.opened_by = 'posting'
    WHERE s.owner IS NOT NULL AND NOT EXISTS (SELECT FROM account WHERE id = s.account_id)
    ORDER BY s.account_id
    ON CONFLICT DO NOTHING;
    PERFORM FROM account WHERE id IN (SELECT account_id FROM unnest(p_sources))
    ORDER BY class = 'strict', id FOR NO KEY UPDATE;
    PERFORM ledger_fold_locked(ARRAY(
        SELECT id FROM account WHERE id IN (SELECT account_id FROM unnest(p_sources)) AND class <> 'strict'
    ));
    SELECT id INTO v_unfit FROM account WHERE id IN (SELECT account_id FROM unnest(p_sources)) AND (
        currency <> p_currency OR merchant_id <> p_merchant_id OR (class = 'open' AND kind <> 'merchant_debt')
    ) LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_refuse(v_unfit, p_merchant_id, p_currency, -1);
    END IF;
END $$;

-- What each account gives, drawn from the sources in their order until the amount is covered; one part per account.
-- A blocked or closed account gives nothing, and is the reason when the others do not cover it. PS001, PS002, PS003.
CREATE FUNCTION ledger_draw(p_sources ledger_source[], p_amount_minor bigint) RETURNS ledger_part[]
LANGUAGE plpgsql AS $$
DECLARE
    v_source record;
    v_ids text[] := '{}';
    v_drawn bigint[] := '{}';
    v_place integer;
    v_gives bigint;
    v_left bigint := p_amount_minor;
    v_shut text;
BEGIN
    FOR v_source IN
        SELECT a.id, s.at_most_minor, a.blocked_at IS NOT NULL OR a.closed_at IS NOT NULL AS shut,
            a.available + CASE a.class WHEN 'open' THEN coalesce(s.credit_minor, 0) ELSE -a.floor END AS room_minor
        FROM unnest(p_sources) WITH ORDINALITY AS s JOIN account AS a ON a.id = s.account_id ORDER BY s.ordinality
    LOOP
        v_place := array_position(v_ids, v_source.id);
        v_gives := least(v_left, v_source.at_most_minor, v_source.room_minor - coalesce(v_drawn[v_place], 0));
        IF v_gives <= 0 THEN
            CONTINUE;
        ELSIF v_source.shut THEN
            v_shut := coalesce(v_shut, v_source.id);
        ELSIF v_place IS NULL THEN
            v_ids := v_ids || v_source.id;
            v_drawn := v_drawn || v_gives;
            v_left := v_left - v_gives;
        ELSE
            v_drawn[v_place] := v_drawn[v_place] + v_gives;
            v_left := v_left - v_gives;
        END IF;
    END LOOP;
    IF v_left > 0 THEN
        PERFORM ledger_refuse(id, NULL, currency, -1) FROM account WHERE id = v_shut;
        RAISE EXCEPTION USING ERRCODE = 'PS001', MESSAGE = 'the accounts together do not cover it';
    END IF;
    RETURN ARRAY(SELECT ROW(id, drawn)::ledger_part FROM unnest(v_ids, v_drawn) AS parts (id, drawn));
END $$;

-- The parts are frozen in their accounts, and each has its hold; the key's own row, which is there, becomes the first.
CREATE FUNCTION ledger_hold_parts(
    p_biz_type text, p_biz_id text, p_step text, p_parts ledger_part[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account AS a SET
        available = a.available - p.amount_minor, frozen = a.frozen + p.amount_minor, version = a.version + 1
    FROM unnest(p_parts) AS p WHERE a.id = p.account_id;
    UPDATE hold SET
        account_id = p_parts[1].account_id, amount_minor = p_parts[1].amount_minor, parts = cardinality(p_parts)
    WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    INSERT INTO hold (biz_type, biz_id, step, account_id, currency, amount_minor, state, reason, expires_at)
    SELECT p_biz_type, p_biz_id, p_step || '.' || place, p.account_id, h.currency, p.amount_minor, 'held', h.reason,
        h.expires_at
    FROM unnest(p_parts) WITH ORDINALITY AS p (account_id, amount_minor, place)
    JOIN hold AS h ON h.biz_type = p_biz_type AND h.biz_id = p_biz_id AND h.step = p_step
    WHERE place > 1;
END $$;

-- Nothing when the key holds this amount in this currency. PS004 when it was released, PS005 when it differs.
CREATE FUNCTION ledger_hold_from_again(
    p_biz_type text, p_biz_id text, p_step text, p_amount_minor bigint, p_currency text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_first hold;
    v_sum_minor bigint;
BEGIN
    SELECT * INTO v_first FROM hold WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
    IF v_first.state = 'released' THEN
        RAISE EXCEPTION USING ERRCODE = 'PS004',
            MESSAGE = format('the hold %s %s %s was cancelled', p_biz_type, p_biz_id, p_step);
    END IF;
    SELECT sum(amount_minor) INTO v_sum_minor FROM hold
    WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = ANY (ledger_part_steps(p_step, v_first.parts));
    IF (v_sum_minor, v_first.currency) IS DISTINCT FROM (p_amount_minor, p_currency) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('the hold %s %s %s differs', p_biz_type, p_biz_id, p_step);
    END IF;
END $$;

-- Try over several sources: answers the holds, the first one first; a repeat answers the same. A null merchant is the
-- operator. PS001 to PS006, PS008.
CREATE FUNCTION ledger_hold_from(
    p_biz_type text, p_biz_id text, p_step text, p_merchant_id text, p_amount_minor bigint, p_currency text,
    p_sources jsonb, p_expires_at timestamptz, p_reason text
) RETURNS TABLE (part_step text, part_account_id text, part_minor bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_sources ledger_source[] := ledger_sources(p_sources);
BEGIN
    INSERT INTO hold (biz_type, biz_id, step, account_id, currency, amount_minor, state, reason, expires_at)
    VALUES (p_biz_type, p_biz_id, p_step, v_sources[1].account_id, p_currency, p_amount_minor, 'held', p_reason,
        p_expires_at)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM ledger_lock_sources(v_sources, p_merchant_id, p_currency);
        PERFORM ledger_hold_parts(p_biz_type, p_biz_id, p_step, ledger_draw(v_sources, p_amount_minor));
    ELSE
        PERFORM ledger_hold_from_again(p_biz_type, p_biz_id, p_step, p_amount_minor, p_currency);
    END IF;
    RETURN QUERY
    SELECT part.step, part.account_id, part.amount_minor
    FROM hold AS first
    CROSS JOIN unnest(ledger_part_steps(p_step, first.parts)) WITH ORDINALITY AS steps (step, place)
    JOIN hold AS part ON part.biz_type = p_biz_type AND part.biz_id = p_biz_id AND part.step = steps.step
    WHERE first.biz_type = p_biz_type AND first.biz_id = p_biz_id AND first.step = p_step
    ORDER BY steps.place;
END $$;

-- Days of the book. A posting is booked on the day of its event; once that day is sealed it is booked today and keeps
-- the day that it belongs to. A sealed day takes no posting any more, so its digest and its balances stay true.
--
-- A posting keeps its day open by a shared lock until it commits; sealing takes that lock alone, and so waits for what
-- is under way. A posting that finds its day being sealed does not wait: it is booked today. So is one whose day is long
-- over, sealed or not: an event of the last century must not open a century of days.

CREATE FUNCTION ledger_zone() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'Asia/Shanghai' $$;

CREATE FUNCTION ledger_day(p_at timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT (p_at AT TIME ZONE ledger_zone())::date
$$;

-- The lowest id that a posting of that moment can have: postings are in the order of their ids (RFC 9562, version 7,
-- with the fraction of the millisecond in the twelve bits after the version).
CREATE FUNCTION ledger_first_id(p_at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(micros / 1000), 12, '0') || '7' || lpad(to_hex(micros % 1000 * 4096 / 1000), 3, '0')
        || '8000000000000000')::uuid
    FROM (SELECT (extract(epoch FROM greatest(p_at, 'epoch')) * 1000000)::bigint AS micros) AS since_epoch
$$;

-- The moment before which rows may lie in the archive: the end of the last partition that was detached, of whatever
-- table; always the beginning of a day. Every day before it is sealed.
CREATE FUNCTION ledger_horizon() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(ends_at), '-infinity') FROM table_partition WHERE detached_at IS NOT NULL
$$;

-- The last day of which entries may lie in the archive: its balances stand for them.
CREATE FUNCTION ledger_horizon_day() RETURNS date LANGUAGE sql STABLE AS $$
    SELECT ledger_day(ledger_horizon()) - 1
$$;

-- The advisory lock of a day: our class of such locks, and the day's number.
CREATE FUNCTION ledger_day_class() RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 1818583143 $$;

CREATE FUNCTION ledger_is_sealed(p_day date) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM sealed_day WHERE day >= p_day)
$$;

-- How many days back a posting may be booked at all.
CREATE FUNCTION ledger_days_open() RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 31 $$;

-- The day on which a posting of that event is booked; it stays open until this transaction ends. Never a day to come.
CREATE FUNCTION ledger_booked_on(p_event_at timestamptz) RETURNS date LANGUAGE plpgsql AS $$
DECLARE
    v_day date := ledger_day(least(p_event_at, clock_timestamp()));
BEGIN
    -- Two statements: the look must be younger than the lock.
    IF v_day >= ledger_day(clock_timestamp()) - ledger_days_open()
        AND pg_try_advisory_xact_lock_shared(ledger_day_class(), v_day - DATE 'epoch')
    THEN
        IF NOT ledger_is_sealed(v_day) THEN
            RETURN v_day;
        END IF;
    END IF;
    LOOP  -- at midnight, today may be a sealed day before its lock is had
        v_day := ledger_day(clock_timestamp());
        PERFORM pg_advisory_xact_lock_shared(ledger_day_class(), v_day - DATE 'epoch');
        EXIT WHEN NOT ledger_is_sealed(v_day);
    END LOOP;
    RETURN v_day;
END $$;

-- What a day's postings, entries and balances say, and the day before: whoever changes one of them changes it.
CREATE FUNCTION ledger_day_digest(p_day date, p_previous bytea) RETURNS bytea LANGUAGE sql STABLE
SET timezone = 'UTC' AS $$
    SELECT sha256(coalesce(p_previous, '') || convert_to(p_day::text, 'UTF8') || coalesce(string_agg(
        sha256(convert_to(jsonb_build_array(
            p.id, p.biz_type, p.biz_id, p.step, p.merchant_id, p.event_at, p.created_at, p.corrects, p.memo,
            p.belongs_to, e.entries
        )::text, 'UTF8')), '' ORDER BY p.id
    ), '') || coalesce((
        SELECT sha256(convert_to(jsonb_agg(jsonb_build_array(account_id, balance_minor) ORDER BY account_id)::text, 'UTF8'))
        FROM day_balance WHERE day = p_day
    ), ''))
    FROM posting AS p CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(n, account_id, currency, amount_minor, kind, object_id) ORDER BY n) AS entries
        FROM entry WHERE posting_id = p.id
    ) AS e
    WHERE p.booked_on = p_day
$$;

-- The day is sealed behind the one before it: the balance of each account that moved on it, and the digest of it all.
CREATE FUNCTION ledger_seal_one(p_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_previous bytea := (SELECT digest FROM sealed_day ORDER BY day DESC LIMIT 1);
BEGIN
    PERFORM pg_advisory_xact_lock(ledger_day_class(), p_day - DATE 'epoch');
    INSERT INTO day_balance (account_id, day, balance_minor)
    SELECT moved.account_id, p_day, moved.sum_minor + coalesce((
        SELECT balance_minor FROM day_balance AS b WHERE b.account_id = moved.account_id ORDER BY day DESC LIMIT 1
    ), 0)
    FROM (
        SELECT e.account_id, sum(e.amount_minor)::bigint AS sum_minor
        FROM posting AS p JOIN entry AS e ON e.posting_id = p.id WHERE p.booked_on = p_day GROUP BY e.account_id
    ) AS moved;
    INSERT INTO sealed_day (day, sealed_at, postings, digest, previous_digest)
    SELECT p_day, clock_timestamp(), (SELECT count(*) FROM posting WHERE booked_on = p_day),
        ledger_day_digest(p_day, v_previous), v_previous;
END $$;

-- Every day up to this one is sealed, in order, empty ones too; a repeat changes nothing. PS010 for one not over.
CREATE FUNCTION ledger_seal_day(p_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_day date;
BEGIN
    IF p_day >= ledger_day(clock_timestamp()) THEN
        RAISE EXCEPTION USING ERRCODE = 'PS010', MESSAGE = format('the day %s is not over', p_day);
    END IF;
    -- One at a time: no day has the number of this lock.
    PERFORM pg_advisory_xact_lock(ledger_day_class(), 2147483647);
    -- The first seal begins where a posting under way, which nobody sees yet, may be booked at the earliest: it waits
    -- for that day. One day more is for a posting that began before midnight.
    v_day := coalesce((SELECT max(day) + 1 FROM sealed_day), least(
        (SELECT min(booked_on) FROM posting), ledger_day(clock_timestamp()) - ledger_days_open() - 1));
    WHILE v_day <= p_day LOOP
        PERFORM ledger_seal_one(v_day);
        v_day := v_day + 1;
    END LOOP;
END $$;

-- The sum of the account's entries that are booked up to a day and stand before a place in its statement: from the
-- balance of a sealed day on which all of them stand before that place.
CREATE FUNCTION ledger_balance_from(
    p_account_id text, p_sealed date, p_booked_to date, p_posting_id uuid, p_n integer
) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT balance_minor FROM day_balance WHERE account_id = p_account_id AND day <= p_sealed
        ORDER BY day DESC LIMIT 1
    ), 0) + coalesce((
        SELECT sum(e.amount_minor)::bigint FROM entry AS e JOIN posting AS p ON p.id = e.posting_id
        WHERE e.account_id = p_account_id AND (e.posting_id, e.n) < (p_posting_id, p_n)
            AND p.booked_on > p_sealed AND p.booked_on <= p_booked_to
            -- Nothing is booked on a day to come; the hour is for a clock that was set back.
            AND e.posting_id >= ledger_first_id((p_sealed + 1)::timestamp AT TIME ZONE ledger_zone() - INTERVAL '1 hour')
    ), 0)
$$;

-- The sum of the account's entries that stand before this place. Just after the horizon no day is sealed on which all
-- entries stand before it: there what was booked up to the horizon and stands behind the place is taken off again.
CREATE FUNCTION ledger_balance_before(p_account_id text, p_posting_id uuid, p_n integer) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT ledger_balance_from(p_account_id, greatest(sealed.day, horizon.day), 'infinity', p_posting_id, p_n)
        - CASE WHEN sealed.day >= horizon.day THEN 0 ELSE coalesce((
            SELECT sum(e.amount_minor)::bigint FROM entry AS e JOIN posting AS p ON p.id = e.posting_id
            WHERE e.account_id = p_account_id AND (e.posting_id, e.n) >= (p_posting_id, p_n)
                AND p.booked_on <= horizon.day AND e.posting_id < ledger_first_id(
                    (horizon.day + ledger_days_open() + 2)::timestamp AT TIME ZONE ledger_zone())
        ), 0) END
    FROM (SELECT coalesce((
        SELECT day FROM sealed_day WHERE sealed_at <= uuid_extract_timestamp(p_posting_id) ORDER BY day DESC LIMIT 1
    ), '-infinity')) AS sealed (day), (SELECT ledger_horizon_day()) AS horizon (day)
$$;

-- The sum of all entries of the account, those in the archive too.
CREATE FUNCTION ledger_entered(p_account_id text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT ledger_balance_from(
        p_account_id, ledger_horizon_day(), 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 0)
$$;

-- The account's balance at the end of a day, by what was booked up to it.
CREATE FUNCTION ledger_balance_on(p_account_id text, p_day date) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT ledger_balance_from(p_account_id, coalesce((
        SELECT max(day) FROM sealed_day WHERE day <= p_day
    ), '-infinity'), p_day, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 0)
$$;

-- Corrections: what is posted stays, and is undone by the opposite posting, which names it; once.

-- Raises PS005 unless there is such a posting, it corrects nothing itself, and nothing has corrected it. Whoever asks
-- first has it until it commits.
CREATE FUNCTION ledger_require_uncorrected(p_corrects uuid, p_posting_id uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM posting WHERE id = p_corrects AND corrects IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('there is no posting %s, or it is a correction itself', p_corrects);
    END IF;
    INSERT INTO ledger_correction (corrects, posting_id) VALUES (p_corrects, p_posting_id) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format('the posting %s was corrected already', p_corrects);
    END IF;
END $$;

-- Posts the opposite of a posting and names it. A null merchant is the operator. PS001 to PS003, PS005.
CREATE FUNCTION ledger_correct(
    p_biz_type text, p_biz_id text, p_step text, p_merchant_id text, p_event_at timestamptz,
    p_memo text, p_corrects uuid, OUT posted uuid, OUT replayed boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_legs jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object(
        'account_id', account_id, 'currency', currency, 'amount_minor', -amount_minor, 'kind', kind,
        'object_id', object_id
    ) ORDER BY n) INTO v_legs FROM entry WHERE posting_id = p_corrects;
    IF v_legs IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005', MESSAGE = format('there is no posting %s', p_corrects);
    END IF;
    SELECT made.posted, made.replayed INTO posted, replayed FROM ledger_post(
        p_biz_type, p_biz_id, p_step, p_merchant_id, p_event_at, p_memo, v_legs, p_corrects
    ) AS made;
END $$;

-- The application reads the book and calls its functions; nobody but the owner writes a row.

DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ledger\_%'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', v_function);
    END LOOP;
END $$;

GRANT SELECT ON
    ledger_chart, account, ledger_step, ledger_correction, posting, entry, inbox, hold, sealed_day, day_balance,
    table_partition
TO paysaga_app;

GRANT EXECUTE ON FUNCTION
    ledger_open_account, ledger_block_account, ledger_unblock_account, ledger_close_account,
    ledger_hold, ledger_hold_from, ledger_release, ledger_post, ledger_correct, ledger_fold,
    ledger_fold_some, ledger_seal_day
TO paysaga_app;

-- What only reads runs with the reader's own rights.
GRANT EXECUTE ON FUNCTION
    ledger_zone, ledger_day, ledger_first_id, ledger_day_digest, ledger_balance_from, ledger_balance_before,
    ledger_balance_on, ledger_days_open, ledger_horizon, ledger_horizon_day, ledger_entered
TO paysaga_app;

