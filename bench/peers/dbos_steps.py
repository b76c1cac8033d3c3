"""What the peer's workflow runs as steps: the same transactions and the same calls as ours, on the same tables."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from activities.attempt_steps import AttemptSteps
from activities.channel import ChannelCalls
from activities.funds import Funds
from activities.inventory import Inventory
from activities.local_branches import LocalBranches
from activities.payment import PaymentSteps
from activities.webhook_guard import WebhookGuard
from channels.http import make_client
from channels.registry import Channels
from domain.commands import BranchesCommand, PaymentView
from domain.errors import BusinessError
from settings import Settings
from store.channel_accounts import ChannelAccounts
from store.database import Database
from store.secrets import SecretBox


class Refusal(NamedTuple):
    """A participant refused on purpose. A value, not an error: an error would have to survive being stored."""

    code: str
    detail: str


class Steps:
    """The connections of one process, and on them every step; each is one transaction, or one call between two."""

    def __init__(self, settings: Settings) -> None:
        self.database = Database.connect(settings.require_database_url(), pool_size=settings.database_pool_size)
        self.box = SecretBox(settings.require_secret_key())
        self.guard = WebhookGuard(allow_loopback=settings.development)
        self._http = make_client()
        channels = Channels(self._http)
        accounts = ChannelAccounts(self.database, self.box)
        self.payment = PaymentSteps(self.database, accounts, channels)
        self.attempts = AttemptSteps(self.database, accounts, channels)
        self.calls = ChannelCalls(self.database, accounts, channels, settings.public_url)
        self.branches = LocalBranches(self.database, (Inventory(), Funds()))

    async def hold(self, command: BranchesCommand) -> Refusal | None:
        """The participants hold what they must, or none does and this is why."""
        try:
            await self.branches.try_(command)
        except BusinessError as refused:
            return Refusal(refused.code, refused.detail)
        return None

    async def is_past(self, moment: datetime) -> bool:
        """Whether it has come. A step, because a workflow that runs again must decide as it did before."""
        return datetime.now(UTC) >= moment

    async def close(self) -> None:
        """Connections are closed."""
        await self._http.aclose()
        await self.guard.close()
        await self.database.close()


#: A step that answers the payment as its rows now say it is.
PaymentStep = Callable[[Any], Awaitable[PaymentView]]
