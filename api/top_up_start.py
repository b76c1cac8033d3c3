"""From a POST to a running top-up: a payment into a wallet, whose number is used once and for ever."""

from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from api.bodies import TopUpBody
from api.collecting_start import CollectingStart, start_collecting
from api.idempotency import request_hash
from api.post_limit import PostLimit
from api.routing import Wanted, route
from api.services import Services
from api.settling import check_notify_url, require_auth_code
from domain.errors import AccountClosed, ChannelNotConfigured, CurrencyMismatch, UnknownAccount
from domain.ids import AccountId, new_top_up_id
from domain.money import Money
from domain.objects import TopUpObject, render_top_up
from domain.orders import PaymentOrder
from domain.states import Invoke, Operation, Purpose
from ledger.accounts import read_account
from ledger.chart import AccountKind
from store.operations import ClaimedOperation, OperationClaim, claim_operation
from store.requests import Claimed, keep_request
from store.tables.merchants import ChannelAccountRow


@dataclass(frozen=True)
class AskedTopUp:
    """One POST: whose, what, and under which key."""

    merchant_id: str
    body: TopUpBody
    key: str | None
    limit: PostLimit = field(default_factory=PostLimit)


async def open_top_up(services: Services, asked: AskedTopUp) -> tuple[TopUpObject, bool]:
    """The top-up exists and runs, and whether an earlier call made it; answered after at most eight seconds.

    Whatever is wrong with the request is raised before anything is started. Unavailable or IdempotencyInProgress when
    the same call must be repeated.
    """
    body = asked.body
    check_notify_url(body.notify_url, services.guard)
    require_auth_code(body.invoke, body.payer.auth_code)
    account = await _route(services, asked)
    claimed = await _claim(services, asked, account)
    channel = account.channel if isinstance(account, ChannelAccountRow) else None
    start = CollectingStart(
        merchant_id=asked.merchant_id,
        purpose=Purpose.TOP_UP,
        number=body.top_up_no,
        channel=channel,
        summary=_summary(body, channel),
        limit=asked.limit,
    )
    snapshot = await start_collecting(services, claimed, start)
    return render_top_up(snapshot, with_pay=True), claimed.replayed


async def _route(services: Services, asked: AskedTopUp) -> ChannelAccountRow | ChannelNotConfigured:
    """Outside the transaction; that none can do it only matters to a top-up that is new."""
    body = asked.body
    money = Money(amount_minor=body.amount_minor, currency=body.currency)
    wanted = Wanted(money, body.invoke or Invoke.QR, body.channel, reaches_us=True)
    try:
        return await route(services, asked.merchant_id, wanted)
    except ChannelNotConfigured as error:
        return error


async def _claim(services: Services, asked: AskedTopUp, account: ChannelAccountRow | ChannelNotConfigured) -> Claimed:
    """One transaction: the number is claimed; a new one is settled and its request kept."""
    body = asked.body
    claim = OperationClaim(
        merchant_id=asked.merchant_id,
        operation=Operation.TOP_UP,
        number=body.top_up_no,
        request_hash=request_hash(body),
        new_id=new_top_up_id(),
        body={},
        key=asked.key,
    )

    async def claim_once() -> ClaimedOperation:
        async with services.database.transaction("top_up.claim", claim.new_id) as session:
            claimed = await claim_operation(session, claim)
            if not claimed.replayed:
                if isinstance(account, ChannelNotConfigured):
                    raise account
                await _require_wallet(session, asked)
                await keep_request(session, claimed.object_id, asked.merchant_id, _order(body, account))
        return claimed

    claimed = await asked.limit.repeat(claim_once)
    replayed = claimed.replayed and claimed.object_id != claim.new_id
    return Claimed(payment_id=claimed.object_id, replayed=replayed, opened=claimed.opened)


async def _require_wallet(session: AsyncSession, asked: AskedTopUp) -> None:
    """A wallet of the merchant's that takes credits: a blocked one does, a closed one does not."""
    account = await read_account(session, AccountId(asked.body.account_id))
    if account.merchant_id != asked.merchant_id or account.kind is not AccountKind.WALLET:
        raise UnknownAccount(fields={"account_id": "unknown"})
    if account.currency is not asked.body.currency:
        raise CurrencyMismatch(fields={"account_id": f"an account in {account.currency}"})
    if account.closed_at is not None:
        raise AccountClosed


def _order(body: TopUpBody, account: ChannelAccountRow) -> PaymentOrder:
    """What `open` makes the top-up from."""
    asked = body.model_dump(mode="json", exclude={"top_up_no", "account_id", "channel", "invoke"})
    return PaymentOrder.model_validate(
        asked
        | {
            "purpose": Purpose.TOP_UP,
            "order_no": body.top_up_no,
            "to_account_id": body.account_id,
            "channel": account.channel,
            "channel_account_id": account.id,
            "invoke": body.invoke or Invoke.QR,
        }
    )


def _summary(body: TopUpBody, channel: str | None) -> str:
    amount = Money(amount_minor=body.amount_minor, currency=body.currency).to_major_text()
    way = f" by {channel} {body.invoke or Invoke.QR}" if channel else ""
    return f"top-up {body.top_up_no}: {amount} {body.currency}{way}"
