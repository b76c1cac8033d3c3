import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from activities.webhook_call import CallLimits, SignedBody
from activities.webhook_connections import NAMES_MAX
from activities.webhook_guard import Resolver, WebhookGuard, WebhookUnreachable
from domain.errors import WebhookUrlRefused
from tests.activities.receiver import Receiver, Stall, answer, receiving

SENT = SignedBody({"Webhook-Id": "evt_1"}, b'{"id":"evt_1"}')

HOSTILE_SHAPES = [
    "http://shop.example/hook",
    "ftp://shop.example/hook",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "https://",
    "https:///hook",
    "//shop.example/hook",
    "shop.example/hook",
    "",
    "https://user:pass@shop.example/hook",
    "https://shop.example@10.0.0.1/hook",
    "https://shop.example/hook#part",
    "https://shop.example:22/hook",
    "https://shop.example:0/hook",
    "https://shop.example:99999/hook",
    "https://shop.example/ho\nok",
    "https://shop.example/\x00",
    "https://[::1]/hook",
    "https://[::ffff:127.0.0.1]/hook",
    "https://[fe80::1%25eth0]/hook",
    "https://127.0.0.1/hook",
    "https://10.1.2.3/hook",
    "https://169.254.169.254/latest/meta-data",
    "https://0.0.0.0/hook",
    "https://shop.example/" + "a" * 2_048,
]
HOSTILE_NAMES = [
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0",
    "localhost",
    "LOCALHOST.",
    "\uff11\uff12\uff17.0.0.1",
]


def resolver(*answers: list[str]) -> Resolver:
    """A name server that gives these answers one after the other, the last one for ever."""
    left = list(answers)

    async def resolve(host: str, port: int) -> list[str]:  # noqa: ARG001 - every name is the same to it
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


async def nameless(host: str, port: int) -> list[str]:
    raise OSError(f"no address for {host}:{port}")


async def silent(host: str, port: int) -> list[str]:  # noqa: ARG001 - it answers nobody
    await asyncio.Event().wait()
    return []


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.mark.parametrize("url", HOSTILE_SHAPES)
async def test_a_url_of_a_wrong_shape_is_refused_without_a_name_server(url: str) -> None:
    """Only short https URLs without user name and fragment, on ports of the web or free ones, to public addresses."""
    with pytest.raises(WebhookUrlRefused):
        WebhookGuard().check_shape(url)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_a_number_in_disguise_is_refused_by_what_it_leads_to(name: str) -> None:
    """The system's resolver reads numbers in many bases; its answers are checked, not the spelling."""
    with pytest.raises(WebhookUrlRefused):
        await WebhookGuard().check(f"https://{name}/hook")


@pytest.mark.parametrize("answers", [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["fe80::1%eth0"], []])
async def test_a_name_is_refused_when_any_of_its_addresses_is_private(answers: list[str]) -> None:
    """One private answer among public ones is enough: which of them is dialled would be chance."""
    guard = WebhookGuard(resolve=resolver(answers))
    with pytest.raises(WebhookUrlRefused):
        await guard.check("https://shop.example/hook")
    with pytest.raises(WebhookUrlRefused):
        await guard.post("https://shop.example/hook", SENT)


async def test_a_public_name_is_accepted() -> None:
    """A name all of whose addresses are public passes, also on a free port."""
    guard = WebhookGuard(resolve=resolver(["93.184.215.14", "2606:4700:4700::1111"]))
    await guard.check("https://shop.example/hook?shop=1")
    await guard.check("https://shop.example:8443/hook")


@pytest.mark.parametrize("resolve", [nameless, silent, resolver(["10.0.0.1"])])
async def test_an_unknown_name_is_refused_like_a_private_one(resolve: Resolver) -> None:
    """The same words for both, so that the answer tells nothing about the names of our network."""
    guard = WebhookGuard(resolve=resolve, limits=CallLimits(connect_s=0.2))
    with pytest.raises(WebhookUrlRefused, match="does not lead to a public address"):
        await guard.check("https://redis.internal/hook")


@pytest.mark.parametrize("url", ["http://10.0.0.1/hook", "http://8.8.8.8/hook", "http://[fd00::1]:9000/hook"])
async def test_the_development_setting_opens_loopback_and_nothing_else(url: str) -> None:
    """Plain HTTP is for this machine alone."""
    with pytest.raises(WebhookUrlRefused):
        await WebhookGuard(allow_loopback=True).check(url)


async def test_loopback_is_called_when_the_development_setting_allows_it(receiver: Receiver) -> None:
    """The body, its headers and the URL's own host arrive as they are."""
    got = await WebhookGuard(allow_loopback=True).post(receiver.url + "?shop=1", SENT)
    (call,) = receiver.calls
    assert (200, b"ok") == (got.status, got.body)
    assert "POST /hook?shop=1 HTTP/1.1" == call.line
    assert (SENT.content, "evt_1") == (call.body, call.headers["webhook-id"])
    assert f"127.0.0.1:{receiver.port}" == call.headers["host"]


async def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """A name server that changes its answer after the check changes nothing: a call resolves once, by our resolver."""
    guard = WebhookGuard(allow_loopback=True, resolve=resolver(["127.0.0.1"], ["10.0.0.1"]))
    got = await guard.post(f"http://shop.example:{receiver.port}/hook", SENT)
    assert 200 == got.status
    assert f"shop.example:{receiver.port}" == receiver.calls[0].headers["host"]


async def test_an_address_is_called_without_a_name_server(receiver: Receiver) -> None:
    """There is nothing to resolve; the address itself was checked."""
    guard = WebhookGuard(allow_loopback=True, resolve=nameless)
    assert 200 == (await guard.post(f"http://127.0.0.1:{receiver.port}/hook", SENT)).status


async def test_an_address_that_was_good_yesterday_is_checked_again(receiver: Receiver) -> None:
    """A name that turned private after registration is refused at the next call, and nothing is sent."""
    guard = WebhookGuard(allow_loopback=True, resolve=resolver(["127.0.0.1"], ["10.0.0.1"]))
    url = f"http://shop.example:{receiver.port}/hook"
    await guard.check(url)
    with pytest.raises(WebhookUrlRefused):
        await guard.post(url, SENT)
    assert [] == receiver.calls


async def test_a_second_address_is_tried_when_the_first_refuses_the_connection() -> None:
    """Names with several addresses are reached as long as one of the first three accepts."""
    async with receiving(host="127.0.0.2") as elsewhere:
        guard = WebhookGuard(allow_loopback=True, resolve=resolver(["127.0.0.1", "127.0.0.2"]))
        got = await guard.post(f"http://shop.example:{elsewhere.port}/hook", SENT)
    assert 200 == got.status


async def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    """Whatever `Location` says, nobody goes there."""
    async with receiving() as secret:
        receiver.answers = [answer(307, b"", f"Location: {secret.url}")]
        got = await WebhookGuard(allow_loopback=True).post(receiver.url, SENT)
    assert (307, []) == (got.status, secret.calls)


async def test_a_huge_answer_is_read_up_to_the_cap(receiver: Receiver) -> None:
    """64 KiB are read and the rest is left, compressed or not: nothing is unpacked."""
    receiver.answers = [answer(200, b"x" * 5_000_000), answer(200, b"\x1f\x8b" * 100_000, "Content-Encoding: gzip")]
    guard = WebhookGuard(allow_loopback=True)
    assert 65_536 == len((await guard.post(receiver.url, SENT)).body)
    assert 65_536 == len((await guard.post(receiver.url, SENT)).body)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow"])
async def test_an_answer_that_does_not_come_ends_in_time(receiver: Receiver, beginning: bytes) -> None:
    """The limit is on the whole call, so a business that stalls holds nothing up for longer."""
    receiver.answers = [Stall(beginning)]
    started = time.monotonic()
    with pytest.raises(WebhookUnreachable, match="timeout"):
        await WebhookGuard(allow_loopback=True, limits=CallLimits(total_s=0.3)).post(receiver.url, SENT)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("reply", [b"", b"not http at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"])
async def test_an_answer_that_is_not_http_is_no_answer(receiver: Receiver, reply: bytes) -> None:
    """A broken server is unreachable, which a later try may find mended."""
    receiver.answers = [reply]
    with pytest.raises(WebhookUnreachable, match="transport"):
        await WebhookGuard(allow_loopback=True).post(receiver.url, SENT)


async def test_a_business_that_is_away_is_unreachable() -> None:
    """No name and no listener each have their word in the delivery log."""
    async with receiving() as receiver:
        url = receiver.url
    with pytest.raises(WebhookUnreachable, match="connect"):
        await WebhookGuard(allow_loopback=True).post(url, SENT)
    with pytest.raises(WebhookUnreachable, match="name"):
        await WebhookGuard(resolve=nameless).post("https://shop.example/hook", SENT)


async def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name itself and reach what we must not."""
    async with receiving() as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        got = await WebhookGuard(allow_loopback=True).post(receiver.url, SENT)
    assert (200, []) == (got.status, proxy.calls)


async def test_a_cookie_of_one_business_is_not_shown_to_another(receiver: Receiver) -> None:
    """Nothing of an answer is remembered for the next call."""
    receiver.answers = [answer(200, b"", "Set-Cookie: shop=1")]
    guard = WebhookGuard(allow_loopback=True)
    await guard.post(receiver.url, SENT)
    await guard.post(receiver.url, SENT)
    assert "cookie" not in receiver.calls[1].headers


async def test_the_next_webhook_of_a_name_goes_over_the_same_connection(receiver: Receiver) -> None:
    """A handshake for each would cost more than everything else about it."""
    receiver.keeps = True
    guard = WebhookGuard(allow_loopback=True)
    for _ in range(3):
        assert 200 == (await guard.post(receiver.url, SENT)).status
    await guard.close()
    assert (1, 3) == (receiver.connections, len(receiver.calls))


async def test_a_connection_of_one_name_serves_no_other_on_the_same_address(receiver: Receiver) -> None:
    """It was proven for that name alone."""
    receiver.keeps = True
    guard = WebhookGuard(allow_loopback=True, resolve=resolver(["127.0.0.1"]))
    for name in ("shop.example", "other.example", "shop.example"):
        await guard.post(f"http://{name}:{receiver.port}/hook", SENT)
    await guard.close()
    assert 2 == receiver.connections


async def test_a_name_that_leads_elsewhere_now_is_not_called_where_it_led_before(receiver: Receiver) -> None:
    """Every call is checked, also one that had a connection."""
    receiver.keeps = True
    guard = WebhookGuard(allow_loopback=True, resolve=resolver(["127.0.0.1"], ["10.0.0.1"]))
    url = f"http://shop.example:{receiver.port}/hook"
    await guard.post(url, SENT)
    with pytest.raises(WebhookUrlRefused):
        await guard.post(url, SENT)
    await guard.close()
    assert 1 == len(receiver.calls)


async def test_a_kept_connection_that_the_business_has_closed_costs_no_webhook(receiver: Receiver) -> None:
    """Its server says nothing of closing, and closes; the next call is made on a new one."""
    guard = WebhookGuard(allow_loopback=True)
    for _ in range(20):
        assert 200 == (await guard.post(receiver.url, SENT)).status
    await guard.close()
    assert receiver.connections >= 20


async def test_names_beyond_those_that_are_kept_are_called_as_well(receiver: Receiver) -> None:
    """The one that was called longest ago loses its connections."""
    receiver.keeps = True
    guard = WebhookGuard(allow_loopback=True, resolve=resolver(["127.0.0.1"]))
    for number in (*range(NAMES_MAX + 1), NAMES_MAX, 0):
        await guard.post(f"http://shop-{number}.example:{receiver.port}/hook", SENT)
    await guard.close()
    assert NAMES_MAX + 2 == receiver.connections
