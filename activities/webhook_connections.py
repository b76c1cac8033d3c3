"""Connections that wait for the next webhook, each for the one name that it was opened and proven for.

A handshake costs more than everything else about a webhook. A connection that was checked for one name must not serve
another name on the same address, so each name has connections of its own, for a few seconds after a call.
"""

import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

NAMES_MAX = 64
KEPT_OF_A_NAME = 2
#: Shorter than web servers keep theirs, so that few are closed while we begin to write.
KEPT_S = 4.0

Origin = tuple[str, bytes, int | None]


@dataclass
class NamedConnections:
    """Those of one name, and how many calls use them now."""

    transport: httpx.AsyncHTTPTransport
    calls: int = 0


class WebhookConnections:
    """Works below an HTTP client: nothing follows redirects, reads proxies from the environment or keeps cookies."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._of: OrderedDict[Origin, NamedConnections] = OrderedDict()
        self.unkept = self._transport(kept=0)

    @asynccontextmanager
    async def of(self, url: httpx.URL) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """Those of the URL's name; when too many names are under way, some that are not kept."""
        named = await self._named((url.scheme, url.raw_host, url.port))
        named.calls += 1
        try:
            yield named.transport
        finally:
            named.calls -= 1

    async def close(self) -> None:
        """All connections are closed."""
        for named in [*self._of.values(), NamedConnections(self.unkept)]:
            await named.transport.aclose()

    async def _named(self, origin: Origin) -> NamedConnections:
        if origin in self._of:
            self._of.move_to_end(origin)
            return self._of[origin]
        idle = None
        if len(self._of) >= NAMES_MAX:
            idle = next((known for known, named in self._of.items() if not named.calls), None)
            if idle is None:
                return NamedConnections(self.unkept)
        gone = self._of.pop(idle) if idle else None
        made = self._of[origin] = NamedConnections(self._transport(kept=KEPT_OF_A_NAME))
        if gone:
            await gone.transport.aclose()
        return made

    def _transport(self, *, kept: int) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=kept, keepalive_expiry=KEPT_S)
        return httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=limits)
