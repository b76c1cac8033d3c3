"""The one place where transactions begin and commit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from store.failpoints import Failpoints
from store.session import Session

# Below the two seconds of a local activity, so that the database gives up before the engine does.
LOCK_TIMEOUT_MS = 1_200
STATEMENT_TIMEOUT_MS = 1_600
IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 3
POOL_TIMEOUT_S = 3


class Database:
    """A pool of connections as the application role, and a count of what was committed and read.

    State is never left on a connection: limits are set when it is made, everything else is `SET LOCAL`.
    """

    def __init__(self, engine: AsyncEngine, failpoints: Failpoints | None = None) -> None:
        self._engine = engine
        self._failpoints = failpoints
        self.commits: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()

    @classmethod
    def connect(cls, url: str, *, pool_size: int = 16, failpoints: Failpoints | None = None) -> Self:
        """A database behind `url` (`postgresql+asyncpg://…`); connections are made when first needed."""
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            pool_use_lifo=True,
            json_deserializer=orjson.loads,
            hide_parameters=True,  # an error's text reaches logs and workflows, its parameters must not (law 14)
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "server_settings": {
                    "application_name": "paysaga",
                    "jit": "off",
                    "lock_timeout": str(LOCK_TIMEOUT_MS),
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
                },
            },
        )
        return cls(engine, failpoints)

    @asynccontextmanager
    async def transaction(self, name: str, key: str = "") -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises.

        SwallowedFailure when a statement of the block failed, and the block ends all the same. `name` is the step,
        counted in `commits`; `key` is the business object, for failpoints.
        """
        async with self._session() as session:
            await session.start()
            yield session
            await self.reach(f"{name}:before", key)
            await session.keep()
        self.commits[name] += 1
        await self.reach(f"{name}:after", key)

    @asynccontextmanager
    async def reading(self, name: str = "other") -> AsyncIterator[AsyncSession]:
        """A session for reads, each statement for itself; nothing is written. Counted in `reads` by `name`."""
        async with self._session() as session:
            yield session
        self.reads[name] += 1

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        session = await Session.borrow(self._engine)
        try:
            yield session
        except asyncio.CancelledError:  # a statement may be under way, and nobody waits for its answer
            await session.end(cut=True)
            raise
        finally:
            await session.end()

    async def reach(self, point: str, key: str) -> None:
        """A failpoint: nothing happens unless it is armed."""
        if self._failpoints is not None:
            await self._failpoints.reach(point, key)

    async def close(self) -> None:
        """All connections are closed."""
        await self._engine.dispose()
