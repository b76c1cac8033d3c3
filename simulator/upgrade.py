"""A book of the time before transfers takes today's form; every row stays."""

import sqlite3

_SET_ASIDE = """
BEGIN IMMEDIATE;
ALTER TABLE refunds RENAME TO refunds_before;
ALTER TABLE notifications RENAME TO notifications_before;
DROP INDEX IF EXISTS refunds_by_order;
DROP INDEX IF EXISTS notifications_pending;
"""
_TAKE_OVER = """
INSERT INTO refunds (out_refund_no, channel, channel_refund_no, app_id, out_no, state, amount_minor, currency,
                     succeeded_at, fail_code, notify_url, terms, end_at, previous)
SELECT out_refund_no, channel, channel_refund_no, app_id, out_no, state, amount_minor, currency,
       succeeded_at, fail_code, notify_url, terms, end_at, previous FROM refunds_before;
INSERT INTO notifications SELECT * FROM notifications_before;
DROP TABLE refunds_before;
DROP TABLE notifications_before;
COMMIT;
"""


def upgrade(connection: sqlite3.Connection, schema: str) -> None:
    """Rebuild the two tables whose rules grew, in one transaction; a book of today is left alone."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(refunds)")}
    if columns and "bounced_at" not in columns:
        connection.executescript(_SET_ASIDE + schema + _TAKE_OVER)
