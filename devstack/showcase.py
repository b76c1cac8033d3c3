"""Four payments side by side over REST, with what the outside world does to each."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from devstack.errors import SeedError
from devstack.plan import Addresses
from devstack.rest import Rest
from devstack.seed import CURRENCY, UNIT_PRICE_MINOR, stock_up

Answer = TypeVar("Answer")

ON_HAND = 50
SELLABLE_MIN = 10
END_TIMEOUT_S = 90.0
ASK_EVERY_S = 0.15
TERMINAL_STATES = frozenset({"succeeded", "failed", "closed"})


@dataclass(frozen=True)
class Case:
    """One payment of the showcase. A quantity of 0 stands for one piece more than there are."""

    story: str
    sku: str
    quantity: int
    balance_minor: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a case, read back over REST."""

    case: Case
    payment: dict[str, Any]
    saga: dict[str, Any]
    stock_before: dict[str, Any]
    stock_after: dict[str, Any]
    took_s: float


PAID = Case("the payer pays, the callback arrives", "demo-coffee", quantity=2)
OUT_OF_STOCK = Case("more than in stock, 30.00 from the wallet", "demo-cocoa", 0, balance_minor=3_000)
CALLBACK_LOST = Case("the payer pays, the callback is lost", "demo-mate", quantity=3)
TIMED_OUT = Case("the channel accepts, its answer is lost", "demo-chai", quantity=1)


CASES = (PAID, OUT_OF_STOCK, CALLBACK_LOST, TIMED_OUT)


@dataclass(frozen=True)
class Opened:
    """A case under way."""

    case: Case
    payment: dict[str, Any]
    stock: dict[str, Any]
    began: float


class Showcase:
    """Runs the cases for the merchant of `demo.json`."""

    def __init__(self, addresses: Addresses, demo: dict[str, Any]) -> None:
        self._api = Rest(addresses.api, demo["api_key"])
        self._simulator = Rest(addresses.simulator)
        self._demo = demo
        self._run = secrets.token_hex(4)

    async def run(self) -> Sequence[Outcome]:
        """All four have ended.

        The world cannot know the fourth payment's number beforehand, so its fault waits for whichever order is sent
        next: it is armed when the orders of the others have been sent.
        """
        async with self._api, self._simulator:
            await asyncio.gather(*(self._prepare(case) for case in CASES))
            await self._simulator.post("/_sim/mode", {"auto_pay_ms": None})
            first = await asyncio.gather(*(self._open(case) for case in (PAID, OUT_OF_STOCK, CALLBACK_LOST)))
            await self._fault("pay", "accept_then_timeout")
            paid, refused, lost = first
            return await asyncio.gather(
                self._paid(paid), self._ended(refused), self._paid_unheard(lost), self._timed_out()
            )

    async def _prepare(self, case: Case) -> None:
        """The product exists and has enough pieces for this run."""
        stock = await self._api.find(f"/v1/skus/{case.sku}")
        if stock is None:
            await stock_up(self._api, case.sku, on_hand=ON_HAND)
        elif sellable(stock) < SELLABLE_MIN:
            on_hand = stock["reserved"] + stock["sold"] + ON_HAND
            await self._api.put(f"/v1/skus/{case.sku}/stock", {"warehouse": "main", "on_hand": on_hand})

    async def _open(self, case: Case) -> Opened:
        """The payment was asked for; the answer may still lack what the payer needs."""
        began, stock = time.monotonic(), await self._api.get(f"/v1/skus/{case.sku}")
        quantity = case.quantity or sellable(stock) + 1
        payment = await self._api.post("/v1/payments", self._order(case, quantity))
        return Opened(case, payment, stock, began)

    def _order(self, case: Case, quantity: int) -> dict[str, Any]:
        line = {"sku": case.sku, "quantity": quantity, "unit_price_minor": UNIT_PRICE_MINOR, "warehouse": "main"}
        balance = {"balance_minor": case.balance_minor, "payer": {"account_id": self._demo["wallet_id"]}}
        return {
            "order_no": self._order_no(case),
            "amount_minor": quantity * UNIT_PRICE_MINOR,
            "currency": CURRENCY,
            "subject": case.story,
            "channel": "sim",
            "invoke": "qr",
            "lines": [line],
            **(balance if case.balance_minor else {}),
        }

    def _order_no(self, case: Case) -> str:
        return f"{case.sku}-{self._run}"

    async def _paid(self, opened: Opened) -> Outcome:
        await self._simulator.post("/_sim/pay", {"out_no": await self._out_no(opened.case)})
        return await self._ended(opened)

    async def _paid_unheard(self, opened: Opened) -> Outcome:
        await self._fault("callback", "lost", out_no=await self._out_no(opened.case))
        return await self._paid(opened)

    async def _timed_out(self) -> Outcome:
        """The payer pays while we still wait for the channel's answer, and no callback tells us either."""
        opening = asyncio.create_task(self._open(TIMED_OUT))
        out_no = await self._out_no(TIMED_OUT)
        await self._fault("callback", "lost", out_no=out_no)
        await self._order_accepted(out_no)
        await self._simulator.post("/_sim/pay", {"out_no": out_no})
        return await self._ended(await opening)

    async def _fault(self, operation: str, flaw: str, **scope: str) -> None:
        await self._simulator.post("/_sim/fault", {"op": operation, "do": flaw, "times": 1, **scope})

    async def _out_no(self, case: Case) -> str:
        """Our number at the channel, once there is one."""

        async def ask() -> str | None:
            found = await self._api.get(f"/v1/payments?order_no={self._order_no(case)}")
            return found["items"][0]["out_no"] if found["items"] else None

        return await _known(ask, f"the number of {case.sku} at the channel")

    async def _order_accepted(self, out_no: str) -> None:
        """The channel has the order, whatever it answered."""

        async def ask() -> bool | None:
            book = await self._simulator.get("/_sim/book")
            return any(order["out_no"] == out_no for order in book["orders"]) or None

        await _known(ask, f"order {out_no} at the channel")

    async def _ended(self, opened: Opened) -> Outcome:
        """The payment is in a terminal state; stock is read after it."""
        payment, deadline = opened.payment, time.monotonic() + END_TIMEOUT_S
        while payment["state"] not in TERMINAL_STATES and time.monotonic() < deadline:
            await asyncio.sleep(ASK_EVERY_S)
            payment = await self._api.get(f"/v1/payments/{payment['id']}")
        took_s = time.monotonic() - opened.began
        stock = await self._api.get(f"/v1/skus/{opened.case.sku}")
        saga = await self._api.get(f"/v1/payments/{payment['id']}/saga")
        return Outcome(opened.case, payment, saga, opened.stock, stock, took_s)


async def _known(ask: Callable[[], Awaitable[Answer | None]], what: str) -> Answer:
    """The first answer that is one. Raises `SeedError` when none comes."""
    deadline = time.monotonic() + END_TIMEOUT_S
    while (answer := await ask()) is None:
        if time.monotonic() > deadline:
            raise SeedError(f"The demo waited {END_TIMEOUT_S:.0f} s for {what}.")
        await asyncio.sleep(ASK_EVERY_S)
    return answer


def sellable(stock: dict[str, Any]) -> int:
    """Pieces that can still be ordered."""
    return int(stock["on_hand"] - stock["reserved"] - stock["sold"])
