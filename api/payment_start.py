"""From a POST to a running payment: claim first, then one call that starts the workflow and waits for its answer."""

from dataclasses import dataclass, field, replace

from api.bodies import PaymentBody
from api.collecting_start import CollectingStart, start_collecting
from api.idempotency import request_hash
from api.post_limit import PostLimit
from api.routing import Wanted, route
from api.services import Services
from api.settling import check_shape, settle
from domain.errors import ChannelNotConfigured
from domain.ids import new_payment_id
from domain.money import Money
from domain.objects import PaymentObject, render_payment
from domain.states import Invoke, Purpose
from store.requests import Claimed, PaymentClaim, claim_payment, keep_request
from store.tables.merchants import ChannelAccountRow


@dataclass(frozen=True)
class Asked:
    """One POST: whose, what, and under which key."""

    merchant_id: str
    body: PaymentBody
    key: str | None
    limit: PostLimit = field(default_factory=PostLimit)


@dataclass(frozen=True)
class Opened:
    """The payment as it is now, and whether an earlier call made it."""

    payment: PaymentObject
    replayed: bool


async def open_payment(services: Services, asked: Asked) -> Opened:
    """The payment exists and runs; answered with what is known after at most eight seconds.

    Whatever is wrong with the request is raised before anything is started. Unavailable, or IdempotencyInProgress for
    a repeat, when the payment's row did not appear in time: its claim stands, and the same call later continues it.
    """
    check_shape(asked.body, services.guard)
    channel_account = await _route(services, asked)
    claimed = await _claim(services, asked, channel_account)
    channel = channel_account.channel if isinstance(channel_account, ChannelAccountRow) else None
    start = CollectingStart(
        merchant_id=asked.merchant_id,
        purpose=Purpose.PAYMENT,
        number=asked.body.order_no,
        channel=channel,
        summary=_summary(asked.body, channel),
        limit=asked.limit,
    )
    snapshot = await start_collecting(services, claimed, start)
    return Opened(payment=render_payment(snapshot, with_pay=True), replayed=claimed.replayed)


async def _route(services: Services, asked: Asked) -> ChannelAccountRow | ChannelNotConfigured | None:
    """Outside the transaction; that none can do it only matters to a payment that is new."""
    body = asked.body
    channel_minor = body.amount_minor - body.balance_minor
    if not channel_minor:
        return None
    money = Money(amount_minor=channel_minor, currency=body.currency)
    try:
        return await route(services, asked.merchant_id, Wanted(money, body.invoke or Invoke.QR, body.channel))
    except ChannelNotConfigured as error:
        return error


async def _claim(
    services: Services, asked: Asked, channel_account: ChannelAccountRow | ChannelNotConfigured | None
) -> Claimed:
    """One transaction: the payment's numbers are claimed; a new one is settled and its request kept."""
    claim = PaymentClaim(
        merchant_id=asked.merchant_id,
        order_no=asked.body.order_no,
        request_hash=request_hash(asked.body),
        new_id=new_payment_id(),
        key=asked.key,
    )

    async def claim_once() -> Claimed:
        async with services.database.transaction("payment.claim", claim.new_id) as session:
            claimed = await claim_payment(session, claim)
            if not claimed.replayed:
                if isinstance(channel_account, ChannelNotConfigured):
                    raise channel_account
                order = await settle(session, asked.merchant_id, asked.body, channel_account)
                await keep_request(session, claimed.payment_id, asked.merchant_id, order)
        return claimed

    claimed = await asked.limit.repeat(claim_once)
    # Its own, even if an earlier try of this call made it.
    return replace(claimed, replayed=False) if claimed.payment_id == claim.new_id else claimed


def _summary(body: PaymentBody, channel: str | None) -> str:
    amount = Money(amount_minor=body.amount_minor, currency=body.currency).to_major_text()
    way = f"by {channel} {body.invoke or Invoke.QR}" if channel else "from the balance"
    return f"order {body.order_no}: {amount} {body.currency} {way}"
