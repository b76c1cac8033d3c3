"""A payout whose steps the test runs itself, one by one or side by side: it has no workflow."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.payout import PayoutSteps
from domain.ids import new_id, new_payout_id
from domain.outgoing import PayoutCommand, PayoutView
from domain.states import Operation
from store.database import Database
from store.operations import OperationClaim, claim_operation
from tests.support.centre import worker_parts
from tests.support.gates import Gate, gated
from tests.support.payee import ACCOUNT
from tests.support.shop import Shop
from worker import WorkerParts

AMOUNT_MINOR = 5_000

_PAYEE = text("UPDATE payout SET destination = CAST(:destination AS jsonb) WHERE id = :id")
_ROW = text("SELECT * FROM payout WHERE id = :id")

Step = Callable[[PayoutCommand], Awaitable[PayoutView]]


@dataclass(frozen=True)
class PayoutByHand:
    """One payout that was asked for, and the steps that it may take."""

    shop: Shop
    parts: WorkerParts
    command: PayoutCommand

    @classmethod
    @asynccontextmanager
    async def asked(cls, shop: Shop, account: str = ACCOUNT, **fields: Any) -> AsyncIterator["PayoutByHand"]:  # noqa: ANN401
        """Its number is claimed and its request kept; it is not open yet."""
        command = PayoutCommand(payout_id=new_payout_id(), merchant_id=shop.merchant_id)
        number = new_id("payout")
        body = {
            "payout_no": number,
            "account_id": shop.wallet_id,
            "amount_minor": AMOUNT_MINOR,
            "currency": "CNY",
            "channel": "sim",
            "channel_account_id": shop.channel_account_id,
            "destination": {"account": account, "name": None},
            "metadata": {},
        }
        claim = OperationClaim(
            merchant_id=shop.merchant_id,
            operation=Operation.PAYOUT,
            number=number,
            request_hash="hash",
            new_id=command.payout_id,
            body={**body, **fields},
        )
        async with shop.centre.database.transaction("test.claim") as session:
            await claim_operation(session, claim)
        async with worker_parts(shop.centre.settings) as parts:
            yield cls(shop, parts, command)

    def steps(self, database: Database | None = None) -> PayoutSteps:
        """The steps of a worker; with a database of its own those of another."""
        parts = self.parts
        url = self.shop.centre.settings.public_url
        return PayoutSteps(database or parts.database, parts.accounts, parts.channels, url)

    async def run(self, step: Step, environment: ActivityEnvironment | None = None) -> PayoutView:
        """What the step answers."""
        return await (environment or ActivityEnvironment()).run(step, self.command)

    @asynccontextmanager
    async def stopped_at(self, point: str) -> AsyncIterator[tuple[Gate, PayoutSteps]]:
        """The steps of a worker that waits at the point until the gate is opened."""
        async with gated(self.shop.centre.addresses.database_url, point) as (gate, database):
            yield gate, self.steps(database)

    async def pay_to(self, account: str) -> None:
        """The payee is another one from now on."""
        async with self.shop.centre.database.transaction("test.payee") as session:
            destination = json.dumps({"account": account, "name": None})
            await session.execute(_PAYEE, {"id": self.command.payout_id, "destination": destination})

    async def row(self) -> dict[str, Any]:
        """The row as it is now."""
        async with self.shop.centre.database.reading() as session:
            found = await session.execute(_ROW, {"id": self.command.payout_id})
            return dict(found.mappings().one())
