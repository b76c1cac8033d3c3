"""Limits of a day, on real PostgreSQL: exactly what fits is taken, once per object, and given back once (law 2)."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from domain.errors import AmountAboveMaximum, AmountBelowMinimum, BusinessError, DailyLimitExceeded, ToolNotAllowed
from domain.ids import new_id
from domain.money import Currency
from domain.rules import OperationRule
from domain.states import Operation
from store.database import Database
from store.rules import Admission, admit, give_back
from store.tables.merchants import Merchant
from store.tables.rules import MerchantRule

_USED = text("SELECT account_id, used_minor FROM limit_day WHERE merchant_id = :id")


class Ruled:
    """A merchant with one rule for payments, and those who want to pay it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.merchant_id = new_id("mer")

    async def begin(self, *, time_zone: str = "Asia/Shanghai", **rule: Any) -> "Ruled":  # noqa: ANN401
        """The merchant and its rule exist."""
        async with self.database.transaction("test") as session:
            session.add(Merchant(id=self.merchant_id, name="Shop", time_zone=time_zone, metadata_={}))
        await self.change(**rule)
        return self

    async def change(self, **rule: Any) -> None:  # noqa: ANN401
        """Another rule stands in its place."""
        async with self.database.transaction("test") as session:
            await session.execute(text("DELETE FROM merchant_rule WHERE merchant_id = :id"), {"id": self.merchant_id})
            session.add(MerchantRule(merchant_id=self.merchant_id, operation="payment", currency="CNY", **rule))

    async def want(self, amount_minor: int, *, object_id: str = "", account_id: str | None = None) -> OperationRule:
        """One object asks for its amount."""
        wanted = Admission(
            object_id=object_id or new_id("pay"),
            merchant_id=self.merchant_id,
            operation=Operation.PAYMENT,
            currency=Currency.CNY,
            amount_minor=amount_minor,
            account_id=account_id,
            tools=("sim",),
        )
        async with self.database.transaction("test") as session:
            return await admit(session, wanted)

    async def end(self, object_id: str) -> None:
        """The object ended without effect."""
        async with self.database.transaction("test") as session:
            await give_back(session, object_id)

    async def used(self) -> dict[str, int]:
        """What is used, by account; the empty one is the merchant's own total."""
        async with self.database.reading() as session:
            return {row.account_id: row.used_minor for row in await session.execute(_USED, {"id": self.merchant_id})}


async def test_fifty_at_once_take_exactly_what_fits(database: Database) -> None:
    """50 times 30 into 1,000 is 33 times; the others are refused and have taken nothing."""
    ruled = await Ruled(database).begin(daily_minor=1_000)
    outcomes = await asyncio.gather(*(ruled.want(30) for _ in range(50)), return_exceptions=True)
    assert (33, 17) == (
        sum(isinstance(one, OperationRule) for one in outcomes),
        sum(isinstance(one, DailyLimitExceeded) for one in outcomes),
    )
    assert {"": 990} == await ruled.used()


async def test_an_object_counts_once_and_is_given_back_once(database: Database) -> None:
    """A repeat of the try, also at the same moment, and of the cancel change nothing."""
    ruled = await Ruled(database).begin(daily_minor=100, daily_per_account_minor=100)
    await asyncio.gather(*(ruled.want(60, object_id=f"{ruled.merchant_id}-1", account_id="acc_1") for _ in range(10)))
    assert {"": 60, "acc_1": 60} == await ruled.used()
    for _ in range(2):
        await ruled.end(f"{ruled.merchant_id}-1")
        assert {"": 0, "acc_1": 0} == await ruled.used()
    await ruled.want(100, account_id="acc_1")


async def test_what_one_limit_refuses_the_other_has_not_counted(database: Database) -> None:
    """The merchant's total and the account's are taken together or not at all."""
    ruled = await Ruled(database).begin(daily_minor=100, daily_per_account_minor=50)
    await ruled.want(40, account_id="acc_1")
    with pytest.raises(DailyLimitExceeded):
        await ruled.want(20, account_id="acc_1")
    assert {"": 40, "acc_1": 40} == await ruled.used()
    await ruled.want(50, account_id="acc_2")
    with pytest.raises(DailyLimitExceeded):
        await ruled.want(20, account_id="acc_3")
    assert {"": 90, "acc_1": 40, "acc_2": 50} == await ruled.used()


async def test_only_what_was_counted_is_given_back(database: Database) -> None:
    """An object that came before a limit did not count for it, so its end frees nothing of that limit."""
    ruled = await Ruled(database).begin(daily_minor=100)
    before = new_id("pay")
    await ruled.want(60, object_id=before, account_id="acc_1")
    await ruled.change(daily_minor=100, daily_per_account_minor=40)
    await ruled.want(30, account_id="acc_1")
    await ruled.end(before)
    assert {"": 30, "acc_1": 30} == await ruled.used()


async def test_a_limit_of_accounts_alone_counts_no_total(database: Database) -> None:
    """Nobody queues behind a total that nobody asked for; a payment without an account is not counted."""
    ruled = await Ruled(database).begin(daily_per_account_minor=50)
    await asyncio.gather(ruled.want(50, account_id="acc_1"), ruled.want(50, account_id="acc_2"), ruled.want(90))
    assert {"acc_1": 50, "acc_2": 50} == await ruled.used()


@pytest.mark.parametrize("time_zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
async def test_a_day_is_the_merchants_own(database: Database, time_zone: str) -> None:
    """One of the two zones, 26 hours apart, has always another date than we have."""
    ruled = await Ruled(database).begin(time_zone=time_zone, daily_minor=100)
    before = datetime.now(UTC).astimezone(ZoneInfo(time_zone)).date()
    await ruled.want(100)
    after = datetime.now(UTC).astimezone(ZoneInfo(time_zone)).date()
    async with database.reading() as session:
        day = await session.scalar(text("SELECT day FROM limit_day WHERE merchant_id = :id"), {"id": ruled.merchant_id})
    assert day in {before, after}


async def test_yesterdays_use_is_not_todays(database: Database) -> None:
    """A new day begins at nothing, and what yesterday took is given back to yesterday."""
    ruled = await Ruled(database).begin(daily_minor=100)
    yesterdays = new_id("pay")
    await ruled.want(100, object_id=yesterdays)
    async with database.transaction("test") as session:
        for table in ("limit_day", "limit_use"):
            aged = f"UPDATE {table} SET day = day - 1 WHERE merchant_id = :id"  # noqa: S608 - fixed
            await session.execute(text(aged), {"id": ruled.merchant_id})
    await ruled.want(70)
    await ruled.end(yesterdays)
    async with database.reading() as session:
        used = await session.scalars(
            text("SELECT used_minor FROM limit_day WHERE merchant_id = :id ORDER BY day"), {"id": ruled.merchant_id}
        )
        assert [0, 70] == list(used)


async def test_opposing_calls_end_without_deadlock(database: Database) -> None:
    """Tries and cancels of two accounts, all at once: the merchant's row first, then the account's, always."""
    ruled = await Ruled(database).begin(daily_minor=10_000, daily_per_account_minor=10_000)
    early = [(new_id("pay"), f"acc_{number % 2}") for number in range(20)]
    await asyncio.gather(*(ruled.want(10, object_id=one, account_id=account) for one, account in early))
    late = [(new_id("pay"), f"acc_{number % 2}") for number in range(20)]
    await asyncio.gather(
        *(ruled.end(one) for one, _ in early),
        *(ruled.want(10, object_id=one, account_id=account) for one, account in late),
    )
    assert {"": 200, "acc_0": 100, "acc_1": 100} == await ruled.used()


@pytest.mark.parametrize(
    ("rule", "refusal"),
    [
        ({"minimum_minor": 101}, AmountBelowMinimum),
        ({"maximum_minor": 99}, AmountAboveMaximum),
        ({"tools": ["balance"]}, ToolNotAllowed),
        ({"daily_minor": 99}, DailyLimitExceeded),
    ],
)
async def test_a_refusal_counts_nothing(database: Database, rule: dict[str, Any], refusal: type[BusinessError]) -> None:
    """Each has its code, and the day is as it was."""
    ruled = await Ruled(database).begin(**{"daily_minor": 1_000, **rule})
    with pytest.raises(refusal):
        await ruled.want(100)
    assert {} == await ruled.used()


async def test_without_a_rule_everything_is_admitted(database: Database) -> None:
    """What is absent does not limit, and the terms are those of nobody."""
    ruled = Ruled(database)
    assert OperationRule() == await ruled.want(10**10)
