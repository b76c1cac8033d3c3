"""One POST to one address that was checked before, whatever name the address was found by."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from activities.webhook_address import Address
from activities.webhook_connections import WebhookConnections


@dataclass(frozen=True)
class CallLimits:
    """How long one call may take, name resolution included, and how much of an answer is read."""

    connect_s: float = 5.0
    total_s: float = 10.0
    answer_bytes_max: int = 65_536


@dataclass(frozen=True)
class WebhookAnswer:
    """How the business answered; `body` is the capped beginning of the answer."""

    status: int
    body: bytes


@dataclass(frozen=True)
class SignedBody:
    """What is sent, everywhere the same: the signature covers it."""

    headers: Mapping[str, str]
    content: bytes


class _Connecting:
    """Told by the HTTP library of each event of a call: `begun` when it opened a connection of its own."""

    def __init__(self) -> None:
        self.begun = False

    async def __call__(self, event: str, details: Mapping[str, Any]) -> None:  # noqa: ARG002 - the library gives both
        self.begun = self.begun or event == "connection.connect_tcp.started"


class PinnedCaller:
    """Connects to the address it is given, with the URL's name in `Host`, in SNI and in the certificate's check.

    A connection is kept for the next call to the same name (`activities/webhook_connections.py`).
    """

    def __init__(self, limits: CallLimits, tls: ssl.SSLContext | None) -> None:
        self._limits = limits
        self._connections = WebhookConnections(tls)

    async def post(self, address: Address, url: httpx.URL, sent: SignedBody) -> WebhookAnswer:
        """The answer, whatever its status; httpx.TransportError when there is none.

        A kept connection may have been closed by the business just now: then the call is made once more on a new one.
        It may arrive twice that way, as every webhook may.
        """
        request, connecting = self._request(address, url, sent), _Connecting()
        request.extensions["trace"] = connecting
        async with self._connections.of(url) as transport:
            try:
                return await self._answer(transport, request)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if connecting.begun:
                    raise
        return await self._answer(self._connections.unkept, request)

    async def close(self) -> None:
        """All connections are closed."""
        await self._connections.close()

    async def _answer(self, transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> WebhookAnswer:
        response = await transport.handle_async_request(request)
        try:
            return WebhookAnswer(response.status_code, await self._beginning(response))
        finally:
            await response.aclose()

    def _request(self, address: Address, url: httpx.URL, sent: SignedBody) -> httpx.Request:
        total_s, connect_s = self._limits.total_s, self._limits.connect_s
        return httpx.Request(
            "POST",
            url.copy_with(host=str(address)),
            headers={**sent.headers, "Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            content=sent.content,
            extensions={
                "sni_hostname": url.raw_host.decode("ascii"),
                "timeout": {"connect": connect_s, "read": total_s, "write": total_s, "pool": connect_s},
            },
        )

    async def _beginning(self, response: httpx.Response) -> bytes:
        """The first bytes as they came over the wire: nothing is unpacked."""
        read = bytearray()
        async for chunk in response.aiter_raw():
            read += chunk
            if len(read) >= self._limits.answer_bytes_max:
                break
        return bytes(read[: self._limits.answer_bytes_max])
