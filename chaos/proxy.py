"""A wire between two parties of the stack, which can be cut, stalled, made one-way or slow.

It lives in the event loop of whoever starts it and does no work per byte. While bytes stop, nothing is read: they wait
in the kernel's buffers, neither side learns anything, and after healing they arrive.
"""

import asyncio
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from chaos.links import Link, Way

Address = tuple[str, int] | Path  # host and port, or a Unix socket

ANY_PORT: Address = ("127.0.0.1", 0)
CONNECTS_WITHIN_S = 5.0
BOTH_WAYS = frozenset(Way)


class Wire:
    """Listens at `listen` and joins each client with a connection of its own to `target`.

    `counts` has `accepted`, `refused` (while cut), `unreachable` (the target was), `reset` and bytes by direction.
    """

    def __init__(self, name: str, *, target: Address, listen: Address = ANY_PORT) -> None:
        self.name, self.target = name, target
        self.counts: Counter[str] = Counter()
        self._listen = listen
        self._server: asyncio.Server | None = None
        self._links: set[Link] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._cut = False
        self._held: frozenset[Way] = frozenset()
        self._delay_s = 0.0

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> Self:
        """It listens. Raises `OSError` when the address is taken."""
        loop = asyncio.get_running_loop()
        if isinstance(self._listen, Path):
            self._server = await loop.create_unix_server(self._accept, self._listen)
        else:
            self._server = await loop.create_server(self._accept, *self._listen)
        return self

    async def close(self) -> None:
        """Nothing listens and every connection is broken."""
        if self._server is not None:
            self._server.close()
        for task in self._connecting:
            task.cancel()
        self._break_links()
        await asyncio.gather(*self._connecting, return_exceptions=True)

    @property
    def port(self) -> int:
        """The port where it listens."""
        if self._server is None:
            raise RuntimeError(f"wire {self.name} does not listen")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return len(self._links)

    @property
    def held(self) -> frozenset[Way]:
        """The directions in which bytes stop."""
        return self._held

    @property
    def delay_s(self) -> float:
        """How long each piece travels, in seconds."""
        return self._delay_s

    def open(self) -> None:
        """Healed: everything passes at once, and what had stopped arrives."""
        self._cut, self._delay_s = False, 0.0
        self._hold(frozenset())

    def cut(self) -> None:
        """Every connection breaks with RST; new ones break as soon as they are made."""
        self._cut = True
        self._break_links()

    def sever(self) -> None:
        """Every connection breaks with RST; new ones are served."""
        self._break_links()

    def stall(self) -> None:
        """Connections stay, no byte passes, and nobody is told."""
        self._hold(BOTH_WAYS)

    def half_open(self, stopped: Way = Way.ANSWERS) -> None:
        """Bytes stop in one direction; by default requests are carried out and their answers do not come."""
        self._hold(frozenset({stopped}))

    def delay(self, delay_ms: int) -> None:
        """Every piece travels that much longer, in both directions."""
        self._delay_s = delay_ms / 1000

    def link(self) -> Link:
        """A link of the kind that this wire makes, whose ends are not open yet."""
        return Link(self)

    def passed(self, way: Way, size: int) -> None:
        """Counts bytes."""
        self.counts[way] += size

    def came(self, link: Link) -> None:
        """The link's far end is being opened, or the client sees at once that the wire is cut."""
        self._links.add(link)
        task = asyncio.get_running_loop().create_task(self._connect(link))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def ended(self, link: Link) -> None:
        """The link is forgotten."""
        self._links.discard(link)

    def _accept(self) -> asyncio.Protocol:
        return self.link().client

    async def _connect(self, link: Link) -> None:
        if self._cut:
            self.counts["refused"] += 1
            self._break(link)
            return
        try:
            async with asyncio.timeout(CONNECTS_WITHIN_S):
                await self._reach_target(link)
            self.counts["accepted"] += 1
        except OSError:  # refused, gone, or silent: TimeoutError is one
            self.counts["unreachable"] += 1
            self._break(link)

    async def _reach_target(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(self.target, Path):
            await loop.create_unix_connection(lambda: link.target, str(self.target))
        else:
            await loop.create_connection(lambda: link.target, *self.target)

    def _hold(self, ways: frozenset[Way]) -> None:
        self._held = ways
        for link in self._links:
            link.settle()

    def _break_links(self) -> None:
        for link in tuple(self._links):
            self._break(link)

    def _break(self, link: Link) -> None:
        self.counts["reset"] += 1
        link.reset()
        self._links.discard(link)
