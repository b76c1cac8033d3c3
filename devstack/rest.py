import asyncio
import time
import uuid
from types import TracebackType
from typing import Any, Self

import httpx

from devstack.errors import SeedError

RETRY_FOR_S = 30.0
RETRY_EVERY_S = 0.3
HTTP_TIMEOUT_S = 15.0


class Rest:
    """JSON over HTTP with one bearer key. A server that is being started again is asked again, with the same key."""

    def __init__(self, base_url: str, api_key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=HTTP_TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> dict[str, Any]:
        """The object. Raises `SeedError` when it is refused."""
        return await self._ask("GET", path, None)

    async def find(self, path: str) -> dict[str, Any] | None:
        """The object; None when it is not there for us."""
        answer = await self._send("GET", path, None, {})
        return None if answer.status_code in {401, 403, 404} else _accepted(answer)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The new object. Raises `SeedError` when it is refused."""
        return await self._ask("POST", path, body)

    async def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The object as it is now. Raises `SeedError` when it is refused."""
        return await self._ask("PUT", path, body)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}
        return _accepted(await self._send(method, path, body, headers))

    async def _send(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> httpx.Response:
        deadline = time.monotonic() + RETRY_FOR_S
        while True:
            try:
                answer = await self._http.request(method, path, json=body, headers=headers)
            except httpx.TransportError as failure:
                if time.monotonic() > deadline:
                    raise SeedError(f"{method} {path}: {failure!r}") from failure
            else:
                if "Retry-After" not in answer.headers or time.monotonic() > deadline:
                    return answer
            await asyncio.sleep(RETRY_EVERY_S)


def _accepted(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        content: dict[str, Any] = answer.json() if answer.content else {}
        return content
    raise SeedError(
        f"{answer.request.method} {answer.request.url} was refused with {answer.status_code}: {answer.text}"
    )
