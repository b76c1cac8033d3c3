"""A shop that pays out: its money at the channel, its payees, and what the channel knows of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from activities.verification import verify
from domain.commands import SweepCommand, WatchCommand
from domain.ids import new_id, new_payout_id
from domain.money import Currency
from domain.states import Operation
from ledger.book import HoldFromRequest, PostRequest, Source, hold_from, post
from ledger.chart import AccountKind, system_account_id
from ledger.legs import Leg, StepKey
from ledger.steps import OPENING, LegRule, Parties, Role, Step, legs
from store.operations import OperationClaim, claim_operation
from tests.support.centre import OPERATOR_KEY, eventually
from tests.support.shop import Shop
from workflows.sweeper import SweeperWorkflow
from workflows.watch import WatchWorkflow

ACCOUNT = "6222020200112233"
NAME = "Wang Planted Wei"
FUNDS_MINOR = 1_000_000

_DUE = text("UPDATE payout SET next_check_at = now() - interval '1 second' WHERE id = :id AND watch_until IS NOT NULL")
_STORED = text("SELECT kind, verdict, applied_at IS NOT NULL AS applied FROM callback WHERE out_no = :out_no")
_EXPIRE = text("UPDATE payout SET approval_expires_at = now() + interval '0.3 seconds' WHERE id = :id")
_AGE = text("UPDATE operation_request SET created_at = now() - CAST(:age AS interval) WHERE object_id = :id")
_KEPT = text("SELECT EXISTS (SELECT FROM operation_request WHERE object_id = :id)")
_RULE = text(
    "INSERT INTO merchant_rule (merchant_id, operation, currency, daily_minor, daily_per_account_minor, minimum_minor,"
    " maximum_minor, fee_rate_bps, fee_fixed_minor, approval_above_minor, approval_expires_in_s, tools)"
    " VALUES (:merchant_id, :operation, 'CNY', :daily_minor, :daily_per_account_minor, :minimum_minor, :maximum_minor,"
    " :fee_rate_bps, :fee_fixed_minor, :approval_above_minor, :approval_expires_in_s, CAST(:tools AS jsonb))"
)
_RULE_DEFAULTS = {
    "daily_minor": None,
    "daily_per_account_minor": None,
    "minimum_minor": None,
    "maximum_minor": None,
    "fee_rate_bps": 0,
    "fee_fixed_minor": 0,
    "approval_above_minor": None,
    "approval_expires_in_s": 86_400,
    "tools": None,
}


async def fund_at_channel(shop: Shop, amount_minor: int = FUNDS_MINOR) -> None:
    """So much more of the shop's app lies at the channel."""
    await shop.control(
        "POST", "/_sim/withdraw", {"app_id": shop.app_id, "currency": "CNY", "amount_minor": -amount_minor}
    )


def payout_body(shop: Shop, amount_minor: int = 5_000, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """The body of a payout out of the shop's wallet, under a new number."""
    account = fields.pop("account", ACCOUNT)
    body = {
        "payout_no": new_id("payout"),
        "account_id": shop.wallet_id,
        "amount_minor": amount_minor,
        "currency": "CNY",
        "destination": {"channel": "sim", "account": account, "name": NAME},
    }
    return {**body, **fields}


async def pay_out(shop: Shop, amount_minor: int = 5_000, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """A payout that was just started."""
    return await shop.post("/v1/payouts", payout_body(shop, amount_minor, **fields))


async def payout_until(shop: Shop, payout_id: str, *states: str) -> dict[str, Any]:
    """The payout once it is in one of these states."""
    found: dict[str, Any] = await eventually(
        lambda: shop.get(f"/v1/payouts/{payout_id}"), lambda payout: payout["state"] in states
    )
    return found


async def set_rule(shop: Shop, operation: str, **rule: Any) -> None:  # noqa: ANN401
    """The shop's rule for the operation in CNY."""
    asked = {**_RULE_DEFAULTS, **rule, "merchant_id": shop.merchant_id, "operation": operation}
    async with shop.centre.database.transaction("test.rule") as session:
        await session.execute(_RULE, asked)


async def look(shop: Shop, payout_id: str | None = None) -> None:
    """The scheduled watch runs once; the payout's next question is made due first."""
    if payout_id is not None:
        async with shop.centre.database.transaction("test.due") as session:
            await session.execute(_DUE, {"id": payout_id})
    await shop.centre.temporal.execute_workflow(
        WatchWorkflow.run, WatchCommand(), id=new_id("watch"), task_queue="saga"
    )


async def at_channel(shop: Shop, out_no: str) -> dict[str, Any] | None:
    """The transfer in the channel's own book."""
    book = await shop.control("GET", "/_sim/book")
    return next((dict(one) for one in book["transfers"] if one["out_no"] == out_no), None)


async def end_at_channel(shop: Shop, out_no: str, state: str) -> None:
    """The payee, or its bank, does something with the transfer."""
    await shop.control("POST", "/_sim/transfer", {"transfer_no": out_no, "state": state})


async def as_operator(shop: Shop, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
    """Status and answer of an operator's call."""
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    answer = await shop.centre.http.request(method, path, json=body, headers=headers)
    return answer.status_code, dict(answer.json())


async def nothing_is_wrong_with(shop: Shop, *objects: str) -> None:
    """No invariant, of the book or of the objects, names one of these or the shop's channel account."""
    report = await verify(shop.centre.database)
    wrong = {one.invariant.name: one.rows for one in report.verdicts if one.rows}
    named = (*objects, shop.channel_account_id, shop.merchant_id)
    assert {} == {name: rows for name, rows in wrong.items() if any(one in str(rows) for one in named)}


async def callbacks_of(shop: Shop, out_no: str) -> list[tuple[str, str, bool]]:
    """Kind, verdict and whether they were applied, of the notifications about the payout."""
    async with shop.centre.database.reading() as session:
        rows = await session.execute(_STORED, {"out_no": out_no})
        return [(row.kind, row.verdict, row.applied) for row in rows]


async def sweep(shop: Shop) -> None:
    """The sweeper runs once, without grace."""
    await shop.centre.temporal.execute_workflow(
        SweeperWorkflow.run, SweepCommand(grace_s=0), id=new_id("sweep"), task_queue="saga"
    )


async def expire_soon(shop: Shop, payout_id: str) -> None:
    """The approval is awaited for a moment only, whatever the rule had said."""
    async with shop.centre.database.transaction("test.expire") as session:
        await session.execute(_EXPIRE, {"id": payout_id})


async def claim_without_starting(shop: Shop, *, age: timedelta) -> str:
    """What is left when the API dies between its claim and the start, so long ago; answers the payout's id."""
    payout_id = new_payout_id()
    claim = OperationClaim(
        merchant_id=shop.merchant_id,
        operation=Operation.PAYOUT,
        number=new_id("payout"),
        request_hash="hash",
        new_id=payout_id,
        body={},
    )
    async with shop.centre.database.transaction("test.claim") as session:
        await claim_operation(session, claim)
    await age_claim(shop, payout_id, age)
    return payout_id


async def age_claim(shop: Shop, object_id: str, age: timedelta) -> None:
    """The object was asked for so long ago."""
    async with shop.centre.database.transaction("test.age") as session:
        await session.execute(_AGE, {"id": object_id, "age": age})


async def claim_is_kept(shop: Shop, object_id: str) -> bool:
    """True while the number belongs to this object."""
    async with shop.centre.database.reading() as session:
        return bool(await session.scalar(_KEPT, {"id": object_id}))


async def credit_available(shop: Shop, amount_minor: int) -> str:
    """So much of the shop's money is available; answers the account."""
    account_id = system_account_id(AccountKind.MERCHANT_AVAILABLE, shop.merchant_id, Currency.CNY)
    parties = Parties(
        currency=Currency.CNY,
        object_id=shop.merchant_id,
        merchant_id=shop.merchant_id,
        target_id=account_id,
        target_kind=AccountKind.MERCHANT_AVAILABLE,
    )
    await _post(shop, legs(OPENING, {"opening_minor": amount_minor}, parties))
    return account_id


async def owe(shop: Shop, amount_minor: int) -> None:
    """The shop owes us so much."""
    parties = Parties(currency=Currency.CNY, object_id=shop.merchant_id, merchant_id=shop.merchant_id)
    rules = (
        LegRule(Role.DEBT, "opening", minus=("opening_minor",)),
        LegRule(Role.OPENING, "opening", plus=("opening_minor",)),
    )
    await _post(shop, legs(Step("debt", rules), {"opening_minor": amount_minor}, parties))


async def owe_for_a_refund_under_way(shop: Shop, amount_minor: int) -> None:
    """The shop will owe us so much when a refund that has nothing else to take it from succeeds."""
    debt = Source(
        account_id=system_account_id(AccountKind.MERCHANT_DEBT, shop.merchant_id, Currency.CNY),
        account_kind=AccountKind.MERCHANT_DEBT,
        owner=shop.merchant_id,
        merchant_id=shop.merchant_id,
        credit_minor=amount_minor,
    )
    wanted = HoldFromRequest(
        merchant_id=shop.merchant_id, amount_minor=amount_minor, currency=Currency.CNY, sources=(debt,)
    )
    async with shop.centre.database.transaction("test.hold") as session:
        await hold_from(session, StepKey(biz_type="test", biz_id=new_id("test"), step="hold"), wanted)


async def _post(shop: Shop, posted: tuple[Leg, ...]) -> None:
    request = PostRequest(merchant_id=shop.merchant_id, event_at=datetime.now(UTC), legs=posted)
    async with shop.centre.database.transaction("test.post") as session:
        await post(session, StepKey(biz_type="test", biz_id=new_id("test"), step="opening"), request)
