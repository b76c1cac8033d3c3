"""The audit for operators: what was done by hand, newest first."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from api.answers import Page, PageQuery, page
from api.auth import OperatorCaller
from api.documentation import problems
from api.fields import Token
from api.json_bodies import JsonRouter
from api.services import FromServices
from domain.errors import InvalidRequest
from domain.resources import OperatorActionObject
from store.audit import ActFilter, actions

router = JsonRouter(prefix="/v1/audit", tag="operations")

#: Within what PostgreSQL takes for a number.
_SEQ_DIGITS_MAX = 18


class AuditQuery(PageQuery):
    """What is left out does not matter."""

    object_id: Token | None = None
    action: Annotated[Token, Field(examples=["account.block"])] | None = None


@router.get("", response_model=Page[OperatorActionObject], responses=problems())
async def list_actions(_: OperatorCaller, services: FromServices, query: Annotated[AuditQuery, Query()]) -> Response:
    """List what operators did, newest first."""
    wanted = ActFilter(object_id=query.object_id, action=query.action, before=_cursor(query.after))
    async with services.database.reading() as session:
        rows = await actions(session, wanted, limit=query.limit)
    items = [OperatorActionObject.model_validate(row.model_dump()) for row in rows]
    return page(items, query.limit, str(rows[-1].seq) if rows else None)


def _cursor(after: str | None) -> int | None:
    if after is None:
        return None
    if not after.isdecimal() or not after.isascii() or len(after) > _SEQ_DIGITS_MAX:
        raise InvalidRequest(fields={"after": "not a cursor of this list"})
    return int(after)
