CREATE TABLE callback (
	id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	channel_account_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	dedupe_key TEXT NOT NULL, 
	out_no TEXT NOT NULL, 
	out_refund_no TEXT, 
	verdict TEXT NOT NULL, 
	answer JSONB DEFAULT '{}'::jsonb NOT NULL, 
	headers JSONB DEFAULT '{}'::jsonb NOT NULL, 
	body BYTEA NOT NULL, 
	received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	applied_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (id), 
	CONSTRAINT verdict_known CHECK (verdict IN ('matched', 'unproven', 'mismatched', 'unknown_order'))
);

CREATE TABLE event (
	id TEXT NOT NULL, 
	sequence BIGINT GENERATED ALWAYS AS IDENTITY, 
	merchant_id TEXT NOT NULL, 
	type TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	object_version BIGINT NOT NULL, 
	snapshot JSONB DEFAULT '{}'::jsonb NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	feed_no BIGINT, 
	body TEXT, 
	handed_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (id)
);

CREATE TABLE evidence (
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	out_no TEXT NOT NULL, 
	operation TEXT NOT NULL, 
	state TEXT NOT NULL, 
	http_status BIGINT, 
	code TEXT, 
	request_id TEXT, 
	raw TEXT, 
	received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id)
);

CREATE TABLE idempotency_key (
	merchant_id TEXT NOT NULL, 
	route TEXT NOT NULL, 
	key TEXT NOT NULL, 
	request_hash TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (merchant_id, route, key)
);

CREATE TABLE merchant (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT DEFAULT 'active' NOT NULL, 
	time_zone TEXT DEFAULT 'Asia/Shanghai' NOT NULL, 
	switch_unproven BOOLEAN DEFAULT false NOT NULL, 
	attention_after_s BIGINT DEFAULT 900 NOT NULL, 
	metadata JSONB DEFAULT '{}'::jsonb NOT NULL, 
	version BIGINT DEFAULT 1 NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT state_known CHECK (state IN ('active')), 
	CONSTRAINT attention_after_s_not_negative CHECK (attention_after_s >= 0)
);

CREATE TABLE operator_action (
	id TEXT NOT NULL, 
	action TEXT NOT NULL, 
	object_id TEXT NOT NULL, 
	reason TEXT, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id)
);

CREATE TABLE order_claim (
	merchant_id TEXT NOT NULL, 
	order_no TEXT NOT NULL, 
	payment_id TEXT NOT NULL, 
	request_hash TEXT NOT NULL, 
	claimed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (merchant_id, order_no)
);

CREATE TABLE payment_request (
	payment_id TEXT NOT NULL, 
	merchant_id TEXT NOT NULL, 
	body JSONB DEFAULT '{}'::jsonb NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (payment_id)
);

CREATE TABLE reservation (
	payment_id TEXT NOT NULL, 
	merchant_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (payment_id), 
	CONSTRAINT state_known CHECK (state IN ('held', 'confirmed', 'released'))
);

CREATE TABLE suspense_item (
	id TEXT NOT NULL, 
	merchant_id TEXT NOT NULL, 
	out_no TEXT NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	evidence JSONB DEFAULT '{}'::jsonb NOT NULL, 
	state TEXT DEFAULT 'open' NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (id), 
	CONSTRAINT state_known CHECK (state IN ('open', 'ended'))
);

CREATE TABLE sweep_run (
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	open_objects BIGINT NOT NULL, 
	started_again BIGINT NOT NULL, 
	open_workflows_of_ended_objects BIGINT NOT NULL, 
	dropped_keys BIGINT NOT NULL, 
	ran_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id)
);

CREATE TABLE api_key (
	id TEXT NOT NULL, 
	merchant_id TEXT NOT NULL, 
	secret_hash BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	revoked_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (id), 
	CONSTRAINT api_key_merchant FOREIGN KEY(merchant_id) REFERENCES merchant (id)
);

CREATE TABLE channel_account (
	id TEXT NOT NULL, 
	merchant_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	funds_holder TEXT NOT NULL, 
	fee_rate_bps BIGINT DEFAULT 0 NOT NULL, 
	fee_fixed_minor BIGINT DEFAULT 0 NOT NULL, 
	fee_cap_minor BIGINT, 
	config JSONB DEFAULT '{}'::jsonb NOT NULL, 
	secrets BYTEA NOT NULL, 
	enabled BOOLEAN DEFAULT true NOT NULL, 
	version BIGINT DEFAULT 1 NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT channel_account_merchant FOREIGN KEY(merchant_id) REFERENCES merchant (id), 
	CONSTRAINT funds_holder_known CHECK (funds_holder IN ('platform', 'merchant')), 
	CONSTRAINT fee_rate_in_range CHECK (fee_rate_bps BETWEEN 0 AND 10000), 
	CONSTRAINT fees_not_negative CHECK (fee_fixed_minor >= 0 AND coalesce(fee_cap_minor, 0) >= 0)
);

CREATE TABLE delivery (
	id TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	merchant_id TEXT NOT NULL, 
	url TEXT NOT NULL, 
	state TEXT DEFAULT 'pending' NOT NULL, 
	attempts BIGINT DEFAULT 0 NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	delivered_at TIMESTAMP WITH TIME ZONE, 
	PRIMARY KEY (id), 
	CONSTRAINT delivery_event FOREIGN KEY(event_id) REFERENCES event (id), 
	CONSTRAINT state_known CHECK (state IN ('pending', 'delivered', 'failed'))
);

CREATE TABLE payment (
	id TEXT NOT NULL, 
	merchant_id TEXT NOT NULL, 
	order_no TEXT NOT NULL, 
	state TEXT DEFAULT 'pending' NOT NULL, 
	version BIGINT DEFAULT 1 NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency TEXT NOT NULL, 
	balance_minor BIGINT DEFAULT 0 NOT NULL, 
	channel_minor BIGINT DEFAULT 0 NOT NULL, 
	coupon_minor BIGINT DEFAULT 0 NOT NULL, 
	shipping_minor BIGINT DEFAULT 0 NOT NULL, 
	fee_rate_bps BIGINT DEFAULT 0 NOT NULL, 
	fee_fixed_minor BIGINT DEFAULT 0 NOT NULL, 
	fee_cap_minor BIGINT, 
	fee_minor BIGINT DEFAULT 0 NOT NULL, 
	captured_minor BIGINT DEFAULT 0 NOT NULL, 
	refunded_minor BIGINT DEFAULT 0 NOT NULL, 
	subject TEXT NOT NULL, 
	payer_account_id TEXT, 
	payer JSONB DEFAULT '{}'::jsonb NOT NULL, 
	channel TEXT, 
	channel_account_id TEXT, 
	funds_holder TEXT, 
	invoke TEXT, 
	has_lines BOOLEAN DEFAULT false NOT NULL, 
	notify_url TEXT, 
	return_url TEXT, 
	quit_url TEXT, 
	failure_code TEXT, 
	failure_detail TEXT, 
	close_reason TEXT, 
	certainty TEXT DEFAULT 'sure' NOT NULL, 
	next_check_at TIMESTAMP WITH TIME ZONE, 
	needs_attention BOOLEAN DEFAULT false NOT NULL, 
	attention_reason TEXT, 
	attention_owner TEXT, 
	revives TEXT, 
	paid_at TIMESTAMP WITH TIME ZONE, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	metadata JSONB DEFAULT '{}'::jsonb NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT payment_merchant FOREIGN KEY(merchant_id) REFERENCES merchant (id), 
	CONSTRAINT state_known CHECK (state IN ('pending', 'in_review', 'awaiting_payer', 'processing', 'authorized', 'capturing', 'closing', 'confirming', 'succeeded', 'closed', 'failed')), 
	CONSTRAINT certainty_known CHECK (certainty IN ('sure', 'waiting', 'unknown')), 
	CONSTRAINT close_reason_known CHECK (close_reason IN ('expired', 'requested', 'voided', 'amount_mismatch', 'authorization_expired')), 
	CONSTRAINT parts_sum_to_amount CHECK (amount_minor = balance_minor + channel_minor), 
	CONSTRAINT parts_not_negative CHECK (balance_minor >= 0 AND channel_minor >= 0 AND fee_minor >= 0), 
	CONSTRAINT fee_within_amount CHECK (fee_minor <= amount_minor), 
	CONSTRAINT balance_part_has_account CHECK (balance_minor = 0 OR payer_account_id IS NOT NULL), 
	CONSTRAINT failed_has_code CHECK ((state = 'failed') <= (failure_code IS NOT NULL)), 
	CONSTRAINT closed_has_reason CHECK ((state = 'closed') <= (close_reason IS NOT NULL)), 
	CONSTRAINT attention_has_owner CHECK (NOT needs_attention OR attention_owner IS NOT NULL)
);

CREATE TABLE reservation_line (
	payment_id TEXT NOT NULL, 
	line_no BIGINT NOT NULL, 
	sku TEXT NOT NULL, 
	warehouse TEXT NOT NULL, 
	quantity BIGINT NOT NULL, 
	PRIMARY KEY (payment_id, line_no), 
	CONSTRAINT reservation_line_reservation FOREIGN KEY(payment_id) REFERENCES reservation (payment_id), 
	CONSTRAINT quantity_positive CHECK (quantity > 0)
);

CREATE TABLE sku (
	merchant_id TEXT NOT NULL, 
	sku TEXT NOT NULL, 
	name TEXT NOT NULL, 
	unit_price_minor BIGINT NOT NULL, 
	currency TEXT NOT NULL, 
	on_sale BOOLEAN DEFAULT true NOT NULL, 
	metadata JSONB DEFAULT '{}'::jsonb NOT NULL, 
	version BIGINT DEFAULT 1 NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (merchant_id, sku), 
	CONSTRAINT sku_merchant FOREIGN KEY(merchant_id) REFERENCES merchant (id), 
	CONSTRAINT unit_price_not_negative CHECK (unit_price_minor >= 0)
);

CREATE TABLE webhook_endpoint (
	id TEXT NOT NULL, 
	merchant_id TEXT NOT NULL, 
	url TEXT NOT NULL, 
	events JSONB DEFAULT '{}'::jsonb NOT NULL, 
	secret BYTEA NOT NULL, 
	previous_secret BYTEA, 
	previous_until TIMESTAMP WITH TIME ZONE, 
	version BIGINT DEFAULT 1 NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT webhook_endpoint_merchant FOREIGN KEY(merchant_id) REFERENCES merchant (id)
);

CREATE TABLE attempt (
	out_no TEXT NOT NULL, 
	payment_id TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	channel TEXT NOT NULL, 
	channel_account_id TEXT NOT NULL, 
	invoke TEXT NOT NULL, 
	state TEXT DEFAULT 'intent' NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency TEXT NOT NULL, 
	close_proof TEXT NOT NULL, 
	send_before TIMESTAMP WITH TIME ZONE NOT NULL, 
	call_timeout_s BIGINT NOT NULL, 
	close_margin_s BIGINT NOT NULL, 
	sent_at TIMESTAMP WITH TIME ZONE, 
	sends BIGINT DEFAULT 0 NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	channel_no TEXT, 
	pay JSONB, 
	checks BIGINT DEFAULT 0 NOT NULL, 
	next_check_at TIMESTAMP WITH TIME ZONE, 
	watch_until TIMESTAMP WITH TIME ZONE, 
	received_minor BIGINT, 
	received_currency TEXT, 
	paid_at TIMESTAMP WITH TIME ZONE, 
	failure_code TEXT, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (out_no), 
	CONSTRAINT attempt_payment FOREIGN KEY(payment_id) REFERENCES payment (id), 
	CONSTRAINT attempt_channel_account FOREIGN KEY(channel_account_id) REFERENCES channel_account (id), 
	CONSTRAINT state_known CHECK (state IN ('intent', 'never_sent', 'sent', 'waiting', 'authorized', 'paid', 'declined', 'rejected', 'unknown', 'closed', 'presumed_closed', 'voided', 'paid_late', 'paid_twice', 'paid_mismatch', 'returned', 'applied')), 
	CONSTRAINT close_proof_known CHECK (close_proof IN ('final', 'after_expiry', 'none')), 
	CONSTRAINT attempt_amount_positive CHECK (amount_minor > 0)
);

CREATE TABLE delivery_attempt (
	delivery_id TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	status BIGINT, 
	error TEXT, 
	duration_ms BIGINT NOT NULL, 
	answer TEXT, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (delivery_id, number), 
	CONSTRAINT delivery_attempt_delivery FOREIGN KEY(delivery_id) REFERENCES delivery (id)
);

CREATE TABLE payment_line (
	payment_id TEXT NOT NULL, 
	line_no BIGINT NOT NULL, 
	sku TEXT NOT NULL, 
	quantity BIGINT NOT NULL, 
	unit_price_minor BIGINT NOT NULL, 
	warehouse TEXT, 
	PRIMARY KEY (payment_id, line_no), 
	CONSTRAINT payment_line_payment FOREIGN KEY(payment_id) REFERENCES payment (id), 
	CONSTRAINT line_in_range CHECK (quantity > 0 AND unit_price_minor >= 0)
);

CREATE TABLE stock (
	merchant_id TEXT NOT NULL, 
	sku TEXT NOT NULL, 
	warehouse TEXT NOT NULL, 
	on_hand BIGINT DEFAULT 0 NOT NULL, 
	reserved BIGINT DEFAULT 0 NOT NULL, 
	sold BIGINT DEFAULT 0 NOT NULL, 
	PRIMARY KEY (merchant_id, sku, warehouse), 
	CONSTRAINT stock_sku FOREIGN KEY(merchant_id, sku) REFERENCES sku (merchant_id, sku), 
	CONSTRAINT stock_counts_not_negative CHECK (reserved >= 0 AND sold >= 0), 
	CONSTRAINT stock_covers_commitments CHECK (reserved + sold <= on_hand)
);

CREATE TABLE refund (
	id TEXT NOT NULL, 
	merchant_id TEXT NOT NULL, 
	payment_id TEXT NOT NULL, 
	refund_no TEXT, 
	origin TEXT NOT NULL, 
	out_no TEXT, 
	out_refund_no TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	channel_account_id TEXT NOT NULL, 
	amount_minor BIGINT NOT NULL, 
	currency TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	state TEXT DEFAULT 'pending' NOT NULL, 
	leg_state TEXT DEFAULT 'intent' NOT NULL, 
	send_before TIMESTAMP WITH TIME ZONE NOT NULL, 
	sent_at TIMESTAMP WITH TIME ZONE, 
	channel_refund_no TEXT, 
	failure_code TEXT, 
	failure_detail TEXT, 
	certainty TEXT DEFAULT 'sure' NOT NULL, 
	checks BIGINT DEFAULT 0 NOT NULL, 
	next_check_at TIMESTAMP WITH TIME ZONE, 
	needs_attention BOOLEAN DEFAULT false NOT NULL, 
	attention_reason TEXT, 
	attention_owner TEXT, 
	version BIGINT DEFAULT 1 NOT NULL, 
	succeeded_at TIMESTAMP WITH TIME ZONE, 
	metadata JSONB DEFAULT '{}'::jsonb NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT refund_payment FOREIGN KEY(payment_id) REFERENCES payment (id), 
	CONSTRAINT refund_attempt FOREIGN KEY(out_no) REFERENCES attempt (out_no), 
	CONSTRAINT state_known CHECK (state IN ('pending', 'returning_splits', 'processing', 'needs_action', 'succeeded', 'failed', 'bounced')), 
	CONSTRAINT origin_known CHECK (origin IN ('merchant', 'late', 'duplicate', 'mismatch')), 
	CONSTRAINT leg_state_known CHECK (leg_state IN ('intent', 'sent', 'known_ok', 'known_fail', 'unknown')), 
	CONSTRAINT certainty_known CHECK (certainty IN ('sure', 'waiting', 'unknown')), 
	CONSTRAINT refund_amount_positive CHECK (amount_minor > 0), 
	CONSTRAINT refund_attention_has_owner CHECK (NOT needs_attention OR attention_owner IS NOT NULL)
);

CREATE UNIQUE INDEX callback_dedupe ON callback (channel_account_id, dedupe_key);

CREATE INDEX callback_out_no ON callback (out_no);

CREATE INDEX callback_waiting ON callback (received_at) WHERE applied_at IS NULL;

CREATE INDEX event_feed ON event (merchant_id, feed_no);

CREATE UNIQUE INDEX event_feed_no ON event (feed_no);

CREATE UNIQUE INDEX event_object_version ON event (object_id, object_version, type);

CREATE INDEX event_unhanded ON event (feed_no) WHERE handed_at IS NULL;

CREATE INDEX event_unnumbered ON event (sequence) WHERE feed_no IS NULL;

CREATE INDEX evidence_out_no ON evidence (out_no);

CREATE INDEX idempotency_key_created_at ON idempotency_key (created_at);

CREATE INDEX idempotency_key_object_id ON idempotency_key (object_id);

CREATE INDEX order_claim_payment_id ON order_claim (payment_id);

CREATE INDEX payment_request_created_at ON payment_request (created_at);

CREATE INDEX suspense_item_open ON suspense_item (created_at) WHERE state = 'open';

CREATE UNIQUE INDEX suspense_item_out_no ON suspense_item (out_no);

CREATE UNIQUE INDEX api_key_secret_hash ON api_key (secret_hash);

CREATE INDEX channel_account_merchant_currency ON channel_account (merchant_id, currency);

CREATE INDEX delivery_event_id ON delivery (event_id);

CREATE INDEX delivery_pending ON delivery (created_at) WHERE state = 'pending';

CREATE UNIQUE INDEX payment_live_order_no ON payment (merchant_id, order_no) WHERE state NOT IN ('closed', 'failed');

CREATE INDEX payment_merchant_id ON payment (merchant_id, id);

CREATE INDEX payment_open ON payment (updated_at) WHERE state NOT IN ('closed', 'failed', 'succeeded');

CREATE INDEX payment_order_no ON payment (merchant_id, order_no);

CREATE UNIQUE INDEX webhook_endpoint_merchant_id ON webhook_endpoint (merchant_id);

CREATE INDEX attempt_channel_no ON attempt (channel_no);

CREATE UNIQUE INDEX attempt_payment_number ON attempt (payment_id, number);

CREATE INDEX attempt_watched ON attempt (next_check_at) WHERE watch_until IS NOT NULL;

CREATE INDEX refund_open ON refund (updated_at) WHERE state NOT IN ('succeeded', 'failed', 'bounced');

CREATE UNIQUE INDEX refund_out_refund_no ON refund (out_refund_no);

CREATE INDEX refund_payment_id ON refund (payment_id);

CREATE UNIQUE INDEX refund_refund_no ON refund (merchant_id, refund_no);

CREATE UNIQUE INDEX refund_unasked ON refund (out_no) WHERE origin <> 'merchant';

GRANT SELECT, INSERT, UPDATE, DELETE ON callback, event, evidence, idempotency_key, merchant, operator_action, order_claim, payment_request, reservation, suspense_item, sweep_run, api_key, channel_account, delivery, payment, reservation_line, sku, webhook_endpoint, attempt, delivery_attempt, payment_line, stock, refund TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;
REVOKE UPDATE, DELETE ON evidence, operator_action FROM paysaga_app;

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


-- The moves of a payment and its attempts. Each function is one step's write: it moves rows that are where the step
-- expects them, changes nothing when they are not (a repeat), and answers the payment as it is now.

CREATE FUNCTION payment_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'payment_id', p.id, 'merchant_id', p.merchant_id, 'order_no', p.order_no, 'state', p.state,
        'version', p.version, 'has_lines', p.has_lines, 'balance_minor', p.balance_minor,
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
CREATE FUNCTION payment_snapshot(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'payment', to_jsonb(p) - 'payer',
        'attempts', coalesce((
            SELECT jsonb_agg(to_jsonb(a) - 'pay' ORDER BY a.number) FROM attempt a WHERE a.payment_id = p.id), '[]'::jsonb))
    FROM payment p WHERE p.id = p_id
$$;

CREATE FUNCTION event_append(p_merchant text, p_type text, p_object text, p_version bigint, p_snapshot jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO event (id, merchant_id, type, object_id, object_version, snapshot)
    VALUES ('evt_' || replace(uuidv7()::text, '-', ''), p_merchant, p_type, p_object, p_version, p_snapshot)
$$;

CREATE FUNCTION payment_open(p_payment jsonb, p_lines jsonb, p_attempt jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payment (
        id, merchant_id, order_no, amount_minor, currency, balance_minor, channel_minor, shipping_minor,
        fee_rate_bps, fee_fixed_minor, fee_cap_minor, fee_minor, subject, payer_account_id, payer, channel,
        channel_account_id, funds_holder, invoke, has_lines, notify_url, return_url, quit_url, expires_at, metadata,
        failure_code, failure_detail)
    SELECT id, merchant_id, order_no, amount_minor, currency, balance_minor, channel_minor, shipping_minor,
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

-- Moves the payment when it is in one of `p_from`; `p_set` names the other columns that change.
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
        PERFORM event_append(moved.merchant_id, p_event, moved.id, moved.version, payment_snapshot(moved.id));
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
        'payment.succeeded')
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
            updated_at = now()
        WHERE out_no = p_out_no;
    END IF;
    IF in_time THEN
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


-- Refunds: the intent-first record of giving money back (law 4).

CREATE FUNCTION refund_view(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'refund_id', r.id, 'merchant_id', r.merchant_id, 'payment_id', r.payment_id, 'origin', r.origin,
        'channel', r.channel, 'out_refund_no', r.out_refund_no, 'state', r.state, 'leg_state', r.leg_state,
        'certainty', r.certainty, 'checks', r.checks, 'next_check_at', r.next_check_at,
        'needs_attention', r.needs_attention, 'amount_minor', r.amount_minor, 'currency', r.currency)
    FROM refund r WHERE r.id = p_id
$$;

-- The refund as it is now, for the API's rendering and for events.
CREATE FUNCTION refund_snapshot(p_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('refund', to_jsonb(r)) FROM refund r WHERE r.id = p_id
$$;

CREATE FUNCTION refund_insert(p_refund jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO refund (
        id, merchant_id, payment_id, origin, out_no, out_refund_no, channel, channel_account_id, amount_minor, currency,
        reason, send_before)
    SELECT id, merchant_id, payment_id, origin, out_no, out_refund_no, channel, channel_account_id, amount_minor,
        currency, reason, 'infinity'
    FROM jsonb_populate_record(NULL::refund, p_refund)
$$;

-- INTENT becomes SENT, and the refund is processing; a refund has no deadline, it is owed until it is proven.
CREATE FUNCTION refund_send(p_id text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found refund;
BEGIN
    SELECT * INTO STRICT found FROM refund WHERE id = p_id FOR UPDATE;
    IF found.leg_state = 'intent' THEN
        UPDATE refund SET
            leg_state = 'sent', sent_at = coalesce(sent_at, now()), state = 'processing', version = version + 1,
            updated_at = now()
        WHERE id = p_id;
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'found', found.leg_state, 'refund', to_jsonb(found), 'channel_no', a.channel_no,
            'total_minor', coalesce(a.received_minor, a.amount_minor))
        FROM refund r LEFT JOIN attempt a ON a.out_no = r.out_no WHERE r.id = p_id);
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
        certainty = coalesce(p_columns ->> 'certainty', r.certainty),
        checks = r.checks + coalesce((p_columns ->> 'checked')::bigint, 0),
        next_check_at = CASE WHEN p_columns ? 'next_check_at'
            THEN (p_columns ->> 'next_check_at')::timestamptz ELSE r.next_check_at END,
        needs_attention = coalesce((p_columns ->> 'needs_attention')::boolean, r.needs_attention),
        attention_reason = coalesce(p_columns ->> 'attention_reason', r.attention_reason),
        attention_owner = coalesce(p_columns ->> 'attention_owner', r.attention_owner),
        succeeded_at = coalesce((p_columns ->> 'succeeded_at')::timestamptz, r.succeeded_at),
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

-- The book. Only the functions of the following files write these tables; the application role can read them.
--
-- No foreign key leads to account or posting: its check would lock the referenced row, and an open account is never
-- locked by a payment. The functions resolve every account themselves; the invariants look for orphans.

CREATE TABLE ledger_chart (
    kind text PRIMARY KEY,
    class text NOT NULL CONSTRAINT ledger_chart_class CHECK (class IN ('strict', 'deferred', 'open')),
    -- Which sign the balance normally has: 1 what we owe, -1 what is owed to us or was spent, 0 either.
    normal_sign smallint NOT NULL CONSTRAINT ledger_chart_sign CHECK (normal_sign IN (-1, 0, 1)),
    opened_by text NOT NULL CONSTRAINT ledger_chart_opened_by CHECK (opened_by IN ('owner', 'posting'))
);

CREATE TABLE account (
    id text PRIMARY KEY,
    kind text NOT NULL CONSTRAINT account_kind REFERENCES ledger_chart (kind),
    owner text NOT NULL,
    merchant_id text,
    currency text NOT NULL CONSTRAINT account_currency CHECK (currency ~ '^[A-Z]{3}$'),
    class text NOT NULL CONSTRAINT account_class CHECK (class IN ('strict', 'deferred', 'open')),
    available bigint NOT NULL DEFAULT 0,
    frozen bigint NOT NULL DEFAULT 0,
    floor bigint NOT NULL DEFAULT 0 CONSTRAINT account_floor CHECK (floor <= 0),
    blocked_at timestamptz,
    blocked_reason text,
    closed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    version bigint NOT NULL DEFAULT 1,
    metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT account_above_floor CHECK (class = 'open' OR available >= floor),
    CONSTRAINT account_frozen CHECK (frozen >= 0 AND (class <> 'open' OR frozen = 0)),
    CONSTRAINT account_closed_empty CHECK (closed_at IS NULL OR (available = 0 AND frozen = 0)),
    CONSTRAINT account_blocked_with_reason CHECK ((blocked_at IS NULL) = (blocked_reason IS NULL)),
    -- A wallet belongs to the merchant that opened it; every other account is the only one of its kind, owner, currency.
    CONSTRAINT account_wallet_has_merchant CHECK (kind <> 'wallet' OR merchant_id IS NOT NULL),
    CONSTRAINT account_id_names_it CHECK (kind = 'wallet' OR id = kind || ':' || owner || ':' || currency)
) WITH (fillfactor = 50);  -- balances change in place, on the same page

CREATE INDEX account_merchant ON account (merchant_id, id);

-- The once-only gate of every posting: a repeat meets it, and answers with the first posting.
CREATE TABLE ledger_step (
    biz_type text NOT NULL,
    biz_id text NOT NULL,
    step text NOT NULL,
    posting_id uuid NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (biz_type, biz_id, step)
);

CREATE TABLE posting (
    id uuid PRIMARY KEY,
    biz_type text NOT NULL,
    biz_id text NOT NULL,
    step text NOT NULL,
    merchant_id text,
    event_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    corrects uuid CONSTRAINT posting_corrects REFERENCES posting (id),
    memo text
);

CREATE TABLE entry (
    posting_id uuid NOT NULL,
    n integer NOT NULL,
    account_id text NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT entry_amount CHECK (amount_minor <> 0),
    kind text NOT NULL,
    object_id text NOT NULL,
    event_at timestamptz NOT NULL,
    PRIMARY KEY (posting_id, n)
);

CREATE INDEX entry_account ON entry (account_id, posting_id, n) INCLUDE (amount_minor);

-- What was posted to a deferred or open account and not added to its row yet: one net amount per posting and account.
CREATE TABLE inbox (
    account_id text NOT NULL,
    posting_id uuid NOT NULL,
    n integer NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT inbox_amount CHECK (amount_minor <> 0),
    PRIMARY KEY (account_id, posting_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The barrier of the try. A tombstone is released, has no account, and refuses the try that comes after its cancel.
CREATE TABLE hold (
    biz_type text NOT NULL,
    biz_id text NOT NULL,
    step text NOT NULL,
    account_id text,
    currency text,
    amount_minor bigint,
    state text NOT NULL CONSTRAINT hold_state CHECK (state IN ('held', 'confirmed', 'released')),
    reason text,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (biz_type, biz_id, step),
    CONSTRAINT hold_amount CHECK (amount_minor > 0),
    CONSTRAINT hold_tombstone CHECK (state = 'released' OR account_id IS NOT NULL),
    CONSTRAINT hold_whole CHECK (num_nulls(account_id, currency, amount_minor) IN (0, 3)),
    CONSTRAINT hold_ended CHECK ((state = 'held') = (ended_at IS NULL))
) WITH (fillfactor = 80);
-- The chart of accounts. Strict accounts change in place, guarded both ways; deferred ones take credits through the
-- inbox and guard debits; open ones are appended in both directions and never locked by a payment.

INSERT INTO ledger_chart (kind, class, normal_sign, opened_by) VALUES
    ('wallet', 'strict', 1, 'owner'),
    ('merchant_available', 'strict', 1, 'posting'),
    ('merchant_reserve', 'strict', 1, 'posting'),
    ('unapplied', 'strict', 1, 'posting'),
    ('merchant_pending', 'deferred', 1, 'posting'),
    ('channel_clearing', 'open', -1, 'posting'),
    ('bank', 'open', -1, 'posting'),
    ('merchant_direct', 'open', 1, 'posting'),
    ('merchant_fee_receivable', 'open', -1, 'posting'),
    ('merchant_debt', 'open', -1, 'posting'),
    ('payout_in_transit', 'open', 1, 'posting'),
    ('platform_fee', 'open', 1, 'posting'),
    ('channel_fee', 'open', -1, 'posting'),
    ('channel_discount', 'open', -1, 'posting'),
    ('coupon_cost', 'open', -1, 'posting'),
    ('fee_difference', 'open', 0, 'posting'),
    ('suspense', 'open', 0, 'posting'),
    ('loss', 'open', -1, 'posting'),
    ('opening', 'open', 0, 'posting');
-- Every refusal has a state of its own:
--   PS001 balance insufficient    PS002 account blocked     PS003 account closed
--   PS004 try after cancel        PS005 conflict            PS006 unknown account
--   PS007 unbalanced posting      PS008 currency mismatch   PS009 account not empty

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

-- Cancel: answers 'released', 'replay', or 'tombstone' when there was no try. PS005 when it was confirmed.
CREATE FUNCTION ledger_release(p_biz_type text, p_biz_id text, p_step text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_hold hold;
BEGIN
    INSERT INTO hold (biz_type, biz_id, step, state, ended_at)
    VALUES (p_biz_type, p_biz_id, p_step, 'released', now())
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN 'tombstone';
    END IF;
    -- The account first, then its hold: the order in which a posting takes them.
    PERFORM FROM account WHERE id = (
        SELECT account_id FROM hold WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step
    ) FOR NO KEY UPDATE;
    UPDATE hold SET state = 'released', ended_at = now()
    WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step AND state = 'held'
    RETURNING * INTO v_hold;
    IF FOUND THEN
        UPDATE account SET available = available + v_hold.amount_minor, frozen = frozen - v_hold.amount_minor,
            version = version + 1
        WHERE id = v_hold.account_id;
        RETURN 'released';
    END IF;
    PERFORM FROM hold WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step AND state = 'confirmed';
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PS005',
            MESSAGE = format('the hold %s %s %s was confirmed', p_biz_type, p_biz_id, p_step);
    END IF;
    RETURN 'replay';
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
-- How a posting changes balances: in place for strict accounts and for debits of deferred ones, by the inbox otherwise.

CREATE FUNCTION ledger_in_place(p_move ledger_move) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_move.class = 'strict'
        OR (p_move.class = 'deferred' AND (p_move.free_minor < 0 OR p_move.held_minor <> 0))
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
    v_moves := ledger_apply(v_legs, p_merchant_id);
    WITH written AS (
        INSERT INTO posting (id, biz_type, biz_id, step, merchant_id, event_at, corrects, memo)
        VALUES (posted, p_biz_type, p_biz_id, p_step, p_merchant_id, p_event_at, p_corrects, p_memo)
    ), entered AS (
        INSERT INTO entry (posting_id, n, account_id, currency, amount_minor, kind, object_id, event_at)
        SELECT posted, n, account_id, currency, amount_minor, kind, object_id, p_event_at FROM unnest(v_legs)
    )
    INSERT INTO inbox (account_id, posting_id, n, amount_minor)
    SELECT m.account_id, posted, m.n, m.free_minor FROM unnest(v_moves) AS m
    WHERE NOT ledger_in_place(m) AND m.free_minor <> 0;
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

GRANT SELECT ON ledger_chart, account, ledger_step, posting, entry, inbox, hold TO paysaga_app;

GRANT EXECUTE ON FUNCTION
    ledger_open_account, ledger_block_account, ledger_unblock_account, ledger_close_account,
    ledger_hold, ledger_release, ledger_post, ledger_fold, ledger_fold_some
TO paysaga_app;
