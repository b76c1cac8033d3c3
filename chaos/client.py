"""One business's clients: they keep what they were answered, and repeat what they were not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from chaos.answers import Answer, AnswerFile, answered_at
from chaos.shops import Shop

#: Less than the API takes at most: whoever hears nothing asks again.
TIMEOUT_S = 5.0
REPEAT_EVERY_S = 0.5
LOOK_EVERY_S = 0.35
#: What is kept of an object: enough to hold it against what is told later.
KEPT = ("id", "state", "version", "amount_minor", "code", "out_no", "attempts", "failure", "detail")


class Client:
    """Calls the API under one merchant's key, through whatever stands between."""

    def __init__(self, base_url: str, shop: Shop, kept: AnswerFile, *, merchant: int) -> None:
        bearer = {"Authorization": f"Bearer {shop.api_key}"}
        self.shop = shop
        self._http = httpx.AsyncClient(base_url=base_url, headers=bearer, timeout=TIMEOUT_S, trust_env=False)
        self._kept = kept
        self._merchant = merchant

    async def ask(self, kind: str, number: str, path: str, body: dict[str, Any] | None) -> Answer:
        """The final answer to a POST: repeated with the same key for as long as the outcome is unknown."""
        while (answer := await self.call("POST", path, body, named=(kind, number))).unknown:
            await asyncio.sleep(REPEAT_EVERY_S)
        return answer

    async def look(self, kind: str, number: str, path: str) -> Answer:
        """The object as it is now, once the API can tell."""
        while (answer := await self.call("GET", path, None, named=(kind, number))).unknown:
            await asyncio.sleep(REPEAT_EVERY_S)
        return answer

    async def until(self, told: Answer, *states: str, by: float | None = None) -> Answer:
        """The object that an answer told of, once it is in one of these states, or at that time of `monotonic`."""
        path = f"/v1/{told.kind}/{told.object['id']}"
        while (now := await self.look(told.kind, told.number, path)).object.get("state") not in states:
            if by is not None and time.monotonic() > by:
                return now
            await asyncio.sleep(LOOK_EVERY_S)
        return now

    async def call(self, method: str, path: str, body: dict[str, Any] | None, *, named: tuple[str, str]) -> Answer:
        """One call, kept however it ended; `named` is the kind and the business's number."""
        kind, number = named
        about = {"merchant": self._merchant, "kind": kind, "number": number, "method": method, "path": path}
        headers = {"Idempotency-Key": f"{path}:{number}"} if method == "POST" else {}
        try:
            heard = await self._http.request(method, path, json=body, headers=headers)
            ended = {"status": heard.status_code, "object": _kept_of(heard)}
        except (httpx.TransportError, ValueError) as failure:
            ended = {"error": type(failure).__name__}
        return self._kept.keep(Answer.model_validate({**about, "at": answered_at(), "body": body, **ended}))

    async def feed(self) -> list[dict[str, Any]]:
        """The merchant's whole feed of events, by its cursor; not kept."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = (await self._http.get(f"/v1/events?limit=100{after}")).raise_for_status().json()
            found += page["items"]
            if len(page["items"]) < 100:  # noqa: PLR2004 - the page's own limit
                return found
            after = f"&after={page['next']}"

    async def close(self) -> None:
        """No connection is left."""
        await self._http.aclose()


def _kept_of(heard: httpx.Response) -> dict[str, Any]:
    found = heard.json()
    return {name: found[name] for name in KEPT if name in found}


class Payers:
    """What payers and banks do at the channel: by themselves, whatever stands between us and the channel."""

    def __init__(self, simulator: str) -> None:
        self._http = httpx.AsyncClient(base_url=simulator, timeout=TIMEOUT_S, trust_env=False)

    async def pay(self, out_no: str, **fields: Any) -> str | None:  # noqa: ANN401
        """Paid; or the channel's word for why not."""
        return await self.act("/_sim/pay", {"out_no": out_no, **fields})

    async def refuse_refunds(self, out_no: str, *, by: float) -> None:
        """The channel has given up what it had begun to pay back of that order, if that began by then (`monotonic`)."""
        while time.monotonic() < by:
            begun = [row for row in (await self.read("/_sim/book"))["refunds"] if row["out_no"] == out_no]
            for row in begun:
                await self.act("/_sim/refund", {"refund_no": row["refund_no"], "state": "failed"})
            if begun:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def act(self, path: str, body: dict[str, Any]) -> str | None:
        """Done once; a channel that is away is asked again."""
        heard = await self._answer(self._http.post, path, json=body)
        return None if heard.is_success else str(heard.json().get("code"))

    async def read(self, path: str) -> Any:  # noqa: ANN401
        """What the control API tells."""
        return (await self._answer(self._http.get, path)).raise_for_status().json()

    async def disarm(self) -> None:
        """No fault is armed any more; a channel that is away has none when it comes back."""
        await self._answer(self._http.delete, "/_sim/faults")

    async def _answer(self, call: Callable[..., Awaitable[httpx.Response]], path: str, **fields: Any) -> httpx.Response:  # noqa: ANN401
        """The answer, as soon as there is one."""
        while True:
            try:
                return await call(path, **fields)
            except httpx.TransportError:
                await asyncio.sleep(REPEAT_EVERY_S)

    async def close(self) -> None:
        """No connection is left."""
        await self._http.aclose()
