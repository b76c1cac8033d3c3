"""The scheduled look publishes what does not hold as findings that have an owner, and seals what has ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowFailureError
from temporalio.testing import ActivityEnvironment

from activities.verification import Verification, sealed_until
from domain.ids import new_id
from domain.verification import Report, Scope, SealCounts, VerifyCommand, VerifyCounts
from store.verification import publish
from tests.support.histories import replays
from tests.support.shop import operator
from tests.verify.conftest import Scene
from workflows.seal import SealWorkflow
from workflows.verify import VerifyWorkflow

RULE = "22_idempotency_key_has_its_object"


async def test_a_broken_rule_becomes_a_finding_with_an_owner(scene: Scene, lost_key: str) -> None:
    """Once however often it is seen; the metric counts it, the run is kept."""
    counts = [await _run(scene, Scope.CHANGED) for _ in range(2)]
    assert [(1, 1), (1, 1)] == [(one.broken, one.rows) for one in counts]
    findings = await _rows(scene, "SELECT * FROM verify_finding WHERE object_id = :id", id=lost_key)
    assert [(RULE, "operations", None)] == [(one["invariant"], one["owner"], one["ended_at"]) for one in findings]
    assert findings[0]["first_seen_at"] < findings[0]["last_seen_at"]
    assert f'paysaga_verify_findings{{invariant="{RULE}"}} 1.0' in await _metrics(scene)


async def test_only_a_full_run_ends_a_finding(scene: Scene, lost_key: str) -> None:
    """What a run over the changed did not see may have been out of its sight."""
    await _run(scene, Scope.CHANGED)
    await _rows(scene, "DELETE FROM idempotency_key WHERE object_id = :id RETURNING key", id=lost_key)
    ended = []
    for scope in (Scope.CHANGED, Scope.EVERYTHING):
        await _run(scene, scope)
        found = await _rows(scene, "SELECT ended_at FROM verify_finding WHERE object_id = :id", id=lost_key)
        ended.append(found[0]["ended_at"] is not None)
    assert [False, True] == ended
    assert f'paysaga_verify_findings{{invariant="{RULE}"}} 0.0' in await _metrics(scene)


async def test_a_run_over_the_changed_begins_where_the_last_one_looked(scene: Scene) -> None:
    """Not where the day began, and less the overlap: it costs as much in the evening as in the morning."""
    look = Verification(scene.shop.centre.database, overlap_s=0).run
    began_at = datetime.now(UTC)
    for _ in range(2):
        counts: VerifyCounts = await ActivityEnvironment().run(look, VerifyCommand(scope=Scope.CHANGED))
    assert counts.since is not None
    assert began_at <= counts.since <= datetime.now(UTC)


async def test_a_seal_does_not_hide_what_no_run_has_seen(scene: Scene) -> None:
    """The day ended, and was sealed, between two runs: the next one still begins where the last one looked."""
    owner = await scene.owner()
    await _seal(scene)
    await _run(scene, Scope.CHANGED)
    async with scene.shop.centre.database.reading() as session:
        sealed = await sealed_until(session)
    assert sealed is not None
    began_at = sealed - timedelta(hours=1)
    await owner.execute("UPDATE verify_run SET ran_at = $1", began_at)
    look = Verification(scene.shop.centre.database, overlap_s=60).run
    counts: VerifyCounts = await ActivityEnvironment().run(look, VerifyCommand(scope=Scope.CHANGED))
    await owner.close()
    assert counts.since is not None
    assert counts.since < began_at


async def test_what_was_found_during_a_full_run_is_not_ended_by_it(scene: Scene, lost_key: str) -> None:
    """Its snapshot is older than the finding."""
    await _run(scene, Scope.CHANGED)
    await _rows(scene, "DELETE FROM idempotency_key WHERE object_id = :id RETURNING key", id=lost_key)
    report = Report(scope=Scope.EVERYTHING, since=None, verdicts=(), duration_ms=60_000)
    async with scene.shop.centre.database.transaction("test") as session:
        await publish(session, report)
    found = await _rows(scene, "SELECT ended_at FROM verify_finding WHERE object_id = :id", id=lost_key)
    assert [None] == [one["ended_at"] for one in found]


async def test_operators_read_the_findings(scene: Scene, lost_key: str) -> None:
    """Each with its rule, its row and its owner, page by page; a merchant does not."""
    shop = scene.shop
    await _run(scene, Scope.CHANGED)
    path = f"/v1/findings?object_id={lost_key}&rule={RULE}"
    (found,) = (await operator(shop.centre, "GET", f"{path}&state=open"))["items"]
    assert (RULE, "operations", "open", None) == tuple(found[name] for name in ("rule", "owner", "state", "ended_at"))
    assert (lost_key, shop.merchant_id) == (found["object_id"], found["evidence"]["merchant_id"])
    assert [] == (await operator(shop.centre, "GET", f"{path}&state=ended"))["items"]
    first = await operator(shop.centre, "GET", f"{path}&limit=1")
    assert [] == (await operator(shop.centre, "GET", f"{path}&limit=1&after={first['next']}"))["items"]
    assert 403 == (await shop.call("GET", "/v1/findings")).status_code


async def test_a_run_over_everything_is_told_with_its_time(scene: Scene) -> None:
    """Silence would be a schedule that stopped: the metric says when a run came to its end."""
    await _run(scene, Scope.EVERYTHING)
    assert 'paysaga_verify_last_run_timestamp_seconds{scope="everything"} ' in await _metrics(scene)


async def test_an_audit_that_cannot_be_sealed_leaves_no_day_open(scene: Scene) -> None:
    """The failure is told, after every ended day of the book has been sealed."""
    owner = await scene.owner()
    await owner.execute("REVOKE EXECUTE ON FUNCTION audit_seal() FROM paysaga_app")
    try:
        with pytest.raises(WorkflowFailureError):
            await _seal(scene, "an-audit-that-cannot-be-sealed-leaves-no-day-open")
        assert await owner.fetchval("SELECT max(day) = ledger_day(now()) - 1 FROM sealed_day")
    finally:
        await owner.execute("GRANT EXECUTE ON FUNCTION audit_seal() TO paysaga_app")
        await owner.close()


async def test_the_seal_closes_what_operators_did(scene: Scene) -> None:
    """Every action is in a block afterwards; a second seal finds nothing."""
    await operator(scene.shop.centre, "POST", "/v1/merchants", {"name": "Sealed"})
    first, again = [await _seal(scene) for _ in range(2)]
    assert (True, 0) == (first.actions >= 1, again.actions)
    unsealed = "SELECT seq FROM operator_action WHERE seq > (SELECT max(last_seq) FROM audit_block)"
    assert [] == await _rows(scene, unsealed)


async def _run(scene: Scene, scope: Scope) -> VerifyCounts:
    client, workflow_id = scene.shop.centre.temporal, new_id("verify")
    counts = await client.execute_workflow(
        VerifyWorkflow.run, VerifyCommand(scope=scope), id=workflow_id, task_queue="saga"
    )
    await replays(client, workflow_id, f"a-look-at-{scope}")
    return counts


async def _seal(scene: Scene, path: str = "a-seal-of-what-has-ended") -> SealCounts:
    client, workflow_id = scene.shop.centre.temporal, new_id("seal")
    try:
        return await client.execute_workflow(SealWorkflow.run, id=workflow_id, task_queue="saga")
    finally:
        await replays(client, workflow_id, path)


async def _metrics(scene: Scene) -> str:
    return (await scene.shop.centre.http.get("/metrics")).text


async def _rows(scene: Scene, sql: str, **values: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    async with scene.shop.centre.database.transaction("test") as session:
        return [dict(row) for row in (await session.execute(text(sql), values)).mappings()]
