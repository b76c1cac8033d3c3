"""What the scheduled looks at the book found, for operators: newest first."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query, Response

from api.answers import Page, PageQuery, page
from api.auth import OperatorCaller
from api.documentation import problems
from api.fields import Token
from api.json_bodies import JsonRouter
from api.services import FromServices
from domain.errors import InvalidRequest
from domain.verification import FindingObject, FindingState
from store.findings import FindingFilter, FindingPlace, findings

router = JsonRouter(prefix="/v1/findings", tag="operations")

_CURSOR = re.compile(r"(\d{1,17})\.([0-9a-f]{32})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FindingQuery(PageQuery):
    """What is left out does not matter."""

    state: FindingState | None = None
    rule: Token | None = None
    object_id: Token | None = None


@router.get("", response_model=Page[FindingObject], responses=problems())
async def list_findings(_: OperatorCaller, services: FromServices, query: Annotated[FindingQuery, Query()]) -> Response:
    """List the rows that broke a rule, newest first; `open` until a run over everything sees them no more."""
    wanted = FindingFilter(state=query.state, rule=query.rule, object_id=query.object_id, after=_place(query.after))
    async with services.database.reading() as session:
        found = await findings(session, wanted, limit=query.limit)
    return page([item for item, _ in found], query.limit, _cursor(found[-1][1]) if found else None)


def _cursor(place: FindingPlace) -> str:
    return f"{(place.first_seen_at - _EPOCH) // timedelta(microseconds=1)}.{place.mark}"


def _place(after: str | None) -> FindingPlace | None:
    if after is None:
        return None
    parts = _CURSOR.fullmatch(after)
    if parts is None:
        raise InvalidRequest(fields={"after": "not a cursor of this list"})
    return FindingPlace(_EPOCH + timedelta(microseconds=int(parts[1])), parts[2])
