"""Where a merchant is told, and the secret that signs it."""

from datetime import datetime, timedelta

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from activities.webhook_signing import new_webhook_secret, seal_webhook_secret
from api.audit_rows import note
from api.auth import Caller
from api.services import Services
from api.setup_bodies import WebhookBody
from domain.errors import NotFound, WebhookUrlRefused
from domain.ids import new_id
from domain.resources import WebhookObject
from store.clock import database_now
from store.tables.merchants import Merchant, WebhookEndpoint

PREVIOUS_SIGNS_FOR = timedelta(days=1)


async def put_webhook(services: Services, caller: Caller, merchant_id: str, body: WebhookBody) -> WebhookObject:
    """Events go there from now on. The secret is answered when it is new; a rotated one signs for a day more."""
    await _check(services, body.url)
    secret = new_webhook_secret()
    sealed = seal_webhook_secret(services.box, secret)
    async with services.database.transaction("webhook.put", merchant_id) as session:
        if await session.get(Merchant, merchant_id) is None:
            raise NotFound("there is no such merchant")
        fresh = await _insert(session, merchant_id, body, sealed)
        wanted = select(WebhookEndpoint).where(WebhookEndpoint.merchant_id == merchant_id).with_for_update()
        endpoint = (await session.scalars(wanted)).one()
        if not fresh:
            _change(endpoint, body, sealed, at=await database_now(session))
            session.add(endpoint)
        told = body.model_dump(mode="json")
        await note(session, caller, "webhook.put", merchant_id, after=told)
    shows_secret = fresh or body.rotate_secret
    return WebhookObject.model_validate(
        {**endpoint.model_dump(exclude={"secret", "previous_secret"}), "secret": secret if shows_secret else None}
    )


async def _check(services: Services, url: str) -> None:
    """WebhookUrlRefused, with the field's name."""
    try:
        await services.guard.check(url)
    except WebhookUrlRefused as refused:
        raise WebhookUrlRefused(refused.detail, fields={"url": refused.detail}) from refused


async def _insert(session: AsyncSession, merchant_id: str, body: WebhookBody, sealed: bytes) -> bool:
    """True when the merchant had none."""
    columns = {"merchant_id": merchant_id, "url": body.url, "events": body.events, "secret": sealed}
    statement = insert(WebhookEndpoint).values(id=new_id("whk"), **columns).on_conflict_do_nothing()
    inserted = await session.execute(statement.returning(col(WebhookEndpoint.id)))
    return inserted.one_or_none() is not None


def _change(endpoint: WebhookEndpoint, body: WebhookBody, sealed: bytes, *, at: datetime) -> None:
    endpoint.url, endpoint.events = body.url, body.events
    endpoint.version += 1
    if body.rotate_secret:
        endpoint.previous_secret, endpoint.previous_until = endpoint.secret, at + PREVIOUS_SIGNS_FOR
        endpoint.secret = sealed
