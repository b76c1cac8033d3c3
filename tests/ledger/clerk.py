"""Whoever keeps the book in a test: each call is one transaction as the application role."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from domain.ids import AccountId, new_id
from domain.money import Currency
from domain.states import FundsHolder
from ledger import accounts, book, steps
from ledger.chart import AccountKind, system_account_id
from ledger.legs import Leg, StepKey

EVENT_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CNY = Currency.CNY


class Clerk:
    """One merchant's bookkeeping; accounts of the platform are shared with every other test."""

    def __init__(self, engine: AsyncEngine, *, merchant_id: str) -> None:
        self.engine = engine
        self.merchant_id = merchant_id
        self.channel_account_id = f"ca_{merchant_id}"

    def session(self) -> AsyncSession:
        """A session that commits nothing by itself."""
        return AsyncSession(self.engine)

    def key(self, step: str = "hold", biz_id: str | None = None) -> StepKey:
        """A key of the test's own, or the key of an object that it names."""
        return StepKey(biz_type="test", biz_id=biz_id or new_id("tst"), step=step)

    def account(self, kind: AccountKind, owner: str | None = None) -> AccountId:
        """The merchant's account of that kind, or the named owner's."""
        return system_account_id(kind, owner or self.merchant_id, CNY)

    async def wallet(self, funds_minor: int = 0, *, floor_minor: int = 0) -> AccountId:
        """A new wallet of this merchant that holds so much."""
        opened = accounts.OpenAccount(
            id=AccountId(new_id("acc")),
            owner="payer",
            merchant_id=self.merchant_id,
            currency=CNY,
            floor_minor=floor_minor,
        )
        async with self.session() as session, session.begin():
            await accounts.open_account(session, opened)
        if funds_minor:
            await self.step(steps.OPENING, {"opening_minor": funds_minor}, target_id=opened.id)
        return opened.id

    def parties(self, **parties: object) -> steps.Parties:
        """The parties of a step: this merchant and its channel account, and whoever is named."""
        fixed = {
            "currency": CNY,
            "object_id": "test",
            "merchant_id": self.merchant_id,
            "channel_account_id": self.channel_account_id,
            "funds_holder": FundsHolder.PLATFORM,
        }
        return steps.Parties(**{**fixed, **parties})  # type: ignore[arg-type]

    async def step(
        self, step: steps.Step, amounts: Mapping[str, int], *, key: StepKey | None = None, **parties: object
    ) -> book.PostResult:
        """One step of the table is posted."""
        return await self.post(key or self.key(step.name), steps.legs(step, amounts, self.parties(**parties)))

    async def post(self, key: StepKey, legs: tuple[Leg, ...], *, merchant_id: str | None = None) -> book.PostResult:
        """The legs are posted as this merchant, or the named one."""
        async with self.session() as session, session.begin():
            return await self.post_in(session, key, legs, merchant_id=merchant_id)

    async def post_in(
        self, session: AsyncSession, key: StepKey, legs: tuple[Leg, ...], *, merchant_id: str | None = None
    ) -> book.PostResult:
        """The same in a transaction of the caller's."""
        request = book.PostRequest(merchant_id=merchant_id or self.merchant_id, event_at=EVENT_AT, legs=legs)
        return await book.post(session, key, request)

    def request(self, account_id: AccountId, amount_minor: int, *, merchant_id: str | None = None) -> book.HoldRequest:
        """A hold on the account, asked by this merchant or the named one."""
        return book.HoldRequest(
            account_id=account_id,
            merchant_id=merchant_id or self.merchant_id,
            amount_minor=amount_minor,
            currency=CNY,
        )

    async def hold(self, key: StepKey, request: book.HoldRequest) -> book.HoldOutcome:
        """A try."""
        async with self.session() as session, session.begin():
            return await book.hold(session, key, request)

    async def release(self, key: StepKey) -> book.ReleaseOutcome:
        """A cancel."""
        async with self.session() as session, session.begin():
            return await book.release(session, key)

    async def transfer(self, from_id: AccountId, to_id: AccountId, amount_minor: int) -> book.PostResult:
        """Money moves between two wallets without a hold."""
        return await self.step(steps.TRANSFER, {"transfer_minor": amount_minor}, source_id=from_id, target_id=to_id)

    async def read(self, account_id: AccountId) -> accounts.AccountBalance:
        """The account as it is now."""
        async with self.session() as session:
            return await accounts.read_account(session, account_id)

    async def balance(self, account_id: AccountId) -> tuple[int, int]:
        """Available and frozen, in minor units."""
        account = await self.read(account_id)
        return account.available_minor, account.frozen_minor

    async def fold(self, account_id: AccountId) -> int:
        """The account's inbox is folded."""
        async with self.session() as session, session.begin():
            return await book.fold(session, account_id)
