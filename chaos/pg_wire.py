"""A wire to PostgreSQL that can break exactly at a COMMIT: before it arrives, or between it and its answer.

The driver waits for the answer to each COMMIT before it says anything more, so that what follows on that connection is
the answer alone. (PostgreSQL: Frontend/Backend Protocol, messages Query, Parse, CommandComplete and ReadyForQuery.)
Reads, and statements that commit by themselves, pass.
"""

import re
from enum import StrEnum
from pathlib import Path

from sqlalchemy import make_url

from chaos.links import Link, Way
from chaos.proxy import Wire

# Query 'COMMIT' or 'COMMIT;', or Parse of it under any name.
_COMMIT = re.compile(rb"(?:Q\0\0\0[\x0b\x0c]|P\0\0\0.[^\0]*\0)COMMIT;?\0", re.DOTALL)
_COMMITTED = b"C\0\0\0\x0bCOMMIT\0"
_READY = re.compile(rb"Z\0\0\0\x05.\Z", re.DOTALL)


def socket_of(url: str) -> Path:
    """The server's Unix socket, of a database URL that names its folder (`…?host=/folder`)."""
    return Path(str(make_url(url).query["host"])) / ".s.PGSQL.5432"


def url_through(wire: Wire, url: str) -> str:
    """The same database and role by way of the wire, which speaks to the server as the user that runs it."""
    direct = make_url(url).difference_update_query(["host"])
    through = direct.set(host="127.0.0.1", port=wire.port).update_query_dict({"ssl": "disable"})
    return through.render_as_string(hide_password=False)


class Cut(StrEnum):
    """Where a connection breaks: the transaction is undone, or committed and its client does not know."""

    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"


class PostgresWire(Wire):
    """As `Wire`; `counts` has `commits` seen while armed, and `before_commit` and `after_commit` that were cut."""

    _armed: tuple[Cut, int] | None = None

    def cut_commit(self, cut: Cut, *, nth: int = 1) -> None:
        """The nth COMMIT from now on breaks its connection there; everything else passes. Replaces what was armed."""
        self._armed = (cut, nth)

    def disarm(self) -> None:
        """No COMMIT breaks its connection any more."""
        self._armed = None

    @property
    def armed(self) -> bool:
        """Whether a COMMIT will break its connection."""
        return self._armed is not None

    def open(self) -> None:
        """Healed, and nothing is armed any more."""
        self.disarm()
        super().open()

    def link(self) -> Link:
        """A link that knows a COMMIT."""
        return _PostgresLink(self)

    def due(self, requests: bytes) -> Cut | None:
        """What happens to these requests: the cut, when they hold the COMMIT for which it was armed."""
        if self._armed is None or _COMMIT.search(requests) is None:
            return None
        self.counts["commits"] += 1
        cut, left = self._armed
        self._armed = (cut, left - 1) if left > 1 else None
        return cut if left == 1 else None


class _PostgresLink(Link):
    def __init__(self, wire: PostgresWire) -> None:
        super().__init__(wire)
        self._wire = wire
        self._swallowed: bytes | None = None

    def forward(self, way: Way, data: bytes) -> None:
        if way is Way.ANSWERS and self._swallowed is not None:
            self._swallow(data)
            return
        cut = self._wire.due(data) if way is Way.REQUESTS else None
        if cut is Cut.BEFORE_COMMIT:
            self._break(cut)
            return
        if cut is Cut.AFTER_COMMIT:
            self._swallowed = b""
        super().forward(way, data)

    def _swallow(self, data: bytes) -> None:
        """Keeps the answer until it is whole. A COMMIT that was refused is answered: it hides nothing."""
        answer = (self._swallowed or b"") + data
        self._swallowed = answer
        if _READY.search(answer) is None:
            return
        self._swallowed = None
        if _COMMITTED in answer:
            self._break(Cut.AFTER_COMMIT)
        else:
            super().forward(Way.ANSWERS, answer)

    def _break(self, cut: Cut) -> None:
        self._wire.counts[cut] += 1
        self.reset()
