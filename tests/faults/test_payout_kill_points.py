"""kill -9 of the worker before and after each commit of a payout and a transfer: the same end as without."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from tests.faults.test_kill_points import HOME_WITHIN, give_up, park_at, points
from tests.support.books import balances, channel_account_balances
from tests.support.centre import eventually
from tests.support.payee import ACCOUNT, as_operator, fund_at_channel, pay_out, payout_body, set_rule
from tests.support.refunds import Refunds
from tests.support.shop import WALLET_MINOR, Shop
from tests.support.worker_process import WorkerProcess, worker_process
from tests.workflows.test_transfer import available, other_wallet, transfer_body

AMOUNT_MINOR = 1_000
FEE_MINOR = 30
PAID = points("payout.open", "payout.decide", "payout.sent", "channel.transfer.call", "payout.known", "payout.confirm")
UNDONE = points("payout.fail")
POSTED = points("transfer.post")
REFUSING_ACCOUNT = "refuse-this-one"

Payout = dict[str, Any]


async def payouts_of(shop: Shop) -> list[Payout]:
    """All of the shop's."""
    return list((await shop.get("/v1/payouts?limit=100"))["items"])


async def decide_on_all(shop: Shop, decision: str, ids: set[str]) -> None:
    """The operator decides on whichever of these awaits it; one whose worker is gone is decided on again later."""
    waiting = [one["id"] for one in await payouts_of(shop) if one["state"] == "awaiting_approval"]
    body = {"decision": decision, "reason": "as it should be"}
    await asyncio.gather(
        *(as_operator(shop, "POST", f"/v1/payouts/{one}/decision", body) for one in waiting if one in ids)
    )


def asked(shop: Shop, count: int, account: str = ACCOUNT) -> list[asyncio.Task[httpx.Response]]:
    """So many payouts are being asked for, at once."""
    bodies = [payout_body(shop, AMOUNT_MINOR, account=account) for _ in range(count)]
    return [asyncio.create_task(shop.call("POST", "/v1/payouts", body)) for body in bodies]


async def approved_until(shop: Shop, worker: WorkerProcess, parked: set[str]) -> list[asyncio.Task[None]]:
    """Every payout that awaits it is approved, until something is stopped at each of the points."""
    seen = set[str]()
    decisions: list[asyncio.Task[None]] = []

    async def missing() -> set[str]:
        new = {one["id"] for one in await payouts_of(shop) if one["state"] == "awaiting_approval"} - seen
        seen.update(new)
        decisions.extend(asyncio.create_task(decide_on_all(shop, "approve", {one})) for one in new)
        return parked - worker.parked()

    await eventually(missing, lambda left: not left, within=HOME_WITHIN)
    return decisions


async def home(shop: Shop, count: int, decision: str) -> dict[str, list[Payout]]:
    """The shop's payouts by state once so many have ended; whoever waits for a decision gets this one."""

    async def ended() -> list[Payout]:
        found = await payouts_of(shop)
        await decide_on_all(shop, decision, {one["id"] for one in found})
        return found

    def all_ended(found: list[Payout]) -> bool:
        return len(found) == count and all(one["state"] in {"succeeded", "failed", "rejected"} for one in found)

    by_state: dict[str, list[Payout]] = {}
    for one in await eventually(ended, all_ended, within=HOME_WITHIN):
        by_state.setdefault(one["state"], []).append(one)
    return by_state


async def told(shop: Shop, kind: str, count: int) -> None:
    """The merchant's feed has exactly so many events of the type."""

    async def events() -> list[dict[str, Any]]:
        return list((await shop.get(f"/v1/events?type={kind}&limit=100"))["items"])

    assert count == len(await eventually(events, lambda found: len(found) >= count))


async def channel_has(shop: Shop) -> list[tuple[str, str, int]]:
    """The channel's transfers of this shop: our number, state, amount."""
    book = await shop.control("GET", "/_sim/book")
    numbers = {one["out_no"] for one in await payouts_of(shop)}
    ours = [one for one in book["transfers"] if one["out_no"] in numbers]
    return sorted((one["out_no"], one["state"], one["amount_minor"]) for one in ours)


async def test_killed_at_each_point_every_approved_payout_is_paid_once(lone_shop: Shop, tmp_path: Path) -> None:
    """Wallet, book and channel say the same as without the kill."""
    shop, count = lone_shop, len(PAID)
    await fund_at_channel(shop)
    await set_rule(shop, "payout", approval_above_minor=0, fee_fixed_minor=FEE_MINOR)
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(PAID)) as worker:
        posts = asked(shop, count)
        decisions = await approved_until(shop, worker, PAID)
        worker.child.kill()
        give_up([*posts, *decisions])
    async with worker_process(shop.centre, tmp_path):
        ended = await home(shop, count, "approve")
        await told(shop, "payout.succeeded", count)
    assert {"succeeded": count} == {state: len(found) for state, found in ended.items()}
    paid = ended["succeeded"]
    net_minor = AMOUNT_MINOR - FEE_MINOR
    assert sorted((one["out_no"], "succeeded", net_minor) for one in paid) == await channel_has(shop)
    assert (WALLET_MINOR - count * AMOUNT_MINOR, 0) == await shop.wallet()
    expected = {"wallet": -count * AMOUNT_MINOR, "platform_fee": count * FEE_MINOR}
    assert expected | {"channel_clearing": count * net_minor} == await balances(shop, *(one["id"] for one in paid))
    await Refunds(shop).sound()


async def test_killed_at_each_point_of_its_undoing_a_payout_gives_everything_back(
    lone_shop: Shop, tmp_path: Path
) -> None:
    """Refused by the channel or rejected by a person: nothing is held, posted, or there at the channel."""
    shop, count = lone_shop, 2
    await fund_at_channel(shop)
    await set_rule(shop, "payout", approval_above_minor=AMOUNT_MINOR, daily_minor=10 * AMOUNT_MINOR)
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(UNDONE)) as worker:
        waiting = await pay_out(shop, AMOUNT_MINOR + 1)
        posts = asked(shop, 1, REFUSING_ACCOUNT)
        decision = asyncio.create_task(decide_on_all(shop, "reject", {waiting["id"]}))
        await worker.until_parked(UNDONE)
        worker.child.kill()
        give_up([*posts, decision])
    async with worker_process(shop.centre, tmp_path):
        ended = await home(shop, count, "reject")
        assert {"failed": 1, "rejected": 1} == {state: len(found) for state, found in ended.items()}
        # What the day's limit had counted is free again: as much as it allows fits at once.
        whole = [shop.call("POST", "/v1/payouts", payout_body(shop, AMOUNT_MINOR)) for _ in range(10)]
        assert [201] * 10 == [answer.status_code for answer in await asyncio.gather(*whole)]
        ended = await home(shop, count + 10, "reject")
    assert (WALLET_MINOR - 10 * AMOUNT_MINOR, 0) == await shop.wallet()
    undone = [one["id"] for state in ("failed", "rejected") for one in ended[state]]
    assert {} == await balances(shop, *undone)
    assert 10 == len(await channel_has(shop))
    await Refunds(shop).sound()


async def test_killed_before_and_after_its_commit_a_transfer_moves_the_money_once(
    lone_shop: Shop, tmp_path: Path
) -> None:
    """The next worker posts it, or finds it posted; the same call with the same number answers it."""
    shop, count = lone_shop, len(POSTED)
    # Between two wallets of its own, each: what stands before its commit has both locked.
    wallets = [(await other_wallet(shop, WALLET_MINOR), await other_wallet(shop)) for _ in range(count)]
    bodies = [transfer_body(shop, target, AMOUNT_MINOR, from_account_id=source) for source, target in wallets]
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(POSTED)) as worker:
        posts = [asyncio.create_task(shop.call("POST", "/v1/transfers", body)) for body in bodies]
        await worker.until_parked(POSTED)
        worker.child.kill()
        give_up(posts)
    async with worker_process(shop.centre, tmp_path):

        async def again() -> list[httpx.Response]:
            return list(await asyncio.gather(*(shop.call("POST", "/v1/transfers", body) for body in bodies)))

        answers = await eventually(
            again, lambda found: all(one.status_code == 201 for one in found), within=HOME_WITHIN
        )
        await told(shop, "transfer.succeeded", count)
    assert ["succeeded"] * count == [answer.json()["state"] for answer in answers]
    assert count == len((await shop.get("/v1/transfers?limit=100"))["items"])
    for source, target in wallets:
        assert WALLET_MINOR - AMOUNT_MINOR == await available(shop, source)
        assert AMOUNT_MINOR == await available(shop, target)
    assert {} == await channel_account_balances(shop)
    await Refunds(shop).sound()
