"""The invariants of everything outside the book: each sees its own corruption, and nothing else does."""

import json
import re
from typing import Any

import asyncpg
import pytest

from activities.verification import invariants, verify
from store import verification as store
from tests.verify.conftest import Scene
from tests.verify.corruptions import CORRUPTIONS, SEAL, SEAL_AGAIN

MORE_STOCK = (
    "ALTER TABLE stock DROP CONSTRAINT stock_sku; INSERT INTO stock (merchant_id, sku, warehouse)"
    " SELECT '{merchant}', 'sku-' || n, 'main' FROM generate_series(1, 20) AS n"
)
CASES = [(name, sql) for name, scripts in CORRUPTIONS.items() for sql in scripts]


def test_every_invariant_is_corrupted_here() -> None:
    """A query that is added is tested."""
    assert set(store.invariants()) == set(CORRUPTIONS)


def test_every_invariant_has_a_number_of_its_own_and_says_what_holds() -> None:
    """What the command prints comes from the query itself."""
    numbers = [one.number for one in invariants()]
    assert (len(numbers), True) == (len(set(numbers)), all(one.holds.endswith(".") for one in invariants()))


async def test_what_really_happened_breaks_nothing(scene: Scene) -> None:
    """Success, closing, late money and a running payment; an object that runs is no finding."""
    report = await verify(scene.shop.centre.database)
    assert {} == {verdict.invariant.name: verdict.rows for verdict in report.broken}


@pytest.mark.parametrize(("name", "sql"), CASES, ids=[f"{name}-{at}" for at, (name, _) in enumerate(CASES)])
async def test_a_corruption_is_seen_by_its_own_invariant(scene: Scene, name: str, sql: str) -> None:
    """An invariant that cannot fail proves nothing; one corruption is one finding."""
    owner = await scene.owner()
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute(sql.format(**scene.names, seal=SEAL, seal_again=SEAL_AGAIN))
        assert [name] == await broken(owner, "1970-01-01Z")
        assert [name] == await broken(owner, "2026-01-01")
    finally:
        await transaction.rollback()
        await owner.close()


async def test_what_did_not_change_is_not_looked_at(scene: Scene) -> None:
    """`since` is honoured: an object of before stays unseen."""
    owner = await scene.owner()
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute(f"UPDATE payment SET captured_minor = 0 WHERE id = '{scene.names['paid']}'")  # noqa: S608 - an id
        assert [] == await broken(owner, "2999-01-01")
    finally:
        await transaction.rollback()
        await owner.close()


async def test_refunds_are_read_once_however_many_products_there_are(scene: Scene) -> None:
    """The rule of the stock costs refunds plus products, not refunds times products."""
    owner = await scene.owner()
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute(MORE_STOCK.format(**scene.names))
        for since in ("1970-01-01Z", "2026-01-01"):
            plan = await owner.fetchval(
                "EXPLAIN (ANALYZE, FORMAT JSON) " + _asked(since)["21_stock_is_what_was_reserved"]
            )
            assert [1] == [node["Actual Loops"] for node in _nodes(json.loads(plan)[0]["Plan"], "refund")]
    finally:
        await transaction.rollback()
        await owner.close()


def _nodes(plan: dict[str, Any], relation: str) -> list[dict[str, Any]]:
    """The steps of a plan that read the table."""
    below = [node for part in plan.get("Plans", []) for node in _nodes(part, relation)]
    return [plan, *below] if plan.get("Relation Name") == relation else below


def _asked(since: str) -> dict[str, str]:
    """The queries by name, of what changed since then."""
    return {one.name: re.sub(r":since\b", f"'{since}'::timestamptz", one.query) for one in invariants()}


async def broken(connection: asyncpg.Connection, since: str) -> list[str]:
    """The invariants that do not hold now, of what changed since then."""
    return [name for name, query in _asked(since).items() if await connection.fetch(query)]
