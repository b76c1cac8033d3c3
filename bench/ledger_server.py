"""A database with the book, of the measurement's own: durable as in production, in a folder that is gone afterwards."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg

from devstack.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from store.database import Database
from store.migrate import migrate

DATABASE = "paysaga"


class LedgerServer:
    """PostgreSQL with the settings of `make up`; whoever connects is the application role."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="paysaga-bench-"))
        self._postgres = EmbeddedPostgres(self._folder / "postgres")

    async def start(self) -> None:
        """It answers, and the database is at the newest revision."""
        self._postgres.start()
        self._postgres.create_database(DATABASE)
        await migrate(self._postgres.url(OWNER_ROLE, DATABASE))

    @asynccontextmanager
    async def connections(self, count: int) -> AsyncIterator[list[asyncpg.Connection]]:
        """So many connections of the plain driver."""
        host = str(self._postgres.socket_folder)
        async with AsyncExitStack() as stack:
            made = []
            for _ in range(count):
                made.append(await asyncpg.connect(host=host, user=APP_ROLE, database=DATABASE))
                stack.push_async_callback(made[-1].close)
            yield made

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """The pool of a worker that only folds."""
        made = Database.connect(self._postgres.url(APP_ROLE, DATABASE), pool_size=1)
        try:
            yield made
        finally:
            await made.close()

    def stop(self) -> None:
        """The server has ended, its folder is gone."""
        self._postgres.destroy()
        shutil.rmtree(self._folder, ignore_errors=True)
