"""What onboarding writes."""

import secrets
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.audit_rows import note
from api.auth import Caller
from api.idempotency import request_hash
from api.services import Services
from api.setup_bodies import ChannelBody, KeyBody, MerchantBody
from channels.errors import Misconfigured, Unsupported
from domain.errors import ChannelNotConfigured, InvalidRequest, NotFound
from domain.ids import new_id
from domain.resources import ChannelAccountObject, KeyObject, MerchantObject
from store.clock import database_now
from store.requests import ObjectClaim, claim_object
from store.secrets import key_hash
from store.tables.merchants import ApiKey, ChannelAccountRow, Merchant

#: Whose keys the operator's own calls are scoped by.
OPERATOR = "operator"
KEY_BYTES = 24


async def add_merchant(
    services: Services, caller: Caller, *, body: MerchantBody, key: str | None
) -> tuple[MerchantObject, bool]:
    """The merchant exists; with a key that came before, it is the one of then."""
    async with services.database.transaction("merchant.add") as session:
        claim = ObjectClaim(OPERATOR, "merchants", request_hash(body), new_id("mer"), key)
        merchant_id, replayed = await claim_object(session, claim)
        if not replayed:
            fields = body.model_dump(exclude={"metadata"})
            session.add(Merchant(id=merchant_id, metadata_=body.metadata, **fields))
            await note(session, caller, "merchant.add", merchant_id, after=body.model_dump(mode="json"))
        merchant = await _require(session, merchant_id)
        return _merchant(merchant), replayed


async def merchant_now(services: Services, merchant_id: str) -> MerchantObject:
    """The merchant; NotFound when there is none."""
    async with services.database.reading() as session:
        return _merchant(await _require(session, merchant_id))


async def add_channel(
    services: Services, caller: Caller, merchant_id: str, *, body: ChannelBody, key: str | None
) -> tuple[ChannelAccountObject, bool]:
    """The contract exists; InvalidRequest says what its channel misses, ChannelNotConfigured that there is no such."""
    _check_contract(services, body)
    async with services.database.transaction("channel.add", merchant_id) as session:
        await _require(session, merchant_id)
        claim = ObjectClaim(merchant_id, "channels", request_hash(body), new_id("cha"), key)
        account_id, replayed = await claim_object(session, claim)
        if not replayed:
            session.add(_channel_row(services, body, account_id=account_id, merchant_id=merchant_id))
            contract = body.model_dump(mode="json", exclude={"secrets", "config"})
            await note(session, caller, "channel.add", account_id, after=contract | {"merchant_id": merchant_id})
        row = await session.get_one(ChannelAccountRow, account_id)
        await session.refresh(row)
    services.enabled_accounts.forget(merchant_id)
    return _channel(services, row), replayed


async def add_key(
    services: Services, caller: Caller, merchant_id: str, *, body: KeyBody, key: str | None
) -> tuple[KeyObject, bool]:
    """The key works at once; a replay answers without the key itself, which is kept nowhere."""
    api_key = f"psk_{secrets.token_urlsafe(KEY_BYTES)}"
    async with services.database.transaction("key.add", merchant_id) as session:
        await _require(session, merchant_id)
        claim = ObjectClaim(merchant_id, "keys", request_hash(body), new_id("key"), key)
        key_id, replayed = await claim_object(session, claim)
        if not replayed:
            session.add(ApiKey(id=key_id, merchant_id=merchant_id, secret_hash=key_hash(api_key)))
            await note(session, caller, "key.add", key_id, after={"merchant_id": merchant_id})
        row = await session.get_one(ApiKey, key_id)
        await session.refresh(row)
    return _key(row, None if replayed else api_key), replayed


async def revoke_key(services: Services, caller: Caller, merchant_id: str, key_id: str) -> KeyObject:
    """The key is revoked, here at once and elsewhere within seconds; NotFound for another merchant's."""
    async with services.database.transaction("key.revoke", key_id) as session:
        row = await session.get(ApiKey, key_id)
        if row is None or row.merchant_id != merchant_id:
            raise NotFound("there is no such key")
        row.revoked_at = row.revoked_at or await database_now(session)
        await note(session, caller, "key.revoke", key_id)
    services.key_owners.forget(row.secret_hash)
    return _key(row, None)


def _check_contract(services: Services, body: ChannelBody) -> None:
    try:
        services.channels.channel(body.channel).validate_account(body.config, body.secrets)
    except Unsupported as error:
        raise ChannelNotConfigured("there is no such channel", fields={"channel": "unknown"}) from error
    except Misconfigured as error:
        raise InvalidRequest(str(error), fields={"config": "see detail"}) from error


def _channel_row(services: Services, body: ChannelBody, *, account_id: str, merchant_id: str) -> ChannelAccountRow:
    return ChannelAccountRow(
        id=account_id,
        merchant_id=merchant_id,
        channel=body.channel,
        currency=body.currency,
        funds_holder=body.funds_holder,
        fee_rate_bps=body.fee.rate_bps,
        fee_fixed_minor=body.fee.fixed_minor,
        fee_cap_minor=body.fee.cap_minor,
        config=body.config,
        secrets=services.box.seal(dict(body.secrets)),
        enabled=body.enabled,
    )


async def _require(session: AsyncSession, merchant_id: str) -> Merchant:
    merchant = await session.get(Merchant, merchant_id)
    if merchant is None:
        raise NotFound("there is no such merchant")
    await session.refresh(merchant)
    return merchant


def _merchant(row: Merchant) -> MerchantObject:
    return MerchantObject.model_validate({**row.model_dump(), "metadata": row.metadata_})


def _channel(services: Services, row: ChannelAccountRow) -> ChannelAccountObject:
    fee = {"rate_bps": row.fee_rate_bps, "fixed_minor": row.fee_fixed_minor, "cap_minor": row.fee_cap_minor}
    shown: dict[str, Any] = row.model_dump(exclude={"secrets"})
    shown |= {
        "fee": fee,
        "state": "enabled" if row.enabled else "disabled",
        "callback_url": services.callback_url(row.channel, row.id),
    }
    return ChannelAccountObject.model_validate(shown)


def _key(row: ApiKey, api_key: str | None) -> KeyObject:
    state = "active" if row.revoked_at is None else "revoked"
    return KeyObject.model_validate({**row.model_dump(exclude={"secret_hash"}), "state": state, "api_key": api_key})
