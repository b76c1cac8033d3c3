"""One connection through a wire: two sockets, and what of their traffic passes."""

import asyncio
import socket
import struct
from collections import deque
from enum import StrEnum
from typing import Protocol, cast

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: closing sends RST instead of FIN


class Way(StrEnum):
    """The two directions of a connection, by what travels there."""

    REQUESTS = "requests"
    ANSWERS = "answers"


class Weather(Protocol):
    """What a link asks of its wire."""

    @property
    def held(self) -> frozenset[Way]:
        """The directions in which bytes stop."""

    @property
    def delay_s(self) -> float:
        """How long each piece travels."""

    def came(self, link: "Link") -> None:
        """A client stands at the link's near end; somebody has to open the far one."""

    def passed(self, way: Way, size: int) -> None:
        """That many bytes were read in that direction."""

    def ended(self, link: "Link") -> None:
        """Both sockets of the link are gone."""


class End(asyncio.Protocol):
    """One socket of a link. `way` is the direction of what is read here."""

    def __init__(self, link: "Link", way: Way) -> None:
        self.transport: asyncio.Transport | None = None
        self._link, self._way = link, way
        self._travelling: deque[tuple[float, bytes | None]] = deque()
        self._full = self._lost = False

    @property
    def gone(self) -> bool:
        """Whether the socket is closed, or was never open."""
        return self.transport is None or self.transport.is_closing()

    @property
    def full(self) -> bool:
        """Whether this socket takes no more for now."""
        return self._full

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket stands; nothing is read before the whole link stands."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self.transport.pause_reading()
        self._link.opened(self)
        asyncio.get_running_loop().call_soon(self._link.settle)  # uvloop starts to read only after this method
        self._arrive()

    def data_received(self, data: bytes) -> None:
        """The bytes are on their way to the other socket, or wherever the link sends them."""
        self._link.read(self._way, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it ended is seen at the other side
        """The other socket closes after what is still on its way."""
        self._lost = True
        self._link.lost(self)

    def pause_writing(self) -> None:
        """No more can be written here for now: nothing is read at the other socket."""
        self._full = True
        self._link.settle()

    def resume_writing(self) -> None:
        """More can be written here."""
        self._full = False
        self._link.settle()

    def reads(self, *, wanted: bool) -> None:
        """Bytes are read here, or stay in the kernel."""
        if self.transport is None or self.transport.is_closing() or wanted == self.transport.is_reading():
            return
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def send(self, piece: bytes | None, delay_s: float) -> None:
        """The piece is written after the delay and after what was sent before; None closes the socket."""
        self._travelling.append((asyncio.get_running_loop().time() + delay_s, piece))
        if len(self._travelling) == 1:
            self._arrive()

    def reset(self) -> None:
        """The peer sees a connection that broke, and nothing that was still on its way."""
        self._travelling.clear()
        if self.transport is None or self._lost:
            return
        raw = self.transport.get_extra_info("socket")
        if raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _arrive(self) -> None:
        """Writes what is due; once the socket is open, one timer stands for what is not."""
        loop = asyncio.get_running_loop()
        while self._travelling and self.transport is not None:
            due, piece = self._travelling[0]
            if due > loop.time():
                loop.call_at(due, self._arrive)
                return
            self._travelling.popleft()
            self._write(piece)

    def _write(self, piece: bytes | None) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if piece is None:
            self.transport.close()
        else:
            self.transport.write(piece)


class Link:
    """A client's connection and ours to the target, joined."""

    def __init__(self, weather: Weather) -> None:
        self.client = End(self, Way.REQUESTS)
        self.target = End(self, Way.ANSWERS)
        self._weather = weather

    def opened(self, end: End) -> None:
        """That socket is open."""
        if end is self.client:
            self._weather.came(self)
        elif self.client.gone:
            end.reset()  # the client did not wait for it
        else:
            self.settle()

    def settle(self) -> None:
        """Each socket reads when the other takes more, and the wire lets that direction pass."""
        whole = self.client.transport is not None and self.target.transport is not None
        held = self._weather.held
        self.client.reads(wanted=whole and not self.target.full and Way.REQUESTS not in held)
        self.target.reads(wanted=whole and not self.client.full and Way.ANSWERS not in held)

    def read(self, way: Way, data: bytes) -> None:
        """Bytes came; they go on in their direction."""
        self._weather.passed(way, len(data))
        self.forward(way, data)

    def forward(self, way: Way, data: bytes) -> None:
        """The bytes travel to the socket at the end of their way."""
        (self.target if way is Way.REQUESTS else self.client).send(data, self._weather.delay_s)

    def lost(self, end: End) -> None:
        """One socket closed; the other closes after what is on its way."""
        other = self.target if end is self.client else self.client
        if other.gone:
            self._weather.ended(self)
        else:
            other.send(None, self._weather.delay_s)

    def reset(self) -> None:
        """Both sides see the connection break."""
        self.client.reset()
        self.target.reset()
