"""Plays the actions of the model on the real book, each in a transaction and on a connection of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import BalanceInsufficient, TryAfterCancel, UnknownAccount
from domain.ids import AccountId
from ledger import book, steps
from ledger.chart import AccountKind
from ledger.errors import LedgerConflict
from ledger.legs import StepKey
from ledger.steps import Role
from tests.ledger.clerk import CNY, Clerk
from tests.ledger.machine_model import AVAILABLE, DEBT, PENDING, WALLETS, Action, Answer, Book, Name, Part, Said, Source

WALLET_MINOR, PENDING_MINOR, AVAILABLE_MINOR = 400, 500, 100
FEE_MINOR = 1
SYSTEM = {
    PENDING: AccountKind.MERCHANT_PENDING,
    AVAILABLE: AccountKind.MERCHANT_AVAILABLE,
    DEBT: AccountKind.MERCHANT_DEBT,
}
ROLES = {PENDING: Role.PENDING, AVAILABLE: Role.AVAILABLE, DEBT: Role.DEBT, **dict.fromkeys(WALLETS, Role.WALLET)}
REFUSALS = {BalanceInsufficient: Said.SHORT, TryAfterCancel: Said.CANCELLED, LedgerConflict: Said.CONFLICT}


@dataclass(frozen=True)
class MachineShop:
    """One merchant with three wallets, and what the model calls each of its accounts."""

    clerk: Clerk
    accounts: Mapping[str, AccountId]

    @classmethod
    async def open(cls, clerk: Clerk) -> "MachineShop":
        """The accounts have money, that of pending waits in the inbox."""
        wallets = {name: await clerk.wallet(WALLET_MINOR) for name in WALLETS}
        await clerk.step(steps.PAYMENT, {"channel_minor": AVAILABLE_MINOR})
        await clerk.step(steps.SETTLEMENT, {"settled_minor": AVAILABLE_MINOR})
        await clerk.step(steps.PAYMENT, {"channel_minor": PENDING_MINOR})
        return cls(clerk, {**wallets, **{name: clerk.account(kind) for name, kind in SYSTEM.items()}})

    @property
    def opened(self) -> Book:
        """The model of the shop as it opened."""
        system = {PENDING: PENDING_MINOR, AVAILABLE: AVAILABLE_MINOR, DEBT: 0}
        return Book({**dict.fromkeys(WALLETS, WALLET_MINOR), **system})

    async def balances(self) -> dict[str, tuple[int, int]]:
        """Available and frozen of each account, as the real book has them."""
        return {name: await self._balance(account_id) for name, account_id in self.accounts.items()}

    async def _balance(self, account_id: AccountId) -> tuple[int, int]:
        """Nothing where no step needed the account yet."""
        try:
            return await self.clerk.balance(account_id)
        except UnknownAccount:
            return 0, 0

    async def play(self, action: Action) -> Answer:
        """What the book says; whatever is no answer of the model is raised."""
        try:
            return await self._played(action)
        except tuple(REFUSALS) as refusal:
            return Answer(REFUSALS[type(refusal)])

    async def _played(self, action: Action) -> Answer:
        match action.name:
            case Name.TRY:
                return await self._try(action)
            case Name.REFUND_TRY:
                return await self._try_refund(action)
            case Name.CANCEL | Name.REFUND_CANCEL:
                return Answer(Said((await self.clerk.release(self._key(action.hold))).value))
            case Name.FOLD:
                return await self._fold(action)
            case _:
                return await self._post(action)

    async def _try(self, action: Action) -> Answer:
        account = action.sources[0].account
        request = self.clerk.request(self.accounts[account], action.amount_minor)
        outcome = await self.clerk.hold(self._key(action.hold), request)
        return Answer(Said(outcome.value), (Part(account, action.amount_minor),))

    async def _try_refund(self, action: Action) -> Answer:
        request = book.HoldFromRequest(
            merchant_id=self.clerk.merchant_id,
            amount_minor=action.amount_minor,
            currency=CNY,
            sources=tuple(self._source(source) for source in action.sources),
        )
        async with self.clerk.session() as session, session.begin():
            held = await book.hold_from(session, self._key(action.hold), request)
        names = {account_id: name for name, account_id in self.accounts.items()}
        # The book does not say whether it held now or earlier.
        return Answer(Said.HELD, tuple(Part(names[part.account_id], part.amount_minor) for part in held))

    def _source(self, source: Source) -> book.Source:
        return book.Source(
            account_id=self.accounts[source.account],
            account_kind=SYSTEM[source.account],
            owner=self.clerk.merchant_id,
            merchant_id=self.clerk.merchant_id,
            at_most_minor=source.at_most_minor,
            credit_minor=source.credit_minor,
        )

    async def _fold(self, action: Action) -> Answer:
        """So many times, one after another; every second one as the loop does it, which passes over accounts in use."""
        for time in range(action.number):
            async with self.clerk.session() as session, session.begin():
                if time % 2:
                    await book.fold_some(session, accounts_max=50)
                else:
                    await book.fold(session, self.accounts[PENDING])
        return Answer(Said.FOLDED)

    async def _post(self, action: Action) -> Answer:
        minor = action.amount_minor
        giver, taker = (self.accounts[name] for name in action.wallets)
        match action.name:
            case Name.CONFIRM:
                amounts, parties = {"balance_minor": minor}, {"wallet_id": giver, "holds": self._holds(action)}
                step = steps.PAYMENT
            case Name.REFUND_CONFIRM:
                step, amounts = steps.REFUND, {f"{part.account}_minor": part.amount_minor for part in action.parts}
                amounts, parties = {**amounts, "channel_minor": minor}, {"holds": self._holds(action)}
            case Name.TRANSFER:
                step, amounts = steps.TRANSFER, {"transfer_minor": minor}
                parties = {"source_id": giver, "target_id": taker}
            case Name.SETTLE:
                step, amounts, parties = steps.SETTLEMENT, {"settled_minor": minor}, {}
            case _:
                step, parties = steps.PAYMENT, {}
                amounts = {"channel_minor": minor + FEE_MINOR, "fee_minor": FEE_MINOR}
        posted = await self.clerk.step(step, amounts, key=self._key(action.posting), **parties)
        return Answer(Said.REPLAY if posted.replayed else Said.POSTED, (), posted.posting_id)

    def _holds(self, action: Action) -> dict[Role, StepKey]:
        """The key of each part's hold, by the part that its account plays: the first has the try's own."""
        keys = [action.hold, *(f"{action.hold}.{place}" for place in range(2, len(action.parts) + 1))]
        named = zip(action.parts, keys, strict=True)
        return {ROLES[part.account]: self._key(step) for part, step in named}

    def _key(self, step: str) -> StepKey:
        return self.clerk.key(step, self.clerk.merchant_id)
