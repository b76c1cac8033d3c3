"""One POST to one address that was checked before, whatever name the address was found by."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from activities.webhook_address import Address


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


class PinnedCaller:
    """Connects to the address it is given, with the URL's name in `Host`, in SNI and in the certificate's check.

    It works below an HTTP client: nothing follows redirects, reads proxies from the environment or keeps cookies, and
    no connection is kept, because one that was checked for one name must not serve another name on the same address.
    """

    def __init__(self, limits: CallLimits, tls: ssl.SSLContext | None) -> None:
        self._limits = limits
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls or httpx.create_ssl_context(trust_env=False),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def post(self, address: Address, url: httpx.URL, sent: SignedBody) -> WebhookAnswer:
        """The answer, whatever its status; httpx.TransportError when there is none."""
        response = await self._transport.handle_async_request(self._request(address, url, sent))
        try:
            return WebhookAnswer(response.status_code, await self._beginning(response))
        finally:
            await response.aclose()

    async def close(self) -> None:
        """All connections are closed."""
        await self._transport.aclose()

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
