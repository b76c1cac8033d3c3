"""The endpoints that merchants registered, as the feed needs them: what each wants, and what signs for it."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from activities.delivery_rows import sealed_secrets
from activities.event_targets import Subscription

_ENDPOINTS = text("""
    SELECT merchant_id, url, events, secret, previous_secret, previous_until
    FROM webhook_endpoint WHERE merchant_id = ANY(:ids)
""").columns(events=JSONB)


@dataclass(frozen=True)
class Endpoint:
    """A merchant's webhook; secrets are sealed, the newest first."""

    subscription: Subscription
    sealed_secrets: tuple[bytes, ...]


async def read_endpoints(session: AsyncSession, merchant_ids: Collection[str]) -> dict[str, Endpoint]:
    """The endpoints of these merchants, by merchant; one without a webhook is missing."""
    if not merchant_ids:
        return {}
    rows = (await session.execute(_ENDPOINTS, {"ids": sorted(merchant_ids)})).mappings()
    return {
        row["merchant_id"]: Endpoint(Subscription(row["url"], tuple(row["events"])), sealed_secrets(dict(row)))
        for row in rows
    }
