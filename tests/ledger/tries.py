"""Tries over several accounts, as a refund makes them."""

from domain.money import Currency
from ledger import book
from ledger.book import HeldPart, HoldFromRequest, Source
from ledger.chart import AccountKind
from ledger.legs import StepKey
from tests.ledger.clerk import Clerk

PENDING, AVAILABLE, DEBT = AccountKind.MERCHANT_PENDING, AccountKind.MERCHANT_AVAILABLE, AccountKind.MERCHANT_DEBT


def sources(clerk: Clerk, *, own_minor: int = 0, debt_limit_minor: int = 0) -> tuple[Source, ...]:
    """The order of a refund: the payment's own share in pending, available, the rest of pending, debt."""
    return (
        Source(account_id=clerk.account(PENDING), at_most_minor=own_minor),
        Source(account_id=clerk.account(AVAILABLE)),
        Source(account_id=clerk.account(PENDING)),
        Source(
            account_id=clerk.account(DEBT),
            account_kind=DEBT,
            owner=clerk.merchant_id,
            merchant_id=clerk.merchant_id,
            credit_minor=debt_limit_minor,
        ),
    )


async def hold_from(
    clerk: Clerk, amount_minor: int, places: tuple[Source, ...], *, key: StepKey | None = None
) -> dict[str, int]:
    """The try's parts: what is held in which kind of account."""
    parts = await held_parts(clerk, amount_minor, places, key=key)
    return {part.account_id.split(":")[0]: part.amount_minor for part in parts}


async def held_parts(
    clerk: Clerk, amount_minor: int, places: tuple[Source, ...], *, key: StepKey | None = None
) -> tuple[HeldPart, ...]:
    """The try as one transaction."""
    async with clerk.session() as session, session.begin():
        return await book.hold_from(session, key or clerk.key(), request(clerk, amount_minor, places))


def request(
    clerk: Clerk, amount_minor: int, places: tuple[Source, ...], *, currency: Currency = Currency.CNY
) -> HoldFromRequest:
    """A try of this merchant's."""
    return HoldFromRequest(merchant_id=clerk.merchant_id, amount_minor=amount_minor, currency=currency, sources=places)
