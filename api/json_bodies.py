"""Bodies are read by a parser that takes JSON only as the standard has it: no NaN, no lone surrogates."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute


class _JsonRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - whatever the caller sent
        return orjson.loads(await self.body())


class JsonRoute(APIRoute):
    """Every route that takes a body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, which sees the strictly parsed body."""
        original = super().get_route_handler()

        async def parsed(request: Request) -> Response:
            return await original(_JsonRequest(request.scope, request.receive))

        return parsed


class JsonRouter(APIRouter):
    """A router of such routes."""

    def __init__(self, *, prefix: str = "", tag: str) -> None:
        super().__init__(prefix=prefix, tags=[tag], route_class=JsonRoute)
