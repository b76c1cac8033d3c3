"""A book that an earlier version wrote is taken up with all its rows."""

import sqlite3
from pathlib import Path

from simulator.database import Database

OF_BEFORE_TRANSFERS = """
CREATE TABLE refunds (
    out_refund_no     TEXT PRIMARY KEY,
    channel           TEXT NOT NULL,
    channel_refund_no TEXT NOT NULL UNIQUE,
    app_id            TEXT NOT NULL,
    out_no            TEXT NOT NULL REFERENCES orders,
    state             TEXT NOT NULL CHECK (state IN ('processing', 'succeeded', 'failed')),
    amount_minor      INTEGER NOT NULL CHECK (amount_minor > 0),
    currency          TEXT NOT NULL,
    succeeded_at      REAL,
    fail_code         TEXT,
    notify_url        TEXT,
    terms             TEXT NOT NULL,
    end_at            REAL,
    previous          TEXT
) WITHOUT ROWID;
CREATE INDEX refunds_by_order ON refunds (out_no);
CREATE TABLE notifications (
    notify_id  TEXT PRIMARY KEY,
    channel    TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('payment', 'refund')),
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
CREATE INDEX notifications_pending ON notifications (due_at) WHERE state = 'pending';
INSERT INTO refunds VALUES ('REFUND01', 'sim', 'SIMR1', 'app_1', 'ORDER001', 'succeeded', 100, 'CNY', 5.0, NULL,
                            'http://127.0.0.1:9/', '{}', 4.0, '{"state": "processing"}');
INSERT INTO notifications VALUES ('ntf1', 'sim', 'refund', 'app_1', 'REFUND01', 'ORDER001', 'http://127.0.0.1:9/', 5.0,
                                  'pending', 1, 1, 6.0);
"""


def test_an_older_book_takes_todays_form_and_loses_nothing(tmp_path: Path) -> None:
    """Rows and indexes are there, the new states are allowed, and a second start changes nothing."""
    with sqlite3.connect(tmp_path / "simulator.sqlite3") as older:
        older.executescript(OF_BEFORE_TRANSFERS)
    older.close()
    Database(tmp_path).close()
    book = Database(tmp_path)
    book.execute("UPDATE refunds SET state = 'bounced', bounced_at = 9.0")
    book.execute("UPDATE notifications SET kind = 'transfer'")
    [refund] = book.rows("SELECT * FROM refunds")
    [notice] = book.rows("SELECT * FROM notifications")
    indexes = {row["name"] for row in book.rows("SELECT name FROM sqlite_master WHERE type = 'index'")}
    tables = {row["name"] for row in book.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    book.close()
    assert ("REFUND01", 100, 5.0, '{"state": "processing"}') == tuple(
        refund[name] for name in ("out_refund_no", "amount_minor", "succeeded_at", "previous")
    )
    assert ("ntf1", "pending", 6.0) == (notice["notify_id"], notice["state"], notice["due_at"])
    assert {"refunds_by_order", "notifications_pending"} <= indexes
    assert not [name for name in tables if name.endswith("_before")]
