"""Many payments stored in bulk: their money through the functions of the book, everything else in sets."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.errors import BenchError
from bench.growth.clones import ASIDE, DIGITS, TABLES, insert, template
from bench.plans import Shop
from bench.rows import Rows
from devstack.postgres import EmbeddedPostgres
from domain.ids import AccountId
from domain.money import Currency
from ledger import steps
from ledger.legs import StepKey

CHUNK = 1_000
#: As many at once as use two processors; each has wallets of its own, so that none waits for another.
SESSIONS = 2
FOLD_EVERY, SAY_EVERY = 5, 25
#: Fewer checkpoints while payments are stored: after each, every page that changes is written to the log whole.
WAL_MEANWHILE = "'16GB'"

_TEMPLATE = """
    SELECT * FROM payment WHERE state = 'succeeded' AND merchant_id = '{merchant_id}'
        AND channel = 'sim' AND order_no NOT LIKE 'stored-%' ORDER BY id DESC LIMIT 1
"""
_STORED = "SELECT count(*) AS stored FROM payment"
_LAST_FEED_NO = "SELECT coalesce(max(feed_no), 0) AS feed_no FROM event"
_HIGHEST = "SELECT coalesce(max(substr(order_no, 8)::bigint), 0) AS n FROM payment WHERE order_no LIKE 'stored-%'"
_COLUMNS = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND is_identity = 'NO' ORDER BY table_name, ordinal_position
"""
_SEED = """
SET synchronous_commit = off;  -- a checkpoint comes at the end
CREATE TEMP TABLE seed (
    n bigint PRIMARY KEY, payment_id text, order_no text, wallet_id text, sku text, first_feed_no bigint);
BEGIN;
INSERT INTO seed
SELECT n, '{prefix}' || lpad(n::text, {digits}, '0'), 'stored-' || n,
    (ARRAY[{wallets}])[n % {wallet_count} + 1], (ARRAY[{skus}])[n % {sku_count} + 1], {feed_no} + n * {events}
FROM generate_series({first}, {last}) AS n;
"""
_COMMIT = "COMMIT;\n"
_FORGET = f"DROP SCHEMA IF EXISTS {ASIDE} CASCADE;\n"
_MONEY = """
DO $money$ DECLARE s record; BEGIN
FOR s IN SELECT payment_id, wallet_id FROM seed ORDER BY n LOOP
    PERFORM ledger_hold('payment', s.payment_id, 'hold', s.wallet_id, '{merchant_id}', {balance_minor}, '{currency}',
        '{expires_at}', 'balance part of a payment');
    PERFORM ledger_post('payment', s.payment_id, '{step}', '{merchant_id}', '{event_at}', NULL,
        replace(replace('{legs}', '@payment@', s.payment_id), '@wallet@', s.wallet_id)::jsonb, NULL);
    COMMIT;  -- else versions of balances and dead entries of open holds gather, and every later change walks over them
END LOOP; END $money$;
"""
_SOLD = """
UPDATE stock SET sold = moved.quantity FROM (
    SELECT r.merchant_id, l.sku, l.warehouse, sum(l.quantity) AS quantity
    FROM reservation r JOIN reservation_line l USING (payment_id)
    WHERE r.state = 'confirmed' GROUP BY r.merchant_id, l.sku, l.warehouse
) AS moved
WHERE stock.merchant_id = moved.merchant_id AND stock.sku = moved.sku AND stock.warehouse = moved.warehouse;
"""
_FOLD = "DO $$ BEGIN WHILE ledger_fold_some(10000) > 0 LOOP COMMIT; END LOOP; END $$;"


class Seeding:
    """Stores payments of one shop in one database, cloned from the newest one that succeeded there."""

    def __init__(self, postgres: EmbeddedPostgres, database: str, *, shop: Shop, say: Callable[[str], None]) -> None:
        self._postgres = postgres
        self._database = database
        self._shop = shop
        self._say = say
        self._rows = Rows(postgres, database)

    def stored(self) -> int:
        """How many payments there are."""
        return int(self._rows.read(_STORED)[0]["stored"])

    async def grow_to(self, payments: int) -> int:
        """There are so many payments, everything is folded and the planner knows; answers how many were added."""
        missing = max(0, payments - self.stored())
        found = self._newest()
        first, events = self._first_number(), self._events(found["id"])
        base = int(self._rows.read(_LAST_FEED_NO)[0]["feed_no"]) - first * events
        chunk = self._clones() + _COMMIT + self._money(found)
        numbered = {"prefix": found["id"][:-DIGITS], "feed_no": base, "events": events}
        spans = [range(start, min(start + CHUNK, first + missing)) for start in range(first, first + missing, CHUNK)]
        self._sql(self._put_aside(found["id"]))
        self._rows.set("max_wal_size", WAL_MEANWHILE)
        try:
            sessions = (self._session(turn, spans[turn::SESSIONS], numbered, chunk) for turn in range(SESSIONS))
            await asyncio.gather(*sessions)
        finally:
            self._rows.set("max_wal_size", "DEFAULT")
            self._sql(_FORGET)
        for script in (_FOLD, _SOLD, "VACUUM (ANALYZE);", "CHECKPOINT;"):
            await asyncio.to_thread(self._sql, script)
        return missing

    async def _session(self, turn: int, spans: Sequence[range], numbered: Mapping[str, Any], chunk: str) -> None:
        """One span after another; the first session also folds, and says how long its chunks take."""
        said_at = time.monotonic()
        for done, span in enumerate(spans, start=1):
            await asyncio.to_thread(self._sql, self._seed(turn, span, numbered) + chunk)
            if turn == 0 and done % FOLD_EVERY == 0:
                await asyncio.to_thread(self._sql, _FOLD)
            if turn == 0 and done % SAY_EVERY == 0:
                chunk_s, said_at = (time.monotonic() - said_at) / SAY_EVERY, time.monotonic()
                self._say(f"chunk {done} of {len(spans)} stored, {SESSIONS} at a time, {chunk_s:.2f} s each")

    def _seed(self, turn: int, span: range, numbered: Mapping[str, Any]) -> str:
        wallet_ids = self._shop.wallet_ids[turn::SESSIONS]
        return _SEED.format(
            digits=DIGITS,
            wallets=_texts(wallet_ids),
            wallet_count=len(wallet_ids),
            skus=_texts(self._shop.skus),
            sku_count=len(self._shop.skus),
            first=span.start,
            last=span.stop - 1,
            **numbered,
        )

    def _put_aside(self, payment_id: str) -> str:
        templates = "\n".join(template(table, payment_id) for table in TABLES)
        return f"{_FORGET}CREATE SCHEMA {ASIDE};\n{templates}"

    def _clones(self) -> str:
        columns: dict[str, list[str]] = {}
        for row in self._rows.read(_COLUMNS):
            columns.setdefault(row["table_name"], []).append(row["column_name"])
        return "\n".join(insert(table, columns[table.name]) for table in TABLES)

    def _money(self, found: Mapping[str, Any]) -> str:
        return _MONEY.format(
            merchant_id=found["merchant_id"],
            balance_minor=found["balance_minor"],
            currency=found["currency"],
            expires_at=found["expires_at"],
            event_at=found["paid_at"],
            step=steps.PAYMENT.name,
            legs=json.dumps([leg.model_dump(exclude_none=True) for leg in _legs(found)]),
        )

    def _newest(self) -> dict[str, Any]:
        found = self._rows.read(_TEMPLATE.format(merchant_id=self._shop.merchant_id))
        if not found:
            raise BenchError("No payment has succeeded yet that others could be made from.")
        return found[0]

    def _events(self, payment_id: str) -> int:
        return len(self._rows.read(f"SELECT 1 AS one FROM event WHERE object_id = '{payment_id}'"))  # noqa: S608

    def _first_number(self) -> int:
        """Above every number that was stored before, so that a second call adds to the first."""
        return int(self._rows.read(_HIGHEST)[0]["n"]) + 1

    def _sql(self, script: str) -> None:
        self._postgres.sql(script, database=self._database)


def _legs(template: Mapping[str, Any]) -> Sequence[Any]:
    """Those of the payment's posting, with words in place of its id and its payer's wallet."""
    amounts = {name: template[name] for name in ("balance_minor", "channel_minor", "coupon_minor", "fee_minor")}
    hold = StepKey(biz_type="payment", biz_id="@payment@", step="hold")
    parties = steps.Parties(
        currency=Currency(template["currency"]),
        object_id="@payment@",
        merchant_id=template["merchant_id"],
        channel_account_id=template["channel_account_id"],
        wallet_id=AccountId("@wallet@"),
        holds={steps.Role.WALLET: hold},
    )
    return steps.legs(steps.PAYMENT, amounts, parties)


def _texts(values: Sequence[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)
