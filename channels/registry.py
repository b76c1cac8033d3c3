"""Every channel of this process by its name."""

from collections.abc import Sequence

import httpx

from channels.base import Channel
from channels.errors import Unsupported
from channels.http import Now, utc_now
from channels.sim import SimChannel


class Channels:
    """All adapters over one shared client; made by composition roots. `sims` are the names that `sim` is known by."""

    def __init__(self, client: httpx.AsyncClient, *, sims: Sequence[str] = ("sim",), now: Now = utc_now) -> None:
        adapters: list[Channel] = [SimChannel(client, name=name, now=now) for name in sims]
        self._by_name = {adapter.name: adapter for adapter in adapters}

    @property
    def names(self) -> frozenset[str]:
        """The channels that exist."""
        return frozenset(self._by_name)

    def channel(self, name: str) -> Channel:
        """The channel of this name; `Unsupported` that lists the names there are."""
        try:
            return self._by_name[name]
        except KeyError:
            raise Unsupported("channel", f"no channel {name!r}; there are {', '.join(sorted(self.names))}") from None
