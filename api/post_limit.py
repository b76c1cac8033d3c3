"""The time that a POST may take, and what is tried again within it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

POST_LIMIT_S = 8
#: What a claim leaves of it for the start of the workflow.
START_TAKES_S = 3
PAUSE_S = 0.05

#: SQLSTATE classes that say nothing about the request: connection, resources, operator, lock and transaction failures.
_PASSING = ("08", "25P03", "40", "53", "55P03", "57")

Claimed = TypeVar("Claimed")

_log = structlog.get_logger("starts")
_arrived_at: ContextVar[float | None] = ContextVar("arrived_at", default=None)


def arrived_now() -> None:
    """The time of the call that this task answers counts from now."""
    _arrived_at.set(asyncio.get_running_loop().time())


class PostLimit:
    """Eight seconds from the arrival of the call, for its turn, the claim, and the start after it."""

    def __init__(self) -> None:
        self.ends_at = (_arrived_at.get() or asyncio.get_running_loop().time()) + POST_LIMIT_S

    async def repeat(self, claim: Callable[[], Awaitable[Claimed]]) -> Claimed:
        """What the claim answers; one that the database could not end is asked again, while there is time.

        A claim is repeatable: it finds its own rows if the connection was lost between the commit and its answer.
        """
        while True:
            try:
                return await claim()
            except (DBAPIError, OSError) as error:
                if not (passes(error) and self._leaves_time()):
                    raise
                _log.warning("claim_repeated", reason=_reason(error))
            await asyncio.sleep(PAUSE_S)

    def _leaves_time(self) -> bool:
        return asyncio.get_running_loop().time() < self.ends_at - START_TAKES_S


def passes(error: DBAPIError | OSError) -> bool:
    """True when the same call may well succeed a moment later; what is wrong with a statement never passes."""
    if isinstance(error, OSError):
        return True
    sqlstate = getattr(error.orig, "sqlstate", None)
    lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    # Without a state of the server's it is the driver that met the end of a connection.
    return lost or (sqlstate is None and isinstance(error, InternalError)) or (sqlstate or "").startswith(_PASSING)


def _reason(error: DBAPIError | OSError) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or type(error).__name__)
