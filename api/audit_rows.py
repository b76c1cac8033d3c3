"""What an operator's call leaves in the audit."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Caller
from api.services import Services
from store import audit


async def note(session: AsyncSession, caller: Caller, action: str, object_id: str, **details: Any) -> None:  # noqa: ANN401
    """The operator's act is appended in this transaction; nothing for a merchant. `reason`, `before` and `after`."""
    if caller.is_operator:
        act = audit.Act(actor=caller.actor, action=action, object_id=object_id, request_id=caller.request_id, **details)
        await audit.append(session, act)


async def note_first(services: Services, caller: Caller, action: str, object_id: str, **details: Any) -> None:  # noqa: ANN401
    """The operator's wish is kept before it is carried out elsewhere; nothing for a merchant."""
    if caller.is_operator:
        async with services.database.transaction("audit.note", object_id) as session:
            await note(session, caller, action, object_id, **details)
