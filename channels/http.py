"""The one way out to a third party, and where on that way a call can fail."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from channels.errors import ChannelError, Misconfigured, NotSent, Unknown
from channels.evidence import Evidence
from channels.operations import Op

ANSWER_BYTES_MAX = 1_048_576
#: Above what the slots of one process let through, a hundred calls of each queue: ten channels and their payouts. So a
#: slow channel fills its own slots, and never takes the connections of another.
CONNECTIONS_MAX = 2_000
CONNECTIONS_IDLE_MAX = 50
#: Below the idle limit of usual servers, so that the peer does not hang up on a connection that we are about to use.
IDLE_S_MAX = 15.0
TIMEOUT_S_MIN = 0.001

#: Shares of what is left of a call. Waiting for a connection, connecting and TLS together stay below the whole, so a
#: call that cannot leave ends as `NotSent`, not as an unknown.
POOL_SHARE = 0.2
CONNECT_SHARE = 0.35

#: Failures before a byte of the request left us; all others mean a lost connection.
_OUTCOMES: dict[type[httpx.TransportError], tuple[type[ChannelError], str]] = {
    httpx.UnsupportedProtocol: (Misconfigured, "address_unusable"),
    httpx.ConnectError: (NotSent, "connect_failed"),
    httpx.ConnectTimeout: (NotSent, "connect_timeout"),
    httpx.PoolTimeout: (NotSent, "no_free_connection"),
}

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall's time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One signed request, byte for byte; it is given up at `ends_at` (event loop time)."""

    op: Op
    method: str
    url: httpx.URL
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    request_id: str
    ends_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WireAnswer:
    """An answer as it came over the wire, not yet verified."""

    status: int
    headers: httpx.Headers
    body: bytes
    received_at: datetime

    def evidence(self, call: Call, code: str | None = None) -> Evidence:
        """What to keep of it."""
        return Evidence(
            op=call.op,
            http_status=self.status,
            code=code,
            request_id=call.request_id,
            received_at=self.received_at,
            raw=self.body,
        )


def make_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """The client that all channels of a process share: no redirects, no environment, no cookies, TLS verified."""
    return httpx.AsyncClient(
        transport=transport,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"accept-encoding": "identity", "user-agent": "paysaga"},
        limits=httpx.Limits(
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=CONNECTIONS_IDLE_MAX,
            keepalive_expiry=IDLE_S_MAX,
        ),
    )


async def send(client: httpx.AsyncClient, call: Call, *, now: Now = utc_now) -> WireAnswer:
    """The answer to the call, complete and within `ANSWER_BYTES_MAX`; `NotSent`, `Misconfigured` or `Unknown`."""
    try:
        async with asyncio.timeout_at(call.ends_at):
            return await _exchange(client, call, now)
    except TimeoutError as late:
        raise Unknown(
            "call_timeout", "no complete answer in time", evidence=_silence(call, "call_timeout", now)
        ) from late
    except httpx.TransportError as failure:
        raise _classified(failure, call, now) from failure


async def _exchange(client: httpx.AsyncClient, call: Call, now: Now) -> WireAnswer:
    request = client.build_request(
        call.method, call.url, headers=call.headers, content=call.body, timeout=_timeout(call.ends_at)
    )
    response = await client.send(request, stream=True)
    try:
        body = await _read_capped(response, call, now)
    finally:
        await response.aclose()
    return WireAnswer(status=response.status_code, headers=response.headers, body=body, received_at=now())


async def _read_capped(response: httpx.Response, call: Call, now: Now) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            code = "answer_too_large"
            raise Unknown(code, evidence=_silence(call, code, now, http_status=response.status_code))
    return bytes(body)


def _timeout(ends_at: float) -> httpx.Timeout:
    left_s = max(ends_at - asyncio.get_running_loop().time(), TIMEOUT_S_MIN)
    return httpx.Timeout(None, pool=left_s * POOL_SHARE, connect=left_s * CONNECT_SHARE)


def _classified(failure: httpx.TransportError, call: Call, now: Now) -> ChannelError:
    kind, code = _class_and_code(failure)
    return kind(code, evidence=_silence(call, code, now))


def _class_and_code(failure: httpx.TransportError) -> tuple[type[ChannelError], str]:
    if _is_certificate_refused(failure):
        return Misconfigured, "certificate_refused"
    for kind, outcome in _OUTCOMES.items():
        if isinstance(failure, kind):
            return outcome
    return Unknown, "connection_lost"


def _is_certificate_refused(failure: httpx.TransportError) -> bool:
    # httpx raises what it caught "from None", so the reason stands in the context, not in the cause.
    reason: BaseException | None = failure if isinstance(failure, httpx.ConnectError) else None
    while reason is not None and not isinstance(reason, ssl.SSLCertVerificationError):
        reason = reason.__cause__ or reason.__context__
    return reason is not None


def _silence(call: Call, code: str, now: Now, *, http_status: int | None = None) -> Evidence:
    return Evidence(op=call.op, http_status=http_status, code=code, request_id=call.request_id, received_at=now())
