"""The invariants of everything outside the book: each sees its own corruption, and nothing else does."""

import json
import re
from typing import Any

import asyncpg
import pytest

from activities.verification import invariants, verify
from store import verification as store
from tests.verify.conftest import Scene

#: What was booked today was booked yesterday, which is sealed; and a seal that hides what was changed since.
SEAL = (
    "DELETE FROM day_balance; DELETE FROM sealed_day;"
    " UPDATE posting SET booked_on = booked_on - 1 WHERE booked_on = ledger_day(now());"
    " SELECT ledger_seal_day(ledger_day(now()) - 1);"
)
SEAL_AGAIN = "UPDATE sealed_day SET digest = ledger_day_digest(day, previous_digest) WHERE day = ledger_day(now()) - 1"
MORE_STOCK = (
    "ALTER TABLE stock DROP CONSTRAINT stock_sku; INSERT INTO stock (merchant_id, sku, warehouse)"
    " SELECT '{merchant}', 'sku-' || n, 'main' FROM generate_series(1, 20) AS n"
)
#: For each invariant: what breaks it and nothing else. A comment names the arm of the query where it has several.
CORRUPTIONS = {
    "10_open_objects_are_owned": [
        (
            "UPDATE payment SET updated_at = now() - interval '3 days', expires_at = now() - interval '2 days'"
            " WHERE id = '{waiting}'"
        ),
        (
            "ALTER TABLE payment DROP CONSTRAINT attention_has_owner;"
            " UPDATE payment SET needs_attention = true WHERE id = '{waiting}'"
        ),
    ],
    "11_succeeded_payment_is_paid_once": [
        "UPDATE attempt SET received_minor = received_minor - 1 WHERE out_no = '{paid_out_no}'",
        "UPDATE payment SET captured_minor = 0 WHERE id = '{paid}'",
        "UPDATE attempt SET state = 'paid' WHERE payment_id = '{closed}'",
    ],
    "13_what_was_received_is_posted_once": [
        "UPDATE payment SET coupon_minor = 1 WHERE id = '{paid}'",
        "UPDATE attempt SET state = 'waiting' WHERE out_no = '{late_out_no}'",
    ],
    "14_refunds_within_what_was_paid": [
        "UPDATE refund SET amount_minor = amount_minor + 1, channel_minor = channel_minor + 1 WHERE id = '{refund}'",
    ],
    "16_refund_is_posted_once": [
        (
            "UPDATE refund SET state = 'bounced' WHERE id = '{refund}';"
            " INSERT INTO event (id, merchant_id, type, object_id, object_version)"
            " VALUES ('evt_x', '{merchant}', 'refund.bounced', '{refund}', 99)"
        ),
    ],
    "18_payout_in_flight_holds_its_money": [
        (
            "INSERT INTO payout (id, merchant_id, payout_no, account_id, amount_minor, currency, channel,"
            " channel_account_id, out_no) VALUES"
            " ('po_x', '{merchant}', '1', '{wallet}', 5, 'CNY', 'sim', '{channel_account}', 'x')"
        ),
    ],
    "19_nothing_is_held_for_an_ended_object": [
        (
            "UPDATE reservation SET state = 'held', ended_at = NULL WHERE payment_id = '{paid}';"
            " UPDATE stock SET reserved = reserved + 2, sold = sold - 2 WHERE merchant_id = '{merchant}'"
        ),
        (
            "UPDATE hold SET state = 'held', ended_at = NULL WHERE biz_id = '{paid}';"
            " UPDATE account SET available = available - 1000, frozen = frozen + 1000 WHERE id = '{wallet}'"
        ),
    ],
    "20_holds_ended_as_their_object_did": [
        "UPDATE hold SET state = 'released' WHERE biz_id = '{paid}'",
        "UPDATE hold SET state = 'confirmed' WHERE biz_id = '{closed}'",
        "DELETE FROM hold WHERE biz_id = '{paid}'",
    ],
    "21_stock_is_what_was_reserved": ["UPDATE stock SET sold = sold + 1 WHERE merchant_id = '{merchant}'"],
    "22_idempotency_key_has_its_object": [
        (
            "INSERT INTO idempotency_key (merchant_id, route, key, request_hash, object_id, created_at)"
            " VALUES ('{merchant}', 'payments', 'k', '', 'pay_none', now() - interval '3 hours')"
        ),
    ],
    "23_one_event_for_each_end": [
        "DELETE FROM event WHERE object_id = '{paid}' AND type = 'payment.succeeded'",
        (
            "INSERT INTO event (id, merchant_id, type, object_id, object_version)"
            " VALUES ('evt_x', '{merchant}', 'payment.failed', '{paid}', 99)"
        ),
    ],
    "24_audit_chain_is_unbroken": [
        "ALTER TABLE operator_action DISABLE TRIGGER USER; UPDATE operator_action SET reason = 'another' WHERE seq = 1",
        "ALTER TABLE operator_action DISABLE TRIGGER USER; DELETE FROM operator_action WHERE seq = 1",
        "ALTER TABLE audit_block DISABLE TRIGGER USER; UPDATE audit_block SET sealed_at = now() WHERE n = 1",
        (
            "INSERT INTO operator_action (id, actor, action, object_id, created_at)"
            " VALUES ('opa_x', 'x', 'x', 'x', now() - interval '2 days')"
        ),
    ],
    "26_suspense_and_unapplied_are_itemised": [
        (
            "INSERT INTO suspense_item (id, merchant_id, object_id, out_no, channel_account_id, amount_minor, currency,"
            " owner, reason) VALUES ('sus_x', '{merchant}', 'x', 'x', '{channel_account}', 5, 'CNY', 'operations', 'x')"
        ),
        (
            "INSERT INTO suspense_item (id, merchant_id, object_id, out_no, channel_account_id, amount_minor, currency,"
            " owner, reason, state, resolution, resolution_id, ended_at) VALUES ('sus_x', '{merchant}', 'x', 'x',"
            " '{channel_account}', 5, 'CNY', 'operations', 'x', 'ended', 'refund', 'ref_none', now())"
        ),
    ],
    "31_sealed_days_are_unchanged": [
        "{seal} UPDATE sealed_day SET digest = '' WHERE day = ledger_day(now()) - 1",
        # Of an account that moved again: its last balance is right.
        (
            "UPDATE posting SET booked_on = booked_on - 2 WHERE id = (SELECT id FROM posting ORDER BY id LIMIT 1);"
            " {seal} UPDATE day_balance SET balance_minor = balance_minor + 1 WHERE day = ledger_day(now()) - 2"
            " AND account_id = '{wallet}'"
        ),
    ],
    "32_sealed_balances_are_sums_of_entries": [
        "{seal} UPDATE day_balance SET balance_minor = 1 WHERE account_id = '{wallet}'; {seal_again}",
        "{seal} DELETE FROM day_balance WHERE account_id = '{wallet}'; {seal_again}",
    ],
}
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
        assert [name] == await _broken(owner, "1970-01-01Z")
        assert [name] == await _broken(owner, "2026-01-01")
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
        assert [] == await _broken(owner, "2999-01-01")
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


async def _broken(connection: asyncpg.Connection, since: str) -> list[str]:
    """The invariants that do not hold now, of what changed since then."""
    return [name for name, query in _asked(since).items() if await connection.fetch(query)]
