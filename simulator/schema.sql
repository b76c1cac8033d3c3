-- The simulator's durable book. Business times are seconds of the simulator's clock; due times are seconds of the wall.

CREATE TABLE IF NOT EXISTS channel_keys (
    channel     TEXT PRIMARY KEY,
    private_key TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS apps (
    channel    TEXT NOT NULL,
    app_id     TEXT NOT NULL,
    public_key TEXT NOT NULL,
    PRIMARY KEY (channel, app_id)
);

CREATE TABLE IF NOT EXISTS dials (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS orders (
    out_no            TEXT PRIMARY KEY,
    channel           TEXT NOT NULL,
    channel_no        TEXT NOT NULL UNIQUE,
    app_id            TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('waiting', 'paid', 'closed', 'declined')),
    amount_minor      INTEGER NOT NULL CHECK (amount_minor > 0),
    currency          TEXT NOT NULL,
    payer_pays_minor  INTEGER NOT NULL,
    paid_amount_minor INTEGER,
    paid_at           REAL,
    expire_at         REAL NOT NULL,
    notify_url        TEXT NOT NULL,
    terms             TEXT NOT NULL,
    fail_code         TEXT,
    late_payable      INTEGER NOT NULL DEFAULT 0,
    auto_pay_at       REAL,
    previous          TEXT,
    CHECK ((state = 'paid') = (paid_amount_minor IS NOT NULL)),
    CHECK ((state = 'paid') = (paid_at IS NOT NULL))
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS orders_by_expiry ON orders (expire_at) WHERE state = 'waiting';

CREATE TABLE IF NOT EXISTS refunds (
    out_refund_no     TEXT PRIMARY KEY,
    channel           TEXT NOT NULL,
    channel_refund_no TEXT NOT NULL UNIQUE,
    app_id            TEXT NOT NULL,
    out_no            TEXT NOT NULL REFERENCES orders,
    state             TEXT NOT NULL CHECK (state IN ('processing', 'succeeded', 'bounced', 'failed')),
    amount_minor      INTEGER NOT NULL CHECK (amount_minor > 0),
    currency          TEXT NOT NULL,
    succeeded_at      REAL,
    bounced_at        REAL,
    fail_code         TEXT,
    notify_url        TEXT,
    terms             TEXT NOT NULL,
    end_at            REAL,
    previous          TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refunds_by_order ON refunds (out_no);

CREATE TABLE IF NOT EXISTS transfers (
    out_transfer_no     TEXT PRIMARY KEY,
    channel             TEXT NOT NULL,
    channel_transfer_no TEXT NOT NULL UNIQUE,
    app_id              TEXT NOT NULL,
    state               TEXT NOT NULL CHECK (state IN ('processing', 'succeeded', 'returned', 'failed')),
    amount_minor        INTEGER NOT NULL CHECK (amount_minor > 0),
    currency            TEXT NOT NULL,
    account             TEXT NOT NULL,
    succeeded_at        REAL,
    returned_at         REAL,
    fail_code           TEXT,
    notify_url          TEXT,
    terms               TEXT NOT NULL,
    end_at              REAL,
    previous            TEXT,
    CHECK ((state = 'returned') = (returned_at IS NOT NULL))
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS balances (
    app_id       TEXT NOT NULL,
    currency     TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    PRIMARY KEY (app_id, currency)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS notifications (
    notify_id  TEXT PRIMARY KEY,
    channel    TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('payment', 'refund', 'transfer')),
    app_id     TEXT NOT NULL,
    number     TEXT NOT NULL,
    out_no     TEXT NOT NULL,
    url        TEXT NOT NULL,
    created_at REAL NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('pending', 'acknowledged', 'given_up', 'lost')),
    sent       INTEGER NOT NULL DEFAULT 0,
    copies     INTEGER NOT NULL DEFAULT 1,
    due_at     REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS notifications_pending ON notifications (due_at) WHERE state = 'pending';

CREATE TABLE IF NOT EXISTS journal (
    entry_id  INTEGER PRIMARY KEY,
    at        REAL NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    method    TEXT NOT NULL,
    path      TEXT NOT NULL,
    headers   TEXT NOT NULL,
    body      TEXT NOT NULL,
    status    INTEGER,
    verdict   TEXT NOT NULL,
    fault     TEXT,
    out_no    TEXT,
    refund_no TEXT
);
CREATE INDEX IF NOT EXISTS journal_by_order ON journal (out_no);
CREATE INDEX IF NOT EXISTS journal_by_refund ON journal (refund_no) WHERE refund_no IS NOT NULL;

CREATE TABLE IF NOT EXISTS sink_events (
    event_id        INTEGER PRIMARY KEY,
    received_at     REAL NOT NULL,
    path            TEXT NOT NULL,
    webhook_id      TEXT,
    headers         TEXT NOT NULL,
    body            TEXT NOT NULL,
    status_answered INTEGER NOT NULL,
    verified        INTEGER
);
CREATE INDEX IF NOT EXISTS sink_events_by_webhook ON sink_events (webhook_id);
