-- Refund, top-up, payout and transfer; days of the book; the audit's chain; verification. What stood here before keeps
-- its meaning: a column that had no name yet gets the value that it always had.

-- The book.

ALTER TABLE account DROP CONSTRAINT account_frozen;
ALTER TABLE account ADD CONSTRAINT account_frozen
    CHECK (frozen >= 0 AND (class <> 'open' OR frozen = 0 OR kind = 'merchant_debt'));

-- Each posting is booked as it would have been on the day that it was made: never on a day to come, and on that day when
-- its event was more than 31 days before.
ALTER TABLE posting ADD COLUMN booked_on date, ADD COLUMN belongs_to date;
UPDATE posting AS p SET
    booked_on = booked.day, belongs_to = CASE WHEN of_event.day < booked.day THEN of_event.day END
FROM posting AS made
CROSS JOIN LATERAL (SELECT (made.created_at AT TIME ZONE 'Asia/Shanghai')::date AS day) AS of_making
CROSS JOIN LATERAL (SELECT (made.event_at AT TIME ZONE 'Asia/Shanghai')::date AS day) AS of_event
CROSS JOIN LATERAL (
    SELECT CASE WHEN of_event.day >= of_making.day - 31 THEN least(of_event.day, of_making.day) ELSE of_making.day END
) AS booked (day)
WHERE made.id = p.id;
ALTER TABLE posting ALTER COLUMN booked_on SET NOT NULL;
ALTER TABLE posting ADD CONSTRAINT posting_belongs_before CHECK (belongs_to < booked_on);
CREATE INDEX posting_booked_on ON posting (booked_on);
CREATE UNIQUE INDEX posting_corrected_once ON posting (corrects) WHERE corrects IS NOT NULL;

CREATE TABLE sealed_day (
    day date PRIMARY KEY,
    sealed_at timestamptz NOT NULL,
    postings bigint NOT NULL,
    digest bytea NOT NULL,
    previous_digest bytea
);

CREATE TABLE day_balance (
    account_id text NOT NULL,
    day date NOT NULL,
    balance_minor bigint NOT NULL,
    PRIMARY KEY (account_id, day)
);

ALTER TABLE hold ADD COLUMN parts integer NOT NULL DEFAULT 1 CONSTRAINT hold_parts CHECK (parts >= 1);
CREATE INDEX hold_open ON hold (account_id) WHERE state = 'held';

-- Operators' actions are numbered in the order in which they were done; whose key it was, nobody wrote down.

ALTER TABLE operator_action
    ADD COLUMN seq bigint, ADD COLUMN actor text, ADD COLUMN before jsonb, ADD COLUMN after jsonb,
    ADD COLUMN request_id text;
UPDATE operator_action AS a SET seq = numbered.seq, actor = 'unrecorded'
FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) AS seq FROM operator_action) AS numbered
WHERE numbered.id = a.id;
ALTER TABLE operator_action ALTER COLUMN seq SET NOT NULL, ALTER COLUMN actor SET NOT NULL;
ALTER TABLE operator_action ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('operator_action', 'seq'), coalesce(max(seq), 0) + 1, false) FROM operator_action;
CREATE UNIQUE INDEX operator_action_seq ON operator_action (seq);
CREATE INDEX operator_action_object_id ON operator_action (object_id, seq);

-- Payments and what they are made of.

ALTER TABLE payment
    ADD COLUMN purpose text DEFAULT 'payment' NOT NULL, ADD COLUMN to_account_id text,
    ADD COLUMN refunding_minor bigint DEFAULT 0 NOT NULL,
    ADD CONSTRAINT purpose_known CHECK (purpose IN ('payment', 'top_up')),
    ADD CONSTRAINT top_up_has_account CHECK ((purpose = 'top_up') = (to_account_id IS NOT NULL)),
    ADD CONSTRAINT refunds_not_negative CHECK (refunded_minor >= 0 AND refunding_minor >= 0),
    ADD CONSTRAINT refunds_within_captured CHECK (refunded_minor + refunding_minor <= captured_minor);
DROP INDEX payment_live_order_no;
CREATE UNIQUE INDEX payment_live_order_no ON payment (merchant_id, purpose, order_no) WHERE state NOT IN ('closed', 'failed');
CREATE UNIQUE INDEX payment_top_up_no ON payment (merchant_id, order_no) WHERE purpose = 'top_up';
CREATE INDEX payment_to_account_id ON payment (to_account_id) WHERE to_account_id IS NOT NULL;
CREATE INDEX payment_updated_at ON payment USING brin (updated_at);
CREATE INDEX attempt_updated_at ON attempt USING brin (updated_at);
CREATE INDEX event_created_at ON event USING brin (created_at);

ALTER TABLE reservation_line ADD COLUMN restocked bigint DEFAULT 0 NOT NULL;
ALTER TABLE reservation_line ADD CONSTRAINT restocked_within_quantity CHECK (restocked BETWEEN 0 AND quantity);

-- Refunds: all of them gave money back unasked, by the channel alone. Whatever was sent was sent at least once. One that
-- succeeded can bounce for a week.

ALTER TABLE refund ALTER COLUMN channel DROP NOT NULL, ALTER COLUMN channel_account_id DROP NOT NULL;
ALTER TABLE refund
    ADD COLUMN channel_minor bigint, ADD COLUMN balance_minor bigint DEFAULT 0 NOT NULL,
    ADD COLUMN coupon_minor bigint DEFAULT 0 NOT NULL, ADD COLUMN fee_minor bigint DEFAULT 0 NOT NULL,
    ADD COLUMN pending_minor bigint DEFAULT 0 NOT NULL, ADD COLUMN available_minor bigint DEFAULT 0 NOT NULL,
    ADD COLUMN debt_minor bigint DEFAULT 0 NOT NULL, ADD COLUMN direct_minor bigint DEFAULT 0 NOT NULL,
    ADD COLUMN holds jsonb, ADD COLUMN to_account_id text, ADD COLUMN lines jsonb, ADD COLUMN suspense_item_id text,
    ADD COLUMN approval text, ADD COLUMN approval_expires_at timestamptz, ADD COLUMN approval_reason text,
    ADD COLUMN decided_at timestamptz, ADD COLUMN sends bigint DEFAULT 0 NOT NULL, ADD COLUMN last_sent_at timestamptz, ADD COLUMN watch_until timestamptz,
    ADD COLUMN bounced_at timestamptz;
UPDATE refund SET
    channel_minor = amount_minor, sends = CASE WHEN leg_state = 'intent' THEN 0 ELSE 1 END, last_sent_at = sent_at;
UPDATE refund SET watch_until = succeeded_at + interval '7 days', next_check_at = now()
WHERE leg_state = 'known_ok' AND state <> 'failed' AND succeeded_at > now() - interval '7 days';
ALTER TABLE refund ALTER COLUMN channel_minor SET NOT NULL;
ALTER TABLE refund DROP CONSTRAINT origin_known, DROP CONSTRAINT leg_state_known;
ALTER TABLE refund
    ADD CONSTRAINT origin_known CHECK (origin IN ('merchant', 'late', 'duplicate', 'mismatch', 'bounce')),
    ADD CONSTRAINT leg_state_known CHECK (leg_state IN ('none', 'intent', 'sent', 'known_ok', 'known_fail', 'unknown')),
    ADD CONSTRAINT approval_known CHECK (approval IN ('awaited', 'approved', 'rejected', 'expired')),
    ADD CONSTRAINT refund_legs_sum_to_amount CHECK (amount_minor = channel_minor + balance_minor),
    ADD CONSTRAINT refund_channel_leg CHECK ((leg_state = 'none') = (channel_minor = 0));
DROP INDEX refund_unasked;
CREATE UNIQUE INDEX refund_unasked ON refund (out_no) WHERE origin NOT IN ('merchant', 'bounce');
CREATE INDEX refund_watched ON refund (next_check_at) WHERE watch_until IS NOT NULL;

-- What waits to be told is rendered as today's refund.
UPDATE event SET snapshot = jsonb_set(snapshot, '{refund,channel_minor}', snapshot #> '{refund,amount_minor}')
WHERE body IS NULL AND snapshot ? 'refund';

-- Suspense: every item is about an attempt that was paid in a wrong amount. Its refund, unless that failed, takes it out.

ALTER TABLE suspense_item
    ADD COLUMN origin text DEFAULT 'mismatch' NOT NULL, ADD COLUMN object_id text, ADD COLUMN channel_account_id text,
    ADD COLUMN resolution text, ADD COLUMN resolution_id text, ADD COLUMN version bigint DEFAULT 1 NOT NULL;
UPDATE suspense_item AS i SET object_id = i.out_no, channel_account_id = a.channel_account_id
FROM attempt AS a WHERE a.out_no = i.out_no;
UPDATE refund AS r SET suspense_item_id = i.id
FROM suspense_item AS i WHERE r.origin = 'mismatch' AND i.object_id = r.out_no;
ALTER TABLE suspense_item DROP CONSTRAINT state_known;
UPDATE suspense_item AS i SET
    resolution = 'refund', resolution_id = r.id, version = 2,
    state = CASE i.state WHEN 'ended' THEN 'ended' ELSE 'ending' END
FROM refund AS r WHERE r.suspense_item_id = i.id AND r.state <> 'failed';
ALTER TABLE suspense_item ALTER COLUMN object_id SET NOT NULL, ALTER COLUMN channel_account_id SET NOT NULL;
ALTER TABLE suspense_item
    ADD CONSTRAINT state_known CHECK (state IN ('open', 'ending', 'ended')),
    ADD CONSTRAINT origin_known CHECK (origin IN ('mismatch', 'bounce')),
    ADD CONSTRAINT suspense_item_amount_positive CHECK (amount_minor > 0),
    ADD CONSTRAINT resolution_known CHECK (resolution IN ('refund', 'wallet', 'payout')),
    ADD CONSTRAINT suspense_item_resolution CHECK ((state = 'open') = (resolution IS NULL)),
    ADD CONSTRAINT suspense_item_resolution_id CHECK ((state = 'open') = (resolution_id IS NULL));
DROP INDEX suspense_item_open, suspense_item_out_no;
CREATE INDEX suspense_item_open ON suspense_item (created_at) WHERE state <> 'ended';
CREATE UNIQUE INDEX suspense_item_object_id ON suspense_item (origin, object_id);

-- New tables.

CREATE TABLE audit_block (
    n bigint NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    actions bigint NOT NULL,
    digest bytea NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    PRIMARY KEY (n),
    CONSTRAINT audit_block_not_empty CHECK (actions > 0 AND first_seq <= last_seq)
);
CREATE UNIQUE INDEX audit_block_last_seq ON audit_block (last_seq);

CREATE TABLE limit_day (
    merchant_id text NOT NULL,
    operation text NOT NULL,
    currency text NOT NULL,
    account_id text NOT NULL,
    day date NOT NULL,
    used_minor bigint NOT NULL,
    PRIMARY KEY (merchant_id, operation, currency, account_id, day),
    CONSTRAINT limit_day_not_negative CHECK (used_minor >= 0)
);
CREATE INDEX limit_day_day ON limit_day (day);

CREATE TABLE limit_use (
    object_id text NOT NULL,
    account_id text NOT NULL,
    merchant_id text NOT NULL,
    operation text NOT NULL,
    currency text NOT NULL,
    day date NOT NULL,
    amount_minor bigint NOT NULL,
    used_at timestamptz DEFAULT now() NOT NULL,
    given_back_at timestamptz,
    PRIMARY KEY (object_id, account_id)
);

CREATE TABLE merchant_rule (
    merchant_id text NOT NULL,
    operation text NOT NULL,
    currency text NOT NULL,
    minimum_minor bigint,
    maximum_minor bigint,
    daily_minor bigint,
    daily_per_account_minor bigint,
    fee_rate_bps bigint DEFAULT 0 NOT NULL,
    fee_fixed_minor bigint DEFAULT 0 NOT NULL,
    fee_cap_minor bigint,
    tools jsonb,
    approval_above_minor bigint,
    approval_expires_in_s bigint DEFAULT 86400 NOT NULL,
    debt_limit_minor bigint DEFAULT 0 NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (merchant_id, operation, currency),
    CONSTRAINT merchant_rule_merchant FOREIGN KEY(merchant_id) REFERENCES merchant (id),
    CONSTRAINT operation_known CHECK (operation IN ('payment', 'top_up', 'refund', 'payout', 'transfer')),
    CONSTRAINT rule_minimum_within_maximum CHECK (minimum_minor <= maximum_minor),
    CONSTRAINT rule_debt_limit_not_negative CHECK (debt_limit_minor >= 0)
);

CREATE TABLE operation_request (
    object_id text NOT NULL,
    merchant_id text NOT NULL,
    operation text NOT NULL,
    number text NOT NULL,
    request_hash text NOT NULL,
    body jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (object_id),
    CONSTRAINT operation_known CHECK (operation IN ('payment', 'top_up', 'refund', 'payout', 'transfer'))
);
CREATE INDEX operation_request_created_at ON operation_request (created_at);
CREATE UNIQUE INDEX operation_request_number ON operation_request (merchant_id, operation, number);

CREATE TABLE payout (
    id text NOT NULL,
    merchant_id text NOT NULL,
    payout_no text NOT NULL,
    account_id text,
    account_kind text,
    suspense_item_id text,
    amount_minor bigint NOT NULL,
    fee_minor bigint DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    channel text NOT NULL,
    channel_account_id text NOT NULL,
    destination jsonb DEFAULT '{}'::jsonb NOT NULL,
    memo text,
    out_no text NOT NULL,
    channel_no text,
    state text DEFAULT 'pending' NOT NULL,
    leg_state text DEFAULT 'intent' NOT NULL,
    sends bigint DEFAULT 0 NOT NULL,
    last_sent_at timestamptz,
    sent_at timestamptz,
    approval text,
    approval_expires_at timestamptz,
    approval_reason text,
    decided_at timestamptz,
    failure_code text,
    failure_detail text,
    certainty text DEFAULT 'sure' NOT NULL,
    checks bigint DEFAULT 0 NOT NULL,
    next_check_at timestamptz,
    watch_until timestamptz,
    needs_attention boolean DEFAULT false NOT NULL,
    attention_reason text,
    attention_owner text,
    version bigint DEFAULT 1 NOT NULL,
    succeeded_at timestamptz,
    returned_at timestamptz,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT state_known CHECK (state IN ('pending', 'awaiting_approval', 'processing', 'needs_action', 'succeeded', 'failed', 'rejected', 'expired', 'returned')),
    CONSTRAINT leg_state_known CHECK (leg_state IN ('none', 'intent', 'sent', 'known_ok', 'known_fail', 'unknown')),
    CONSTRAINT certainty_known CHECK (certainty IN ('sure', 'waiting', 'unknown')),
    CONSTRAINT approval_known CHECK (approval IN ('awaited', 'approved', 'rejected', 'expired')),
    CONSTRAINT payout_amounts CHECK (amount_minor > 0 AND fee_minor >= 0 AND fee_minor < amount_minor),
    CONSTRAINT payout_attention_has_owner CHECK (NOT needs_attention OR attention_owner IS NOT NULL),
    CONSTRAINT payout_has_one_source CHECK ((account_id IS NULL) = (suspense_item_id IS NOT NULL))
);
CREATE INDEX payout_account_id ON payout (account_id);
CREATE INDEX payout_open ON payout (updated_at) WHERE state NOT IN ('expired', 'failed', 'rejected', 'returned', 'succeeded');
CREATE UNIQUE INDEX payout_out_no ON payout (out_no);
CREATE UNIQUE INDEX payout_payout_no ON payout (merchant_id, payout_no);
CREATE INDEX payout_watched ON payout (next_check_at) WHERE watch_until IS NOT NULL;

CREATE TABLE transfer (
    id text NOT NULL,
    merchant_id text NOT NULL,
    transfer_no text NOT NULL,
    from_account_id text NOT NULL,
    to_account_id text NOT NULL,
    amount_minor bigint NOT NULL,
    fee_minor bigint DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    memo text,
    suspense_item_id text,
    state text DEFAULT 'pending' NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    succeeded_at timestamptz,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT state_known CHECK (state IN ('pending', 'succeeded', 'failed')),
    CONSTRAINT transfer_amounts CHECK (amount_minor > 0 AND fee_minor >= 0),
    CONSTRAINT transfer_between_two CHECK (from_account_id <> to_account_id)
);
CREATE INDEX transfer_from_account_id ON transfer (from_account_id);
CREATE INDEX transfer_to_account_id ON transfer (to_account_id);
CREATE UNIQUE INDEX transfer_transfer_no ON transfer (merchant_id, transfer_no);

CREATE TABLE verify_finding (
    invariant text NOT NULL,
    object_id text NOT NULL,
    holds text NOT NULL,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    owner text NOT NULL,
    first_seen_at timestamptz DEFAULT now() NOT NULL,
    last_seen_at timestamptz DEFAULT now() NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (invariant, object_id)
);
CREATE INDEX verify_finding_open ON verify_finding (last_seen_at) WHERE ended_at IS NULL;

CREATE TABLE verify_run (
    id bigint GENERATED ALWAYS AS IDENTITY,
    scope text NOT NULL,
    since timestamptz,
    invariants bigint NOT NULL,
    broken bigint NOT NULL,
    rows bigint NOT NULL,
    duration_ms bigint NOT NULL,
    ran_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT scope_known CHECK (scope IN ('changed', 'everything'))
);
CREATE INDEX verify_run_ran_at ON verify_run (scope, ran_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON limit_day, limit_use, merchant_rule, operation_request, payout, transfer,
    verify_finding, verify_run TO paysaga_app;
GRANT SELECT ON audit_block TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;
