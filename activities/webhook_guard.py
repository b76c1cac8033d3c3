"""Calls to URLs that somebody else chose, kept out of private networks.

The name is resolved once for a call, every answer must be public, and the connection goes to one of these very
addresses; what a name server answers a moment later changes nothing. A redirect is an answer like any other.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import httpx

from activities.webhook_address import Address, is_loopback, is_public
from activities.webhook_call import CallLimits, PinnedCaller, SignedBody, WebhookAnswer
from domain.errors import WebhookUrlRefused

#: Answers the addresses of a host and port as text; raises OSError when there is none.
Resolver = Callable[[str, int], Awaitable[list[str]]]

URL_LENGTH_MAX = 2_048
_FREE_PORTS = range(1_024, 65_536)
_WEB_PORTS = (80, 443)  # of the low ones only these: the rest belong to other protocols
_ADDRESSES_TRIED_MAX = 3
_NOT_PUBLIC = "The webhook URL does not lead to a public address"

# A name server that never answers holds a thread; these threads serve nothing else.
_RESOLVER_THREADS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="webhook-resolver")


class WebhookUnreachable(Exception):
    """No answer came; the message is one word for the delivery log: `connect timeout transport name`."""


async def resolve_by_system(host: str, port: int) -> list[str]:
    """The operating system's answers; OSError or UnicodeError when the name has none."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_RESOLVER_THREADS, _look_up, host, port)


def _look_up(host: str, port: int) -> list[str]:
    return [str(answer[4][0]) for answer in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class WebhookGuard:
    """The only way by which a caller-chosen URL is called.

    `allow_loopback` is the development setting: plain HTTP, and only to this machine, is allowed beside public HTTPS.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        resolve: Resolver = resolve_by_system,
        limits: CallLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._resolve = resolve
        self._limits = limits or CallLimits()
        self._caller = PinnedCaller(self._limits, tls)

    def check_shape(self, url: str) -> httpx.URL:
        """The URL, parsed; WebhookUrlRefused when no name server is needed to refuse it."""
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise WebhookUrlRefused("The webhook URL is not a URL") from error
        if reason := self._shape_refusal(parsed, len(url)):
            raise WebhookUrlRefused(reason)
        if (literal := _literal(parsed.host)) and not self._allowed(literal, parsed):
            raise WebhookUrlRefused(_NOT_PUBLIC)
        return parsed

    async def check(self, url: str) -> None:
        """Nothing when a call would be made now; WebhookUrlRefused otherwise.

        A name without an address is refused with the same words as a private one, so that nobody can use us to find
        out which names exist inside our network.
        """
        parsed = self.check_shape(url)
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await self._addresses(parsed)
        except (OSError, UnicodeError) as error:
            raise WebhookUrlRefused(_NOT_PUBLIC) from error

    async def post(self, url: str, sent: SignedBody) -> WebhookAnswer:
        """One POST and the beginning of its answer, whatever its status.

        WebhookUrlRefused when the URL leads elsewhere now, WebhookUnreachable when no whole answer came in time.
        """
        parsed = self.check_shape(url)
        try:
            async with asyncio.timeout(self._limits.total_s):
                return await self._post_to_any(await self._addresses(parsed), parsed, sent)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise WebhookUnreachable("timeout") from error
        except (OSError, UnicodeError) as error:
            raise WebhookUnreachable("name") from error
        except httpx.ConnectError as error:
            raise WebhookUnreachable("connect") from error
        except httpx.TransportError as error:
            raise WebhookUnreachable("transport") from error

    async def close(self) -> None:
        """All connections are closed."""
        await self._caller.close()

    def _shape_refusal(self, url: httpx.URL, length: int) -> str | None:
        schemes = {"https", "http"} if self._allow_loopback else {"https"}
        port = _port(url)
        if url.scheme not in schemes or not url.host:
            return "The webhook URL must be an https URL"
        if url.userinfo or url.fragment or length > URL_LENGTH_MAX:
            return "The webhook URL must be short and carry neither user name nor fragment"
        if port not in _FREE_PORTS and port not in _WEB_PORTS:
            return f"The webhook URL's port must be 443, 80 or between {_FREE_PORTS.start} and {_FREE_PORTS.stop - 1}"
        return None

    def _allowed(self, address: Address, url: httpx.URL) -> bool:
        if self._allow_loopback and is_loopback(address):
            return True
        return url.scheme == "https" and is_public(address)

    async def _addresses(self, url: httpx.URL) -> list[Address]:
        """Every address of the URL's host, each of them allowed; a literal was looked at with the URL's shape."""
        if literal := _literal(url.host):
            return [literal]
        answers = await self._resolve(url.raw_host.decode("ascii"), _port(url))
        addresses = [ip_address(answer.partition("%")[0]) for answer in dict.fromkeys(answers)]
        if not addresses or not all(self._allowed(address, url) for address in addresses):
            raise WebhookUrlRefused(_NOT_PUBLIC)
        return addresses

    async def _post_to_any(self, addresses: list[Address], url: httpx.URL, sent: SignedBody) -> WebhookAnswer:
        *others, last = addresses[:_ADDRESSES_TRIED_MAX]
        for address in others:
            try:
                return await self._caller.post(address, url, sent)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # nothing was sent yet
        return await self._caller.post(last, url, sent)


def _port(url: httpx.URL) -> int:
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
