"""The client of callbacks speaks HTTP with whatever a merchant runs."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from simulator.callback_client import ANSWER_BYTES_MAX, CallbackAnswer, CallbackClient, Destination


class Peer:
    """A server that answers each request with the next of its answers, and closes after the last."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        while self.answers:
            self.requests.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2))
            writer.write(self.answers.pop(0))
            await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[CallbackClient]:
    client = CallbackClient()
    yield client
    client.close()


async def post(client: CallbackClient, peer: Peer, times: int = 1) -> list[CallbackAnswer]:
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a?b=%20c"
    async with server, asyncio.timeout(5):
        return [await client.post(url, {"X-Kind": "test"}, b"{}") for _ in range(times)]


async def test_a_connection_is_kept_for_the_next_callback(client: CallbackClient) -> None:
    """Both ways of saying how long an answer is are understood."""
    peer = Peer()
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    peer.answers = [b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nlate", chunked]
    assert [CallbackAnswer(503, b"late"), CallbackAnswer(200, b"ok")] == await post(client, peer, times=2)
    assert peer.connections == 1
    assert peer.requests[0].startswith(b"POST /a?b=%20c HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"X-Kind: test\r\nContent-Length: 2\r\n\r\n{}" in peer.requests[0]


async def test_an_answer_may_end_with_its_connection(client: CallbackClient) -> None:
    """As old servers do."""
    peer = Peer()
    peer.answers = [b"HTTP/1.0 200 OK\r\n\r\nok"]
    assert [CallbackAnswer(200, b"ok")] == await post(client, peer)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-server\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * (ANSWER_BYTES_MAX + 1),
    ],
    ids=["not HTTP", "nothing", "cut short", "too long"],
)
async def test_what_is_no_answer_is_an_error(client: CallbackClient, answer: bytes) -> None:
    """`ConnectionError`, so that the callback is repeated."""
    peer = Peer()
    peer.answers = [answer]
    with pytest.raises(ConnectionError):
        await post(client, peer)


@pytest.mark.parametrize(
    ("url", "port", "target"),
    [
        ("http://shop.example", 80, "/"),
        ("https://shop.example/hook", 443, "/hook"),
        ("http://[::1]:8080?x=1&y=%2F#part", 8080, "/?x=1&y=%2F"),
    ],
)
def test_a_url_is_taken_apart(url: str, port: int, target: str) -> None:
    """The target is what the signature covers."""
    destination = Destination.of(url)
    assert (port, target) == (destination.port, destination.target)
