"""A database that the first release wrote is what today's code expects: its rows hold, and what was open goes on."""

import json
from datetime import date

import asyncpg
import pytest

from activities.event_body import render_object
from activities.refund import RefundSteps
from activities.refund_money import post_unapplied_refund
from activities.verification import verify
from domain.ids import new_id
from domain.outgoing import RefundCommand
from domain.states import LegState, Operation, RefundState
from store import audit, refunds
from store.operations import OperationClaim, claim_operation
from store.tables.audit import AuditBlock
from tests.store.catalogue import QUERIES, describe
from tests.store.conftest import Upgraded

_REFUNDS = "SELECT id, merchant_id FROM refund WHERE origin = $1 AND state = $2"
_HOLD = "SELECT state FROM hold WHERE biz_id = $1"
_DAYS = """
    SELECT day::date FROM generate_series(
        least((SELECT min(booked_on) FROM posting), ledger_day(now()) - ledger_days_open() - 1),
        ledger_day(now()) - 1, interval '1 day') AS days (day)
"""
_BOOKED = "SELECT biz_id, booked_on, belongs_to FROM posting WHERE biz_type = 'test'"


@pytest.mark.parametrize("kind", QUERIES)
async def test_an_upgraded_database_is_what_todays_files_make(
    upgraded: Upgraded, made: asyncpg.Connection, kind: str
) -> None:
    """Tables, constraints, indexes, functions and grants, whatever was in the tables."""
    of_upgrade, of_files = await describe(upgraded.owner, kind), await describe(made, kind)
    assert ([], []) == (sorted(of_files - of_upgrade), sorted(of_upgrade - of_files))


async def test_every_rule_holds_after_an_upgrade(upgraded: Upgraded) -> None:
    """The book's and the objects' alike; the chain of the audit begins with what was done before."""
    sealed = await _seal_audit(upgraded)
    report = await verify(upgraded.database)
    assert [] == [(verdict.invariant.name, verdict.rows) for verdict in report.broken]
    assert sealed is not None
    assert (1, 5, 5) == (sealed.first_seq, sealed.last_seq, sealed.actions)


async def test_old_actions_are_numbered_as_they_were_done(upgraded: Upgraded) -> None:
    """The next one has the next number; nobody knows whose key did the old ones."""
    act = audit.Act(actor="operator:test", action="account.close", object_id=new_id("acc"))
    async with upgraded.database.transaction("test.act") as session:
        await audit.append(session, act)
    rows = await upgraded.owner.fetch("SELECT seq, actor, action FROM operator_action ORDER BY seq")
    done = ["merchant.add", "key.add", "channel.add", "account.block", "account.unblock"]
    before = [(number, "unrecorded", action) for number, action in enumerate(done, start=1)]
    assert [*before, (6, "operator:test", "account.close")] == [tuple(row) for row in rows]


async def test_old_postings_are_booked_as_they_would_be_now(upgraded: Upgraded) -> None:
    """On the day of their event; never on a day to come; and when it was long ago, on the day they were made."""
    booked = {row["biz_id"]: (row["booked_on"], row["belongs_to"]) for row in await upgraded.owner.fetch(_BOOKED)}
    made_on = date(2026, 11, 21)
    assert {
        "event--40": (made_on, date(2026, 10, 12)),
        "event--3": (date(2026, 11, 18), None),
        "event-2": (made_on, None),
    } == booked


async def test_old_days_can_be_sealed(upgraded: Upgraded) -> None:
    """From the first day that something is or may be booked on until yesterday; every rule still holds."""
    await upgraded.owner.execute("SELECT ledger_seal_day(ledger_day(now()) - 1)")
    days = await upgraded.owner.fetch(_DAYS)
    assert days == await upgraded.owner.fetch("SELECT day FROM sealed_day ORDER BY day")
    await _seal_audit(upgraded)
    assert () == (await verify(upgraded.database)).broken


@pytest.mark.parametrize("origin", ["late", "mismatch"])
async def test_an_open_refund_goes_on(upgraded: Upgraded, origin: str) -> None:
    """It is read, proven and posted by today's steps, and what it held or was an item of has ended."""
    (row,) = await upgraded.owner.fetch(_REFUNDS, origin, "processing")
    command = RefundCommand(refund_id=row["id"], merchant_id=row["merchant_id"])
    known = {"leg_state": LegState.KNOWN_OK, "certainty": "sure", "succeeded_at": "2026-11-22T08:00:00+08:00"}
    async with upgraded.database.transaction("test.known") as session:
        assert (await refunds.begin_send(session, row["id"], one_at_a_time=False))["may_send"]
        await refunds.record(session, row["id"], columns=known)
    confirmed = await RefundSteps(upgraded.database).confirm(command)
    assert RefundState.SUCCEEDED == confirmed.state
    if origin == "late":
        assert "confirmed" == await upgraded.owner.fetchval(_HOLD, row["id"])
    items = await upgraded.owner.fetch("SELECT state, resolution FROM suspense_item ORDER BY created_at")
    ended = ("ended", "refund")
    assert [ended, ended if origin == "mismatch" else ("ending", "refund")] == [tuple(item) for item in items]
    await _seal_audit(upgraded)
    assert () == (await verify(upgraded.database)).broken


async def test_what_was_sent_counts_as_sent(upgraded: Upgraded) -> None:
    """A call that does not leave us now cannot take back one that may have left before."""
    (row,) = await upgraded.owner.fetch(_REFUNDS, "late", "processing")
    await upgraded.owner.execute("UPDATE refund SET leg_state = 'sent', last_sent_at = now() WHERE id = $1", row["id"])
    async with upgraded.database.transaction("test.send") as session:
        await refunds.begin_send(session, row["id"], one_at_a_time=False)
        await refunds.undo_send(session, row["id"])
        assert LegState.SENT == (await refunds.view(session, row["id"])).leg_state


async def test_a_refund_of_the_last_week_is_watched(upgraded: Upgraded) -> None:
    """It may still bounce, and the first release did not look."""
    rows = await upgraded.owner.fetch("SELECT object ->> 'object_id' AS id FROM watch_due(100) AS object")
    of_yesterday = await upgraded.owner.fetch(_REFUNDS, "late", "succeeded")
    assert [row["id"] for row in of_yesterday] == [row["id"] for row in rows if row["id"].startswith("ref_")]


async def test_a_step_that_was_posted_before_is_not_posted_again(upgraded: Upgraded) -> None:
    """Today's legs of an old step have the digest of the first posting."""
    (row,) = await upgraded.owner.fetch("SELECT id FROM refund WHERE origin = 'late' AND state = 'succeeded'")
    counted = await upgraded.owner.fetchval("SELECT count(*) FROM posting")
    async with upgraded.database.transaction("test.again") as session:
        await post_unapplied_refund(session, await refunds.read(session, row["id"]))
    assert counted == await upgraded.owner.fetchval("SELECT count(*) FROM posting")


async def test_an_event_that_waits_is_told_as_todays_object(upgraded: Upgraded) -> None:
    """What was committed just before the upgrade has a snapshot of the first release."""
    await upgraded.owner.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    waiting = await upgraded.owner.fetch("SELECT type, snapshot FROM event WHERE feed_no IS NULL")
    told = [(row["type"], render_object(row["type"], row["snapshot"])) for row in waiting]
    assert {"payment.closed", "payment.awaiting_payer", "late_payment.refunded"} == {kind for kind, _ in told}
    assert [(1, 1)] == [(it["amount_minor"], it["channel_minor"]) for kind, it in told if kind.startswith("late")]


async def test_an_old_payment_can_be_refunded(upgraded: Upgraded) -> None:
    """Its wallet part, its channel part and its fee, by today's try."""
    paid = await upgraded.owner.fetchrow("SELECT id, merchant_id FROM payment WHERE state = 'succeeded'")
    refund_id = new_id("ref")
    claim = OperationClaim(
        merchant_id=paid["merchant_id"],
        operation=Operation.REFUND,
        number="refund-1",
        request_hash="hash",
        new_id=refund_id,
        body={"payment_id": paid["id"], "amount_minor": 4_000, "reason": "sent back"},
    )
    async with upgraded.database.transaction("test.claim") as session:
        await claim_operation(session, claim)
    command = RefundCommand(refund_id=refund_id, merchant_id=paid["merchant_id"])
    assert RefundState.PENDING == (await RefundSteps(upgraded.database).open(command)).state
    row = await upgraded.owner.fetchrow("SELECT * FROM refund WHERE id = $1", refund_id)
    parts = ("channel_minor", "balance_minor", "fee_minor", "pending_minor")
    assert [3_000, 1_000, 24, 3_976] == [row[name] for name in parts]


async def _seal_audit(upgraded: Upgraded) -> AuditBlock | None:
    async with upgraded.database.transaction("test.seal") as session:
        return await audit.seal(session)
