"""A validated body becomes a settled order: prices, payer and channel account are looked up, amounts must add up."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.webhook_guard import WebhookGuard
from api.bodies import LineBody, PaymentBody
from domain.errors import (
    AmountMismatch,
    CurrencyMismatch,
    InvalidRequest,
    UnknownAccount,
    UnknownSku,
    WebhookUrlRefused,
)
from domain.ids import AccountId
from domain.orders import OrderLine, PaymentOrder
from domain.states import Invoke
from ledger.accounts import read_account
from ledger.chart import AccountKind
from store.tables.merchants import ChannelAccountRow

_PRICES = text("SELECT sku, unit_price_minor, currency FROM sku WHERE merchant_id = :merchant_id AND sku = ANY(:skus)")


def check_shape(body: PaymentBody, guard: WebhookGuard) -> None:
    """Nothing when the body makes sense by itself; InvalidRequest, AmountMismatch or WebhookUrlRefused otherwise."""
    check_notify_url(body.notify_url, guard)
    if body.balance_minor > body.amount_minor:
        raise AmountMismatch("the balance part is above the amount", fields={"balance_minor": "above amount_minor"})
    if body.balance_minor and body.payer.account_id is None:
        raise InvalidRequest(fields={"payer.account_id": "required with balance_minor"})
    require_auth_code(body.invoke, body.payer.auth_code)


def check_notify_url(url: str | None, guard: WebhookGuard) -> None:
    """Nothing when events may be told there; WebhookUrlRefused otherwise."""
    if url is None:
        return
    try:
        guard.check_shape(url)
    except WebhookUrlRefused as refused:
        raise WebhookUrlRefused(refused.detail, fields={"notify_url": refused.detail}) from refused


def require_auth_code(invoke: Invoke | None, auth_code: str | None) -> None:
    """Nothing when the payer's code is there where it is needed; InvalidRequest otherwise."""
    if invoke is Invoke.BARCODE and auth_code is None:
        raise InvalidRequest(fields={"payer.auth_code": "required for barcode"})


async def settle(
    session: AsyncSession, merchant_id: str, body: PaymentBody, channel_account: ChannelAccountRow | None
) -> PaymentOrder:
    """The order that `open` makes the payment from.

    UnknownSku, UnknownAccount, CurrencyMismatch, AmountMismatch. `channel_account` collects what the balance does not.
    """
    await _check_payer(session, merchant_id, body)
    lines = await _priced(session, merchant_id, body)
    order = PaymentOrder.model_validate(
        body.model_dump(mode="json", exclude={"lines", "channel", "invoke", "capture"})
        | {"lines": lines, **_collected_by(body, channel_account)}
    )
    if not order.adds_up():
        expected_minor = order.lines_minor() + order.shipping_minor
        raise AmountMismatch(
            f"lines and shipping come to {expected_minor}", fields={"amount_minor": f"expected {expected_minor}"}
        )
    return order


def _collected_by(body: PaymentBody, account: ChannelAccountRow | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"channel": account.channel, "channel_account_id": account.id, "invoke": body.invoke or Invoke.QR}


async def _check_payer(session: AsyncSession, merchant_id: str, body: PaymentBody) -> None:
    if body.payer.account_id is None:
        return
    account = await read_account(session, AccountId(body.payer.account_id))
    if account.merchant_id != merchant_id or account.kind is not AccountKind.WALLET:
        raise UnknownAccount(fields={"payer.account_id": "unknown"})
    if account.currency is not body.currency:
        raise CurrencyMismatch(fields={"payer.account_id": f"an account in {account.currency}"})


async def _priced(session: AsyncSession, merchant_id: str, body: PaymentBody) -> tuple[OrderLine, ...]:
    catalogue = await _catalogue(session, merchant_id, body.lines) if body.lines else {}
    return tuple(
        _line(line, catalogue.get(line.sku), body=body, position=position) for position, line in enumerate(body.lines)
    )


def _line(line: LineBody, sku: Row[Any] | None, *, body: PaymentBody, position: int) -> OrderLine:
    field = f"lines[{position}].sku"
    if sku is None:
        raise UnknownSku(fields={field: "unknown"})
    if sku.currency != body.currency:
        raise CurrencyMismatch(fields={field: f"priced in {sku.currency}"})
    price_minor = sku.unit_price_minor if line.unit_price_minor is None else line.unit_price_minor
    return OrderLine(sku=line.sku, quantity=line.quantity, unit_price_minor=price_minor, warehouse=line.warehouse)


async def _catalogue(session: AsyncSession, merchant_id: str, lines: Sequence[LineBody]) -> dict[str, Row[Any]]:
    wanted = {"merchant_id": merchant_id, "skus": sorted({line.sku for line in lines})}
    return {row.sku: row for row in await session.execute(_PRICES, wanted)}
