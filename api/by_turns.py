"""A call that changes something is let in by its merchant's turn (`api/admission.py`)."""

from collections.abc import AsyncIterator

from fastapi import Request

from api.auth import AnyCaller
from api.post_limit import arrived_now
from api.services import FromServices

READS = frozenset({"GET", "HEAD", "OPTIONS"})
#: The operator's calls have a line of their own.
OPERATOR = ""


async def by_turns(request: Request, caller: AnyCaller, services: FromServices) -> AsyncIterator[None]:
    """The call works once it has a turn; RateLimited, Unavailable. Reads need none."""
    if request.method in READS:
        yield
        return
    arrived_now()
    async with services.admission.turn(caller.merchant_id or OPERATOR):
        yield
