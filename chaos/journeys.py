"""What customers and businesses do: each journey goes on until everything that it began has ended."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from chaos.answers import Answer
from chaos.client import Client, Payers
from chaos.customers import PRICE_MINOR, Journey
from chaos.shops import CURRENCY

CREATED = 201
ENDED = ("succeeded", "closed", "failed", "bounced", "returned", "rejected", "expired")
PAYEE, REFUSED_PAYEE = "6222020200445566", "refuse-6222020200445566"
PAYEE_NAME = "Wang Planted Wei"
AUTH_CODE = "28pay000000000001"
#: Whoever has nothing left to wait for closes so long after everything was healed.
PATIENCE_S = 5.0
#: Of so many payments one is told to a hostile address.
TOLD_ELSEWHERE = 4


@dataclass
class Journeys:
    """All journeys of a seed; `healed` is set when nothing breaks any more."""

    mark: str
    clients: list[Client]
    payers: Payers
    #: Where some payments are to be told, beside the merchant's own endpoint.
    hostile_url: str | None = None
    healed: asyncio.Event = field(default_factory=asyncio.Event)
    #: How many journeys have something left to do; the end of what was sent is the centre's to reach.
    busy: int = 0
    _faults: list[Exception] = field(default_factory=list)

    async def run(self, journey: Journey) -> None:
        """The journey has ended, and everything that it began."""
        self.busy += 1
        try:
            await asyncio.sleep(journey.at_s)
            await self._travel(self.clients[journey.merchant], journey)
        except (KeyError, ValueError, ExceptionGroup) as fault:
            self._faults.append(fault)
        finally:
            self.busy -= 1

    def check(self) -> None:
        """Nothing, unless a customer met what no customer understands; then that is raised."""
        if self._faults:
            raise self._faults[0]

    async def _travel(self, client: Client, journey: Journey) -> None:
        match journey.kind:
            case "payment":
                await self._payment(client, journey)
            case "top_up":
                await self._top_up(client, journey)
            case "payout":
                await self._payout(client, journey)
            case "transfer":
                await self._transfer(client, journey)

    async def _payment(self, client: Client, journey: Journey) -> None:
        number = f"order-{self.mark}-{journey.number}"
        told = {"notify_url": self.hostile_url} if self.hostile_url and journey.number % TOLD_ELSEWHERE == 0 else {}
        asked = await client.ask("payments", number, "/v1/payments", _order(client, journey, number) | told)
        ended = await self._collected(client, journey, asked)
        if ended is not None and ended.object["state"] == "succeeded":
            await self._refunds(client, journey, ended)

    async def _top_up(self, client: Client, journey: Journey) -> None:
        number = f"top-{self.mark}-{journey.number}"
        body = {"top_up_no": number, "account_id": client.shop.wallet_id, "amount_minor": journey.amount_minor}
        asked = await client.ask("top_ups", number, "/v1/top_ups", {**body, "currency": CURRENCY})
        await self._collected(client, journey, asked)

    async def _collected(self, client: Client, journey: Journey, asked: Answer) -> Answer | None:
        """The payer has done what the payer does, and the payment has ended."""
        if asked.status != CREATED:
            return None
        if asked.object["state"] not in ENDED and journey.balance_minor < journey.amount_minor:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._paid(client, journey, asked))
                if journey.closes_after_s is not None:
                    tasks.create_task(self._closed(client, journey, asked))
        return await self._ended(client, asked)

    async def _paid(self, client: Client, journey: Journey, asked: Answer) -> None:
        """The payer pays, as this one does."""
        if journey.payer == "never" or journey.invoke == "barcode":
            return
        first = await self._out_no(client, asked)
        if first is None:
            return
        await asyncio.sleep(journey.pays_after_s)
        if journey.switches:
            await self._switched(client, asked)
        newest = await self._out_no(client, asked) or first
        match journey.payer:
            case "wrong":
                await self.payers.pay(newest, amount_minor=max(1, journey.amount_minor - journey.balance_minor - 1))
            case "late":
                closed = await client.until(asked, *ENDED, by=time.monotonic() + PATIENCE_S)
                if closed.object["state"] in ENDED:
                    await self.payers.pay(newest, force=True)
            case "twice":
                await self.payers.pay(newest)
                await self.payers.pay(first, force=True)
            case _:
                await self.payers.pay(newest)

    async def _out_no(self, client: Client, asked: Answer) -> str | None:
        """The order that the payer sees, as soon as there is one; None when the payment ended before."""
        seen = await client.until(asked, "awaiting_payer", "processing", "closing", *ENDED)
        return seen.object.get("out_no")

    async def _switched(self, client: Client, asked: Answer) -> None:
        body = {"channel": "sim", "invoke": "page"}
        await client.ask("payments", asked.number, f"/v1/payments/{asked.object['id']}/switch", body)

    async def _closed(self, client: Client, journey: Journey, asked: Answer) -> None:
        await asyncio.sleep(journey.closes_after_s or 0)
        await self._close(client, asked)

    async def _close(self, client: Client, asked: Answer) -> None:
        await client.ask(asked.kind, asked.number, f"/v1/{asked.kind}/{asked.object['id']}/close", None)

    async def _ended(self, client: Client, asked: Answer) -> Answer | None:
        """The payment has ended; one that nobody will pay any more is closed, and left to its proof."""
        healed = asyncio.create_task(self.healed.wait())
        ending = asyncio.create_task(client.until(asked, *ENDED))
        try:
            await asyncio.wait({healed, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                await asyncio.wait({ending}, timeout=PATIENCE_S)
            if not ending.done():
                await self._close(client, asked)
                await asyncio.wait({ending}, timeout=PATIENCE_S)
            return ending.result() if ending.done() else None
        finally:
            healed.cancel()
            ending.cancel()

    async def _refunds(self, client: Client, journey: Journey, paid: Answer) -> None:
        for place, amount_minor in enumerate(journey.refunds):
            number = f"back-{self.mark}-{journey.number}-{place}"
            wanted = {"refund_no": number, "payment_id": paid.object["id"], "amount_minor": amount_minor}
            await client.ask("refunds", number, "/v1/refunds", {**wanted, "reason": "cold"})
            if journey.refund_refused:
                await self.payers.refuse_refunds(paid.object["out_no"], by=time.monotonic() + PATIENCE_S)

    async def _payout(self, client: Client, journey: Journey) -> None:
        number = f"out-{self.mark}-{journey.number}"
        account = REFUSED_PAYEE if journey.payee_refuses else PAYEE
        body = {
            "payout_no": number,
            "account_id": client.shop.available_id or client.shop.wallet_id,
            "amount_minor": journey.amount_minor,
            "currency": CURRENCY,
            "destination": {"channel": "sim", "account": account, "name": PAYEE_NAME},
        }
        await client.ask("payouts", number, "/v1/payouts", body)

    async def _transfer(self, client: Client, journey: Journey) -> None:
        """Between the merchant's available money and a wallet, there or back."""
        number = f"move-{self.mark}-{journey.number}"
        accounts = [client.shop.available_id, client.shop.wallet_id]
        source, target = accounts if journey.number % 2 else accounts[::-1]
        body = {"transfer_no": number, "from_account_id": source, "to_account_id": target}
        await client.ask(
            "transfers", number, "/v1/transfers", {**body, "amount_minor": journey.amount_minor, "currency": CURRENCY}
        )


def _order(client: Client, journey: Journey, number: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "order_no": number,
        "amount_minor": journey.amount_minor,
        "balance_minor": journey.balance_minor,
        "currency": CURRENCY,
        "subject": "Tea",
    }
    payer: dict[str, Any] = {"account_id": client.shop.wallet_id} if journey.balance_minor else {}
    if journey.balance_minor < journey.amount_minor:
        body |= {"channel": "sim", "invoke": journey.invoke}
        payer |= {"auth_code": AUTH_CODE} if journey.invoke == "barcode" else {}
    if journey.lines:
        line = {
            "sku": client.shop.sku,
            "quantity": journey.amount_minor // PRICE_MINOR,
            "unit_price_minor": PRICE_MINOR,
        }
        body["lines"] = [line]
    return body | ({"payer": payer} if payer else {})
