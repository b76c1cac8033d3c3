"""Which of the merchant's channel accounts collects a payment, or takes over from another."""

from dataclasses import dataclass

from sqlmodel import select

from activities.attempts import channel_account
from api.services import Services
from channels.errors import ChannelError
from channels.operations import Op
from domain.errors import ChannelNotConfigured
from domain.money import Money
from domain.states import FundsHolder, Invoke
from store.tables.merchants import ChannelAccountRow


@dataclass(frozen=True)
class Wanted:
    """What the account must be able to do; a channel of None means any. `reaches_us`: we hold what it collects."""

    money: Money
    invoke: Invoke
    channel: str | None = None
    reaches_us: bool = False


async def route(services: Services, merchant_id: str, wanted: Wanted) -> ChannelAccountRow:
    """The oldest enabled account that can do it; ChannelNotConfigured when none can. Reads at most once in seconds."""
    rows = await services.enabled_accounts.get(merchant_id, lambda: _enabled(services, merchant_id))
    for row in rows or []:
        if _fits(row, wanted) and await _can(services, row, wanted):
            return row
    place = f"at {wanted.channel}" if wanted.channel else "at any channel"
    held = " and pays it to us" if wanted.reaches_us else ""
    raise ChannelNotConfigured(f"no enabled account {place} takes {wanted.invoke} in {wanted.money.currency}{held}")


def _fits(row: ChannelAccountRow, wanted: Wanted) -> bool:
    held = not wanted.reaches_us or row.funds_holder == FundsHolder.PLATFORM
    return held and wanted.channel in {None, row.channel}


async def _can(services: Services, row: ChannelAccountRow, wanted: Wanted) -> bool:
    account = channel_account(await services.accounts.get(row.id))
    try:
        capabilities = services.channels.channel(row.channel).capabilities(account)
        capabilities.require(Op.PAY)
        capabilities.require_invoke(wanted.invoke)
        capabilities.require_money(wanted.money)
    except ChannelError:
        return False
    return True


async def _enabled(services: Services, merchant_id: str) -> list[ChannelAccountRow]:
    async with services.database.reading() as session:
        wanted = select(ChannelAccountRow).where(
            ChannelAccountRow.merchant_id == merchant_id,
            ChannelAccountRow.enabled == True,  # noqa: E712 - a column
        )
        return list((await session.scalars(wanted.order_by(ChannelAccountRow.id))).all())
