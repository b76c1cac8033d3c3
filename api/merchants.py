"""Onboarding by the operator: merchants, their contracts with channels, their keys, and where they are told."""

from fastapi import Response

from api.account_reading import merchant_balances
from api.answers import answer
from api.auth import AnyCaller, OperatorCaller
from api.documentation import FOR_A_REQUIRED_KEY, problems
from api.fields import IdInPath
from api.idempotency import REPLAYED, RequiredIdempotencyKey
from api.json_bodies import JsonRouter
from api.merchant_rows import add_channel, add_key, add_merchant, merchant_now, revoke_key
from api.services import FromServices
from api.setup_bodies import ChannelBody, KeyBody, MerchantBody, WebhookBody
from api.webhook_rows import put_webhook
from domain.errors import ChannelNotConfigured, NotFound, WebhookUrlRefused
from domain.resources import ChannelAccountObject, KeyObject, MerchantBalancesObject, MerchantObject, WebhookObject

router = JsonRouter(prefix="/v1/merchants", tag="merchants")


@router.post("", status_code=201, response_model=MerchantObject, responses=problems(*FOR_A_REQUIRED_KEY))
async def make_merchant(
    body: MerchantBody, caller: OperatorCaller, key: RequiredIdempotencyKey, services: FromServices
) -> Response:
    """Make a merchant."""
    merchant, replayed = await add_merchant(services, caller, body=body, key=key)
    return answer(merchant, 201, REPLAYED if replayed else None)


@router.get("/{merchant_id}", response_model=MerchantObject, responses=problems(NotFound))
async def get_merchant(merchant_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read a merchant."""
    caller.require_self(merchant_id)
    return answer(await merchant_now(services, merchant_id))


@router.get("/{merchant_id}/balances", response_model=MerchantBalancesObject, responses=problems(NotFound))
async def get_balances(merchant_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read what a merchant has and owes, by currency."""
    caller.require_self(merchant_id)
    await merchant_now(services, merchant_id)
    return answer(await merchant_balances(services, merchant_id))


@router.post(
    "/{merchant_id}/channels",
    status_code=201,
    response_model=ChannelAccountObject,
    responses=problems(*FOR_A_REQUIRED_KEY, NotFound, ChannelNotConfigured),
)
async def make_channel_account(
    merchant_id: IdInPath,
    body: ChannelBody,
    caller: OperatorCaller,
    key: RequiredIdempotencyKey,
    services: FromServices,
) -> Response:
    """Add a merchant's contract with a channel; `funds_holder` never changes afterwards."""
    account, replayed = await add_channel(services, caller, merchant_id, body=body, key=key)
    return answer(account, 201, REPLAYED if replayed else None)


@router.post(
    "/{merchant_id}/keys", status_code=201, response_model=KeyObject, responses=problems(*FOR_A_REQUIRED_KEY, NotFound)
)
async def make_key(
    merchant_id: IdInPath, body: KeyBody, caller: OperatorCaller, key: RequiredIdempotencyKey, services: FromServices
) -> Response:
    """Make an API key; it is shown in this answer and never again."""
    made, replayed = await add_key(services, caller, merchant_id, body=body, key=key)
    return answer(made, 201, REPLAYED if replayed else None)


@router.delete("/{merchant_id}/keys/{key_id}", response_model=KeyObject, responses=problems(NotFound))
async def end_key(merchant_id: IdInPath, key_id: IdInPath, caller: OperatorCaller, services: FromServices) -> Response:
    """Revoke an API key; it stops working within seconds."""
    return answer(await revoke_key(services, caller, merchant_id, key_id))


@router.put("/{merchant_id}/webhook", response_model=WebhookObject, responses=problems(NotFound, WebhookUrlRefused))
async def set_webhook(merchant_id: IdInPath, body: WebhookBody, caller: AnyCaller, services: FromServices) -> Response:
    """Say where events are told; the signing secret is shown when it is made."""
    caller.require_self(merchant_id)
    return answer(await put_webhook(services, caller, merchant_id, body))
