"""A merchant in the tables, whose objects change."""

from typing import Any

from sqlalchemy import text

from activities.webhook_signing import new_webhook_secret, seal_webhook_secret
from domain.ids import new_id
from store.database import Database
from store.secrets import SecretBox
from store.tables.events import Event
from store.tables.merchants import Merchant, WebhookEndpoint


def as_stored(event_type: str, snapshot: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - the shape of `Render`
    """The snapshot itself, where a test is not about how objects look."""
    return snapshot


class Business:
    """One merchant and its webhook."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self.database = database
        self.box = box
        self.merchant_id = new_id("mer")
        self.secret = new_webhook_secret()

    async def sign_up(self) -> None:
        """The merchant exists."""
        async with self.database.transaction("test") as session:
            session.add(Merchant(id=self.merchant_id, name="Shop", metadata_={}))

    async def listen(self, url: str, *patterns: str) -> None:
        """The endpoint exists; without patterns it wants everything."""
        endpoint = WebhookEndpoint(
            id=new_id("whe"),
            merchant_id=self.merchant_id,
            url=url,
            events=list(patterns) or ["*"],
            secret=seal_webhook_secret(self.box, self.secret),
        )
        async with self.database.transaction("test") as session:
            session.add(endpoint)

    def event(self, object_id: str = "", *, version: int = 1, notify_url: str | None = None) -> Event:
        """A change of an object, not written yet."""
        return Event(
            id=new_id("evt"),
            merchant_id=self.merchant_id,
            type="payment.succeeded",
            object_id=object_id or new_id("pay"),
            object_version=version,
            snapshot={"payment": {"notify_url": notify_url}},
        )

    async def tell(self, *, notify_url: str | None = None) -> str:
        """A change that is committed; the event's id."""
        event = self.event(notify_url=notify_url)
        async with self.database.transaction("test") as session:
            session.add(event)
        return event.id

    async def rows(self, sql: str, **values: object) -> list[dict[str, Any]]:
        """What the tables hold now."""
        async with self.database.reading() as session:
            result = await session.execute(text(sql), values)
            return [dict(row) for row in result.mappings()]

    async def change(self, sql: str, **values: object) -> None:
        """The tables hold something else."""
        async with self.database.transaction("test") as session:
            await session.execute(text(sql), values)

    async def deliveries(self) -> list[dict[str, Any]]:
        """All deliveries, oldest first."""
        return await self.rows("SELECT * FROM delivery ORDER BY id")
