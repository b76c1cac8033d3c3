"""A merchant's till in the session's database: payments that nobody drives, to be tried, confirmed and cancelled."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.participants import Participant
from domain.ids import AccountId, new_id, new_payment_id
from domain.money import Currency
from ledger import accounts, book, steps
from ledger.legs import StepKey
from store.database import Database
from store.tables.catalogue import Sku, Stock
from store.tables.merchants import Merchant
from store.tables.payments import Payment, PaymentLine

Step = Callable[[AsyncSession], Awaitable[None]]
Line = tuple[str, int] | tuple[str, int, str]

_WAITS = text("SELECT cardinality(pg_blocking_pids(:pid)) > 0")


class Till:
    """One merchant with products, wallets and payments, as rows; a step is one transaction of the application role."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.merchant_id = new_id("mer")

    async def open(self) -> "Till":
        """The merchant exists."""
        async with self.database.transaction("test") as session:
            session.add(Merchant(id=self.merchant_id, name="Till", metadata_={}))
        return self

    async def stock(self, sku: str, on_hand: int, *, warehouse: str = "main", on_sale: bool = True) -> None:
        """The product exists, and so many of it lie there."""
        async with self.database.transaction("test") as session:
            if await session.get(Sku, (self.merchant_id, sku)) is None:
                session.add(self._sku(sku, on_sale=on_sale))
                await session.flush()
            session.add(Stock(merchant_id=self.merchant_id, sku=sku, warehouse=warehouse, on_hand=on_hand))

    def _sku(self, sku: str, *, on_sale: bool) -> Sku:
        about = {"name": sku, "unit_price_minor": 100, "currency": "CNY", "metadata_": {}}
        return Sku(merchant_id=self.merchant_id, sku=sku, on_sale=on_sale, **about)  # type: ignore[arg-type]

    async def wallet(self, funds_minor: int) -> AccountId:
        """A payer's wallet that holds so much."""
        account_id = AccountId(new_id("acc"))
        opened = accounts.OpenAccount(id=account_id, owner="payer", merchant_id=self.merchant_id, currency=Currency.CNY)
        parties = steps.Parties(currency=Currency.CNY, object_id="test", target_id=account_id)
        legs = steps.legs(steps.OPENING, {"opening_minor": funds_minor}, parties)
        async with self.database.transaction("test") as session:
            await accounts.open_account(session, opened)
            key = StepKey(biz_type="test", biz_id=account_id, step="opening")
            await book.post(session, key, book.PostRequest(merchant_id=None, event_at=datetime.now(UTC), legs=legs))
        return account_id

    async def payment(self, *lines: Line, wallet_id: str | None = None, amount_minor: int = 100) -> str:
        """A pending payment for these lines (sku, quantity, and a warehouse if it must be that one)."""
        payment_id = new_payment_id()
        balance_minor = amount_minor if wallet_id else 0
        row = Payment(
            id=payment_id,
            merchant_id=self.merchant_id,
            order_no=payment_id,
            amount_minor=amount_minor,
            currency="CNY",
            balance_minor=balance_minor,
            channel_minor=amount_minor - balance_minor,
            subject="Tea",
            payer_account_id=wallet_id,
            payer={},
            has_lines=bool(lines),
            expires_at=datetime.now(UTC) + timedelta(minutes=15),
            metadata_={},
        )
        async with self.database.transaction("test") as session:
            session.add(row)
            await session.flush()
            session.add_all(_line(payment_id, number, line) for number, line in enumerate(lines, 1))
        return payment_id

    async def try_(self, participant: Participant, payment_id: str) -> None:
        """One transaction."""
        await self.step(lambda session: participant.try_(session, payment_id))

    async def confirm(self, participant: Participant, payment_id: str) -> None:
        """One transaction."""
        await self.step(lambda session: participant.confirm(session, payment_id))

    async def cancel(self, participant: Participant, payment_id: str) -> None:
        """One transaction."""
        await self.step(lambda session: participant.cancel(session, payment_id))

    async def step(self, step: Step) -> None:
        """One transaction of its own."""
        async with self.database.transaction("test") as session:
            await step(session)

    async def overtake(self, first: Step, second: Step) -> None:
        """The second was seen to wait for the first, which then committed; raises what the second raises."""
        pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def waiting(session: AsyncSession) -> None:
            pid.set_result(await session.scalar(text("SELECT pg_backend_pid()")) or 0)
            await second(session)

        async with self.database.transaction("test") as session:
            await first(session)
            late = asyncio.create_task(self.step(waiting))
            await self._until_it_waits(await pid)
        await late

    async def _until_it_waits(self, pid: int) -> None:
        async with self.database.reading() as session:
            while not await session.scalar(_WAITS, {"pid": pid}):
                continue

    async def counts(self, sku: str) -> list[tuple[int, int, int]]:
        """On hand, reserved and sold, by warehouse."""
        counts = text(
            "SELECT on_hand, reserved, sold FROM stock WHERE merchant_id = :merchant AND sku = :sku ORDER BY warehouse"
        )
        async with self.database.reading() as session:
            connection = await session.connection()
            rows = await connection.execute(counts, {"merchant": self.merchant_id, "sku": sku})
            return [(row.on_hand, row.reserved, row.sold) for row in rows]

    async def balance(self, account_id: AccountId) -> tuple[int, int]:
        """Available and frozen."""
        async with self.database.reading() as session:
            account = await accounts.read_account(session, account_id)
        return account.available_minor, account.frozen_minor


def _line(payment_id: str, number: int, line: Line) -> PaymentLine:
    sku, quantity, *warehouse = line
    return PaymentLine(
        payment_id=payment_id,
        line_no=number,
        sku=sku,
        quantity=quantity,
        unit_price_minor=100,
        warehouse=str(warehouse[0]) if warehouse else None,
    )
