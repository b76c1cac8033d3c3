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
    -- Debt is capped at the try, so it is the one open account that money is held in.
    CONSTRAINT account_frozen CHECK (frozen >= 0 AND (class <> 'open' OR frozen = 0 OR kind = 'merchant_debt')),
    CONSTRAINT account_closed_empty CHECK (closed_at IS NULL OR (available = 0 AND frozen = 0)),
    CONSTRAINT account_blocked_with_reason CHECK ((blocked_at IS NULL) = (blocked_reason IS NULL)),
    -- A wallet belongs to the merchant that opened it; every other account is the only one of its kind, owner, currency.
    CONSTRAINT account_wallet_has_merchant CHECK (kind <> 'wallet' OR merchant_id IS NOT NULL),
    CONSTRAINT account_id_names_it CHECK (kind = 'wallet' OR id = kind || ':' || owner || ':' || currency)
) WITH (fillfactor = 50);  -- balances change in place, on the same page

CREATE INDEX account_merchant ON account (merchant_id, id);

-- The partitions of the tables that only grow, the book's and the others': which rows each has, by the time in their
-- ids. One that was detached lies in the schema `archive`; nothing here drops it.
CREATE SCHEMA archive;

CREATE TABLE table_partition (
    name text PRIMARY KEY,
    table_name text NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    detached_at timestamptz,
    CONSTRAINT table_partition_begins_before CHECK (begins_at < ends_at)
);

CREATE UNIQUE INDEX table_partition_begins_at ON table_partition (table_name, begins_at);

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
    corrects uuid,
    memo text,
    -- The day whose books contain it, and the sealed day that it belongs to by its event and came too late for.
    booked_on date NOT NULL,
    belongs_to date CONSTRAINT posting_belongs_before CHECK (belongs_to < booked_on)
) PARTITION BY RANGE (id);

CREATE TABLE posting_default PARTITION OF posting DEFAULT;
CREATE INDEX posting_booked_on ON posting (booked_on);

-- The once-only gate of a correction, for ever: a posting may lie in another partition than what corrects it.
CREATE TABLE ledger_correction (
    corrects uuid PRIMARY KEY,
    posting_id uuid NOT NULL
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
) PARTITION BY RANGE (posting_id);

CREATE TABLE entry_default PARTITION OF entry DEFAULT;

CREATE INDEX entry_account ON entry (account_id, posting_id, n) INCLUDE (amount_minor);

-- What was posted to a deferred or open account and not added to its row yet: one net amount per posting and account.
CREATE TABLE inbox (
    account_id text NOT NULL,
    posting_id uuid NOT NULL,
    n integer NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT inbox_amount CHECK (amount_minor <> 0),
    PRIMARY KEY (account_id, posting_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- A day that takes no posting any more. Each digest contains the one before it.
CREATE TABLE sealed_day (
    day date PRIMARY KEY,
    sealed_at timestamptz NOT NULL,
    postings bigint NOT NULL,
    digest bytea NOT NULL,
    previous_digest bytea
);

-- What an account held at the end of a sealed day on which it moved: the sum of its entries booked up to then.
CREATE TABLE day_balance (
    account_id text NOT NULL,
    day date NOT NULL,
    balance_minor bigint NOT NULL,
    PRIMARY KEY (account_id, day)
);

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
    -- How many holds one try over several accounts made; the others are `step.2`, `step.3` and so on.
    parts integer NOT NULL DEFAULT 1 CONSTRAINT hold_parts CHECK (parts >= 1),
    PRIMARY KEY (biz_type, biz_id, step),
    CONSTRAINT hold_amount CHECK (amount_minor > 0),
    CONSTRAINT hold_tombstone CHECK (state = 'released' OR account_id IS NOT NULL),
    CONSTRAINT hold_whole CHECK (num_nulls(account_id, currency, amount_minor) IN (0, 3)),
    CONSTRAINT hold_ended CHECK ((state = 'held') = (ended_at IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX hold_open ON hold (account_id) WHERE state = 'held';
