"""How objects go out: the model's own JSON, written once."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Generic, TypeVar

import orjson
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item", bound=BaseModel)


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100, description="How many at most.")] = 20
    after: Annotated[str, Field(max_length=128, pattern=r"^[!-~]+$")] | None = Field(
        None, description="The `next` of the previous page."
    )


class Page(BaseModel, Generic[Item]):
    """Newest first; `next` is what to pass as `after` for the rest, null at the end."""

    items: list[Item]
    next: str | None = Field(None, description="Pass it as `after`; null when there is no more.")


def answer(model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The object as JSON."""
    content = model.model_dump_json()
    return Response(content, status_code=status, headers=headers, media_type="application/json")


def page(items: Sequence[BaseModel], limit: int, cursor: str | None) -> Response:
    """The items as a page; `cursor` names the last of them and is told only when there may be more."""
    shown = [item.model_dump(mode="json") for item in items]
    following = cursor if len(items) == limit else None
    return Response(orjson.dumps({"items": shown, "next": following}), media_type="application/json")
