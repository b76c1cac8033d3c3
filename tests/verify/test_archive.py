"""What is old and at rest is detached, whole; nothing is dropped, and everything that is left stays true."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from domain.ids import new_id
from domain.partitions import PartitionCommand
from tests.support.histories import replays
from tests.verify.aged import AGED, ARCHIVE, CUT, SEALED, UNGUARDED
from tests.verify.conftest import Scene
from tests.verify.test_invariants import broken
from workflows.partitions import PartitionsWorkflow

_STATEMENTS = """
    SELECT account_id, posting_id, n, ledger_balance_before(account_id, posting_id, n) AS before_minor
    FROM entry WHERE posting_id >= ledger_first_id(now() - interval '20 days') ORDER BY account_id, posting_id, n
"""
_DAY_ENDS = """
    SELECT id, ledger_balance_on(id, ledger_day(now())) AS now_minor,
        ledger_balance_on(id, ledger_day(now()) - 50) AS then_minor
    FROM account ORDER BY id
"""
_OLDEST = "SELECT id, biz_type, biz_id, step, merchant_id FROM posting ORDER BY id LIMIT 1"
_LEGS = """
    SELECT jsonb_agg(jsonb_build_object('account_id', account_id, 'currency', currency,
        'amount_minor', amount_minor, 'kind', kind, 'object_id', object_id) ORDER BY n)::text
    FROM entry WHERE posting_id = $1
"""
_CORRECT = "SELECT * FROM ledger_correct('test', 'x', 'correct', NULL, now(), NULL, $1)"
_DETACHED = "SELECT name FROM table_partition WHERE table_name = 'entry' AND detached_at IS NOT NULL"
_DIGEST = """
    UPDATE ledger_step SET digest = sha256(convert_to(coalesce($1, '') || $2::jsonb::text, 'UTF8'))
    WHERE posting_id = $3
"""
_IN_ARCHIVE = "SELECT count(*) FROM archive.entry_{} WHERE posting_id = $1"


@pytest.fixture
async def aged(scene: Scene) -> AsyncIterator[asyncpg.Connection]:
    """The scene's database as its owner, the older half of it aged and its days sealed; as it was afterwards."""
    owner = await scene.owner()
    transaction = owner.transaction()
    await transaction.start()
    for script in (AGED, CUT, SEALED):
        await owner.execute(script)
    yield owner
    await transaction.rollback()
    await owner.close()


async def test_what_is_left_stays_true(aged: asyncpg.Connection) -> None:
    """Every rule holds, balances and statements say what they said, and nothing is gone but from sight."""
    assert [] == await broken(aged, "1970-01-01Z")
    before = [await aged.fetch(query) for query in (_STATEMENTS, _DAY_ENDS)]
    entries = await aged.fetchval("SELECT count(*) FROM entry")
    oldest = await aged.fetchval("SELECT min(id::text)::uuid FROM posting")
    await aged.execute(UNGUARDED)
    assert (7, None) == tuple(await aged.fetchrow(ARCHIVE))
    assert 0 < len(before[0]) == await aged.fetchval("SELECT count(*) FROM entry") < entries
    assert before == [await aged.fetch(query) for query in (_STATEMENTS, _DAY_ENDS)]
    assert [] == await broken(aged, "1970-01-01Z") + await broken(aged, "2026-01-01")
    name = await aged.fetchval(
        "SELECT name FROM table_partition WHERE table_name = 'entry' AND detached_at IS NOT NULL"
    )
    assert await aged.fetchval(_IN_ARCHIVE.format(name.removeprefix("entry_")), oldest) >= 2
    assert (0, None) == tuple(await aged.fetchrow(ARCHIVE))


async def test_the_rules_still_see_what_is_wrong(aged: asyncpg.Connection, scene: Scene) -> None:
    """A horizon must not be a blindfold: what came after it is judged as before."""
    await aged.execute(UNGUARDED)
    await aged.execute(ARCHIVE)
    wrong = [
        ("03_balance_is_sum_of_entries", "UPDATE account SET available = available + 1 WHERE id = '{wallet}'"),
        ("34_payout_and_transfer_are_posted_once", "UPDATE transfer SET amount_minor = 1 WHERE id = '{transfer}'"),
        # The sum that stands for what is in the archive.
        ("03_balance_is_sum_of_entries", "UPDATE day_balance SET balance_minor = 1 WHERE account_id = '{wallet}'"),
    ]
    for name, sql in wrong:
        savepoint = aged.transaction()
        await savepoint.start()
        await aged.execute(sql.format(**scene.names))
        assert name in await broken(aged, "1970-01-01Z")
        await savepoint.rollback()


async def test_a_step_in_the_archive_is_not_posted_again(aged: asyncpg.Connection) -> None:
    """Once only is for ever: a repeat answers with the first posting; a correction of it is refused, not half made."""
    oldest = await aged.fetchrow(_OLDEST)
    legs = await aged.fetchval(_LEGS, oldest["id"])
    await aged.execute(UNGUARDED)
    await aged.execute(ARCHIVE)
    await aged.execute(_DIGEST, oldest["merchant_id"], legs, oldest["id"])
    again = await aged.fetchrow(
        "SELECT * FROM ledger_post($1, $2, $3, $4, now(), NULL, $5, NULL)",
        *(oldest["biz_type"], oldest["biz_id"], oldest["step"], oldest["merchant_id"], legs),
    )
    assert (oldest["id"], True) == (again["posted"], again["replayed"])
    with pytest.raises(asyncpg.PostgresError, match="there is no posting"):
        await aged.execute(_CORRECT, oldest["id"])


@pytest.mark.parametrize(
    ("reason", "sql"),
    [
        ("an object is open", "UPDATE payment SET created_at = now() - interval '90 days' WHERE id = '{waiting}'"),
        ("its days are not sealed", "DELETE FROM sealed_day WHERE day >= ledger_day(now()) - 40"),
        (
            "an event is not delivered",
            "UPDATE event SET handed_at = NULL WHERE id = (SELECT min(id) FROM event)",
        ),
        (
            "an inbox is not folded",
            "INSERT INTO inbox SELECT account_id, posting_id, n, 1 FROM entry ORDER BY posting_id LIMIT 1",
        ),
        (
            "an attempt is watched",
            "UPDATE attempt SET created_at = now() - interval '90 days', watch_until = now(), next_check_at = now()",
        ),
    ],
)
async def test_what_is_not_at_rest_is_kept(aged: asyncpg.Connection, scene: Scene, reason: str, sql: str) -> None:
    """A period with anything open stays whole, and says why."""
    await _at_rest(aged)
    savepoint = aged.transaction()
    await savepoint.start()
    await aged.execute(sql.format(**scene.names))
    assert (0, reason) == tuple(await aged.fetchrow(ARCHIVE))
    await savepoint.rollback()
    assert (7, None) == tuple(await aged.fetchrow(ARCHIVE))


async def test_the_job_runs_on_its_queue(scene: Scene) -> None:
    """There is nothing to make and nothing so old; the schedule asks again."""
    client, workflow_id = scene.shop.centre.temporal, new_id("partitions")
    counts: Any = await client.execute_workflow(
        PartitionsWorkflow.run,
        PartitionCommand(days=30, retention_days=400),
        id=workflow_id,
        task_queue="saga",
    )
    assert (0, 0, None) == (counts.made, counts.archived, counts.kept_for)
    await replays(client, workflow_id, "a-look-at-the-partitions")


async def _at_rest(aged: asyncpg.Connection) -> None:
    """What the scene left open is younger than the cut, or was handed over."""
    await aged.execute("""
        UPDATE payment SET created_at = now() WHERE state NOT IN ('succeeded', 'closed', 'failed');
        UPDATE attempt SET created_at = now() WHERE watch_until IS NOT NULL;
        UPDATE event SET handed_at = now() WHERE handed_at IS NULL;
        UPDATE delivery SET state = 'failed' WHERE state = 'pending';
        UPDATE callback SET applied_at = now() WHERE applied_at IS NULL;
        UPDATE suspense_item SET created_at = now() WHERE state <> 'ended';
    """)
