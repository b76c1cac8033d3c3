"""Everything that moves one merchant's money, all at once: what the business was answered, and if it stays true."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from domain.errors import BalanceInsufficient
from domain.ids import new_id
from domain.money import Currency
from ledger.book import PostRequest, post
from ledger.chart import AccountKind, system_account_id
from ledger.legs import StepKey
from ledger.steps import SETTLEMENT, Parties, legs
from tests.support.centre import eventually
from tests.support.payee import ACCOUNT, credit_available, fund_at_channel, payout_body
from tests.support.shop import Shop

NUMBERS = {
    "payments": "order_no",
    "refunds": "refund_no",
    "payouts": "payout_no",
    "transfers": "transfer_no",
    "top_ups": "top_up_no",
}
REFUSING = f"refuse-{ACCOUNT}"
ENDED = frozenset({"succeeded", "failed"})
#: What may refuse a call here: everything else is a fault.
EXPECTED = frozenset({"balance_insufficient", "merchant_funds_insufficient", "refund_above_refundable"})
PAYMENT_MINOR, BALANCE_MINOR, REFUND_MINOR = 2_000, 500, 700
REFUNDS_OF_A_PAYMENT = 4  # more than there is to give back
TOP_UP_MINOR, PAYOUT_MINOR, THERE_MINOR, BACK_MINOR, SETTLED_MINOR = 800, 900, 700, 600, 1_400
AVAILABLE_MINOR = 3_000  # little, so that they compete for it
HOME_WITHIN = timedelta(seconds=90)
PATIENCE_S = 0.1


@dataclass(frozen=True)
class Heard:
    """What the business was answered to a call, at last."""

    kind: str
    body: dict[str, Any]
    status: int
    answer: dict[str, Any]


@dataclass
class MixedLoad:
    """One shop's clients. Each repeats a call, under its number, until it is answered."""

    shop: Shop
    available_id: str
    payees: tuple[str, ...] = (ACCOUNT, REFUSING)
    heard: list[Heard] = field(default_factory=list)
    settled: int = 0
    _ends_at: float = 0

    @classmethod
    async def prepared(cls, shop: Shop) -> "MixedLoad":
        """The merchant has a little available money, and enough lies at the channel."""
        await fund_at_channel(shop, 100_000_000)
        return cls(shop, await credit_available(shop, AVAILABLE_MINOR))

    async def run(self, seconds: float, *, clients: int, settling: bool = True) -> None:
        """So many clients of each kind go on for so long; every call was answered."""
        self._ends_at = asyncio.get_running_loop().time() + seconds
        each = (self._refund, self._pay_out, self._transfer, self._top_up, *((self._settle,) if settling else ()))
        async with asyncio.TaskGroup() as tasks:
            for client in each * clients:
                tasks.create_task(self._again_and_again(client))

    async def drained(self) -> None:
        """Everything that was accepted has ended; fails with what has not."""
        left = self.accepted()

        async def under_way() -> list[dict[str, Any]]:
            nonlocal left
            found = [(one, await self.see(one.kind, one.answer["id"])) for one in left]
            left = [one for one, now in found if now["state"] not in ENDED]
            return [now for _, now in found if now["state"] not in ENDED]

        await eventually(under_way, lambda found: not found, within=HOME_WITHIN)

    def accepted(self, *kinds: str) -> list[Heard]:
        """The calls that were answered with an object; of these kinds, or of all."""
        return [one for one in self.heard if one.status == 201 and one.kind in (kinds or NUMBERS)]

    def counts(self) -> str:
        """How much of it there was, for a person."""
        made = Counter(one.kind if one.status == 201 else f"{one.kind} refused" for one in self.heard)
        return ", ".join(f"{count} {name}" for name, count in sorted(made.items())) + f", {self.settled} settlements"

    async def untrue(self) -> list[tuple[str, str, Any]]:
        """The answers that are not true any more: none, or somebody was lied to."""
        return [lie for one in self.heard for lie in await self._lies(one)]

    async def objects(self, kind: str) -> list[dict[str, Any]]:
        """The accepted ones of this kind, as they are now."""
        return [await self.see(kind, one.answer["id"]) for one in self.accepted(kind)]

    async def see(self, kind: str, object_id: str) -> dict[str, Any]:
        """The object as it is now, once the API can tell."""
        while True:
            answer = await self._answer("GET", f"/v1/{kind}/{object_id}")
            if answer is not None:
                assert answer.status_code == 200, answer.text
                return dict(answer.json())

    async def _lies(self, one: Heard) -> list[tuple[str, str, Any]]:
        number = one.body[NUMBERS[one.kind]]
        found = (await self.shop.get(f"/v1/{one.kind}?{NUMBERS[one.kind]}={number}"))["items"]
        if one.status != 201:
            return [(one.kind, number, now) for now in found]
        told, now = one.answer, found[0] if len(found) == 1 else {}
        same = [told[name] == now.get(name) for name in ("id", "amount_minor", NUMBERS[one.kind])]
        kept = told["state"] == now.get("state") if told["state"] in ENDED else now.get("state") in ENDED
        return [] if all(same) and kept else [(one.kind, number, found)]

    async def _again_and_again(self, client: Any) -> None:  # noqa: ANN401
        while asyncio.get_running_loop().time() < self._ends_at:
            await client()

    async def _refund(self) -> None:
        """A payment, and more refunds of it at once than it has money for."""
        paid = await self._paid("payments", self.shop.order(PAYMENT_MINOR, balance_minor=BALANCE_MINOR))
        if paid is None:
            return
        bodies = [
            {"refund_no": new_id("refund"), "payment_id": paid, "amount_minor": REFUND_MINOR, "reason": "cold"}
            for _ in range(REFUNDS_OF_A_PAYMENT)
        ]
        await asyncio.gather(*(self._ask("refunds", body) for body in bodies))

    async def _pay_out(self) -> None:
        """Of what is available, to each payee; the channel refuses some."""
        for account in self.payees:
            await self._ask(
                "payouts", payout_body(self.shop, PAYOUT_MINOR, account_id=self.available_id, account=account)
            )

    async def _transfer(self) -> None:
        """There and back between the merchant's available money and a wallet."""
        accounts = (self.available_id, self.shop.wallet_id)
        for amount_minor, (source, target) in ((THERE_MINOR, accounts), (BACK_MINOR, accounts[::-1])):
            body = {"from_account_id": source, "to_account_id": target, "amount_minor": amount_minor, "currency": "CNY"}
            await self._ask("transfers", {"transfer_no": new_id("transfer"), **body})

    async def _top_up(self) -> None:
        asked = {"top_up_no": new_id("top"), "account_id": self.shop.wallet_id}
        await self._paid("top_ups", {**asked, "amount_minor": TOP_UP_MINOR, "currency": "CNY"})

    async def _settle(self) -> None:
        """A little of the merchant's pending money becomes available, unless refunds hold it."""
        merchant_id = self.shop.merchant_id
        parties = Parties(
            currency=Currency.CNY,
            object_id=merchant_id,
            merchant_id=merchant_id,
            target_id=system_account_id(AccountKind.MERCHANT_AVAILABLE, merchant_id, Currency.CNY),
            target_kind=AccountKind.MERCHANT_AVAILABLE,
        )
        request = PostRequest(
            merchant_id=merchant_id,
            event_at=datetime.now(UTC),
            legs=legs(SETTLEMENT, {"settled_minor": SETTLED_MINOR}, parties),
        )
        await asyncio.sleep(PATIENCE_S)
        try:
            async with self.shop.centre.database.transaction("test.settle") as session:
                await post(session, StepKey(biz_type="test", biz_id=new_id("test"), step="settlement"), request)
        except BalanceInsufficient:
            return
        self.settled += 1

    async def _paid(self, kind: str, body: dict[str, Any]) -> str | None:
        """What was collected under this body, paid at the channel and succeeded; None when it failed at once."""
        asked = await self._ask(kind, body)
        waiting = await self._until(kind, asked.answer["id"], "awaiting_payer", *ENDED)
        if waiting["state"] == "awaiting_payer":
            await self.shop.payer_pays(waiting["out_no"])
        ended = await self._until(kind, asked.answer["id"], *ENDED)
        return str(ended["id"]) if ended["state"] == "succeeded" else None

    async def _until(self, kind: str, object_id: str, *states: str) -> dict[str, Any]:
        while (found := await self.see(kind, object_id))["state"] not in states:
            await asyncio.sleep(PATIENCE_S)
        return found

    async def _ask(self, kind: str, body: dict[str, Any]) -> Heard:
        """The final answer to this call: it is repeated while there is none, or while it says to."""
        while (answer := await self._answer("POST", f"/v1/{kind}", body)) is None:
            await asyncio.sleep(PATIENCE_S)
        heard = Heard(kind, body, answer.status_code, answer.json())
        assert heard.status == 201 or heard.answer["code"] in EXPECTED, (body, answer.text)
        self.heard.append(heard)
        return heard

    async def _answer(self, method: str, path: str, body: Any = None) -> httpx.Response | None:  # noqa: ANN401
        """None when there is none, or when it is to be asked again."""
        try:
            answer = await self.shop.call(method, path, body)
        except httpx.TransportError:
            return None
        busy = answer.status_code == 409 and answer.json()["code"] == "idempotency_in_progress"
        if busy or answer.status_code == 503:
            assert "Retry-After" in answer.headers, answer.text
            return None
        return answer
