"""Answers that misbehave below HTTP: connections held, dropped, or answered late."""

import asyncio
import socket
import struct
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT = "simulator.transport"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class TransportProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol that also shows each request its connection."""

    def on_message_begin(self) -> None:
        """Begin a request whose scope carries the transport."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class DroppedResponse(Response):
    """The peer sees its connection reset without a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        """Reset the connection."""
        await drop(scope, receive)


class HeldResponse(Response):
    """The peer waits `delay_s` in vain, then its connection is reset; `stopping` cuts the wait short."""

    def __init__(self, delay_s: float, stopping: asyncio.Event) -> None:
        super().__init__()
        self._delay_s = delay_s
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        """Hold the connection, then reset it."""
        await hold(receive, self._delay_s, self._stopping)
        await drop(scope, receive)


class SlowResponse(Response):
    """A right answer after `delay_s`, or no answer if the simulator stops meanwhile."""

    def __init__(self, answer: Response, delay_s: float, stopping: asyncio.Event) -> None:
        super().__init__()
        self._answer = answer
        self._delay_s = delay_s
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer after the delay."""
        await hold(receive, self._delay_s, self._stopping)
        if self._stopping.is_set():
            await drop(scope, receive)
        else:
            await self._answer(scope, receive, send)


async def hold(receive: Receive, delay_s: float, stopping: asyncio.Event) -> None:
    """Return after the delay, when the peer has gone, or when the simulator stops, whichever is first."""
    waits: list[asyncio.Task[Any]] = [asyncio.create_task(disconnected(receive)), asyncio.create_task(stopping.wait())]
    await asyncio.wait(waits, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def drop(scope: Scope, receive: Receive) -> None:
    """Reset the request's connection and return once it is gone."""
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]["transport"]
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    await disconnected(receive)


async def disconnected(receive: Receive) -> None:
    """Return when the peer has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
