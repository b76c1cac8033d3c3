"""Random mixes of try, confirm, cancel, transfer, payment and fold on few accounts, several at a time."""

import asyncio
from collections.abc import Awaitable
from typing import NamedTuple

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import BalanceInsufficient, TryAfterCancel
from domain.ids import AccountId, new_id
from ledger import steps
from ledger.chart import AccountKind
from ledger.errors import LedgerConflict
from ledger.legs import StepKey
from ledger.steps import Role
from tests.ledger.clerk import Clerk
from tests.ledger.soundness import broken

WALLETS = 3
EXPECTED = (BalanceInsufficient, TryAfterCancel, LedgerConflict)


class Action(NamedTuple):
    """One thing that happens: the hold it is about decides account and amount, so that repeats are repeats."""

    name: str
    number: int
    amount_minor: int


class Shop:
    """One merchant with a few wallets, on which actions are played."""

    def __init__(self, clerk: Clerk, wallets: list[AccountId]) -> None:
        self.clerk = clerk
        self.wallets = wallets

    def play(self, action: Action) -> Awaitable[object]:
        """The action as a call that is not awaited yet."""
        wallet, other = self.wallets[action.number % WALLETS], self.wallets[(action.number + 1) % WALLETS]
        key = self.clerk.key(f"hold{action.number}", self.clerk.merchant_id)
        call: Awaitable[object]
        match action.name:
            case "try":
                call = self.clerk.hold(key, self.clerk.request(wallet, 100 + action.number))
            case "cancel":
                call = self.clerk.release(key)
            case "confirm":
                call = self._confirm(wallet, key, 100 + action.number)
            case "transfer":
                call = self.clerk.transfer(wallet, other, action.amount_minor)
            case "settle":
                call = self.clerk.step(steps.SETTLEMENT, {"settled_minor": action.amount_minor})
            case "fold":
                call = self.clerk.fold(self.clerk.account(AccountKind.MERCHANT_PENDING))
            case _:
                call = self.clerk.step(steps.PAYMENT, {"channel_minor": action.amount_minor, "fee_minor": 1})
        return call

    def _confirm(self, wallet: AccountId, key: StepKey, amount_minor: int) -> Awaitable[object]:
        posting = key.model_copy(update={"step": f"payment_{key.step}"})
        amounts = {"balance_minor": amount_minor}
        return self.clerk.step(steps.PAYMENT, amounts, key=posting, wallet_id=wallet, holds={Role.WALLET: key})


actions = st.builds(
    Action,
    name=st.sampled_from(["try", "cancel", "confirm", "transfer", "settle", "fold", "pay"]),
    number=st.integers(0, 7),
    amount_minor=st.integers(1, 400),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(st.lists(actions, min_size=1, max_size=6), min_size=1, max_size=8))
async def test_every_mix_leaves_the_book_sound(
    engine: AsyncEngine, owner: asyncpg.Connection, rounds: list[list[Action]]
) -> None:
    """Whatever is refused, no deadlock, no other error, and every invariant holds."""
    clerk = Clerk(engine, merchant_id=new_id("mer"))
    await clerk.step(steps.PAYMENT, {"channel_minor": 1})
    shop = Shop(clerk, [await clerk.wallet(500) for _ in range(WALLETS)])
    for actions_at_once in rounds:
        played = [shop.play(action) for action in actions_at_once]
        results = await asyncio.gather(*played, return_exceptions=True)
        faults = [r for r in results if isinstance(r, BaseException) and not isinstance(r, EXPECTED)]
        assert [] == faults
    unsound = await broken(owner)
    assert [] == unsound
