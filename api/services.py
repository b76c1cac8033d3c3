"""What routes work with; made once by the composition root."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from activities.webhook_guard import WebhookGuard
from api.admission import Admission
from api.cache import Remembered
from api.temporal import TemporalConnection
from channels.registry import Channels
from store.channel_accounts import ChannelAccounts
from store.database import Database
from store.secrets import SecretBox
from store.tables.merchants import ChannelAccountRow

#: A revoked key, or a changed channel account, is noticed within so many seconds.
REMEMBERED_S = 5.0


@dataclass(frozen=True)
class Services:
    """The process's connections and settings; `operator_key` is None when no operator may come."""

    database: Database
    box: SecretBox
    temporal: TemporalConnection
    channels: Channels
    guard: WebhookGuard
    public_url: str
    admission: Admission
    operator_key: str | None = field(default=None, repr=False)
    key_owners: Remembered[bytes, str] = field(default_factory=lambda: Remembered(REMEMBERED_S))
    enabled_accounts: Remembered[str, list[ChannelAccountRow]] = field(default_factory=lambda: Remembered(REMEMBERED_S))
    accounts: ChannelAccounts = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "accounts", ChannelAccounts(self.database, self.box))

    def callback_url(self, channel: str, account_id: str) -> str:
        """Where the channel tells us of this account's orders."""
        return f"{self.public_url}/callbacks/{channel}/{account_id}"


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


FromServices = Annotated[Services, Depends(_services)]
