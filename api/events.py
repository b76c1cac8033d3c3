"""The feed of everything that changed, and its deliveries."""

from typing import Annotated, Any

import orjson
from fastapi import Query, Response
from pydantic import BaseModel, Field, StringConstraints

from activities.event_resend import resend
from api.answers import PageQuery, answer
from api.audit_rows import note_first
from api.auth import AnyCaller
from api.documentation import problems
from api.event_rows import event_of, feed_page
from api.fields import IdInPath
from api.json_bodies import JsonRouter
from api.services import FromServices
from domain.errors import NotFound
from domain.objects import Moment, PaymentObject

router = JsonRouter(prefix="/v1/events", tag="events")

EventType = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z_]+\.[a-z_]+$")]


class EventObject(BaseModel):
    """One change of one object, as it was then; a webhook's body is this."""

    id: str = Field(examples=["evt_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    type: EventType = Field(examples=["payment.succeeded"])
    created_at: Moment
    object_version: int
    data: dict[str, PaymentObject | dict[str, Any]]


class Call(BaseModel):
    """One call of a delivery and how the business answered."""

    number: int
    status: int | None
    error: str | None
    duration_ms: int
    answer: str | None
    created_at: Moment


class DeliveryObject(BaseModel):
    """One event on its way to one URL."""

    id: str
    url: str
    state: str = Field(examples=["delivered"])
    attempts: int
    created_at: Moment
    delivered_at: Moment | None
    calls: list[Call]


class ToldEvent(EventObject):
    """An event with how it was told."""

    deliveries: list[DeliveryObject]


class Feed(BaseModel):
    """Oldest first; follow it by passing `next` as `after`, also when the page was empty."""

    items: list[EventObject]
    next: str | None


class Resent(BaseModel):
    """The new deliveries; none where no URL is set."""

    event_id: str
    deliveries: list[str]


class FeedQuery(PageQuery):
    """Which part of the feed."""

    type: EventType | None = None


@router.get("", response_model=Feed, responses=problems())
async def list_events(caller: AnyCaller, services: FromServices, query: Annotated[FeedQuery, Query()]) -> Response:
    """Follow every change in order, oldest first; a cursor never misses one."""
    wanted = {"type": query.type, "limit": query.limit}
    async with services.database.reading() as session:
        content = await feed_page(session, caller.merchant_id, after=query.after, wanted=wanted)
    return Response(content, media_type="application/json")


@router.get("/{event_id}", response_model=ToldEvent, responses=problems(NotFound))
async def get_event(event_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read an event and how each call to tell it ended."""
    async with services.database.reading() as session:
        found = await event_of(session, event_id, caller.merchant_id)
    return Response(orjson.dumps(found["event"]), media_type="application/json")


@router.post("/{event_id}/resend", status_code=202, response_model=Resent, responses=problems(NotFound))
async def resend_event(event_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Tell it once more, under the same event id."""
    async with services.database.reading() as session:
        found = await event_of(session, event_id, caller.merchant_id)
    await note_first(services, caller, "event.resend", event_id)
    deliveries = await resend(services.database, event_id, found["merchant_id"])
    return answer(Resent(event_id=event_id, deliveries=list(deliveries)), 202)
