"""Channel accounts with their secrets opened, remembered for a few seconds."""

import time

from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import NotFound
from store.database import Database
from store.secrets import SecretBox
from store.tables.merchants import ChannelAccountRow

REMEMBERED_S = 10.0


class OpenedAccount:
    """A channel account's row and its secrets in clear; never printed."""

    def __init__(self, row: ChannelAccountRow, secrets: dict[str, str]) -> None:
        self.row = row
        self.secrets = secrets


class ChannelAccounts:
    """Reads each account at most once in ten seconds, so that a hot path does not decrypt at every call."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box
        self._remembered: dict[str, tuple[float, OpenedAccount]] = {}

    async def get(self, account_id: str) -> OpenedAccount:
        """The account; NotFound when there is none."""
        until, account = self._remembered.get(account_id, (0.0, None))
        if account is not None and time.monotonic() < until:
            return account
        async with self._database.reading() as session:
            account = await self._read(session, account_id)
        self._remembered[account_id] = (time.monotonic() + REMEMBERED_S, account)
        return account

    async def _read(self, session: AsyncSession, account_id: str) -> OpenedAccount:
        row = await session.get(ChannelAccountRow, account_id)
        if row is None:
            raise NotFound("no such channel account")
        return OpenedAccount(row, self._box.open(row.secrets))
