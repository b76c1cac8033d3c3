"""Refunds, read only: those that money which came late, twice or wrongly was given back by."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field
from sqlmodel import col, select

from api.answers import Page, PageQuery, answer, page
from api.auth import AnyCaller
from api.documentation import problems
from api.fields import IdInPath
from api.json_bodies import JsonRouter
from api.payment_search import Number
from api.services import FromServices
from domain.errors import NotFound
from domain.resources import RefundObject, render_refund
from store.tables.refunds import Refund

router = JsonRouter(prefix="/v1/refunds", tag="refunds")


class RefundQuery(PageQuery):
    """What is left out does not matter."""

    payment_id: Number | None = None
    refund_no: Number | None = Field(None, description="The business's number.")


@router.get("", response_model=Page[RefundObject], responses=problems())
async def list_refunds(caller: AnyCaller, services: FromServices, query: Annotated[RefundQuery, Query()]) -> Response:
    """Find refunds, newest first."""
    asked = {**query.model_dump(exclude={"limit", "after"}), "merchant_id": caller.merchant_id}
    wanted = select(Refund).order_by(col(Refund.id).desc()).limit(query.limit)
    for name, value in asked.items():
        wanted = wanted if value is None else wanted.where(getattr(Refund, name) == value)
    if query.after is not None:
        wanted = wanted.where(col(Refund.id) < query.after)
    async with services.database.reading() as session:
        refunds = [_shown(row) for row in (await session.scalars(wanted)).all()]
    return page(refunds, query.limit, refunds[-1].id if refunds else None)


@router.get("/{refund_id}", response_model=RefundObject, responses=problems(NotFound))
async def get_refund(refund_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read a refund."""
    async with services.database.reading() as session:
        row = await session.get(Refund, refund_id)
    if row is None or caller.merchant_id not in {None, row.merchant_id}:
        raise NotFound("there is no such refund")
    return answer(_shown(row))


def _shown(row: Refund) -> RefundObject:
    return render_refund(row.model_dump() | {"metadata": row.metadata_})
