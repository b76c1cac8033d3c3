"""The time that a POST may take, and what is tried again within it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

POST_LIMIT_S = 8
#: What a claim leaves of it for the start of the workflow.
START_TAKES_S = 3
PAUSE_S = 0.05

#: A statement that waited too long, a lock that was not had in time, a deadlock, a claim dropped at this very moment.
_PASSING = frozenset({"57014", "55P03", "40P01", "40001"})

Claimed = TypeVar("Claimed")

_log = structlog.get_logger("starts")


class PostLimit:
    """Eight seconds from its making, for the claim and for the start after it."""

    def __init__(self) -> None:
        self.ends_at = asyncio.get_running_loop().time() + POST_LIMIT_S

    async def repeat(self, claim: Callable[[], Awaitable[Claimed]]) -> Claimed:
        """What the claim answers; one that the database could not end is asked again, while there is time.

        A claim is repeatable: it finds its own rows if the connection was lost between the commit and its answer.
        """
        while True:
            try:
                return await claim()
            except (DBAPIError, OSError) as error:
                if not (_passes(error) and self._leaves_time()):
                    raise
                _log.warning("claim_repeated", reason=_reason(error))
            await asyncio.sleep(PAUSE_S)

    def _leaves_time(self) -> bool:
        return asyncio.get_running_loop().time() < self.ends_at - START_TAKES_S


def _passes(error: DBAPIError | OSError) -> bool:
    if isinstance(error, OSError):
        return True
    lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return lost or getattr(error.orig, "sqlstate", None) in _PASSING


def _reason(error: DBAPIError | OSError) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or type(error).__name__)
