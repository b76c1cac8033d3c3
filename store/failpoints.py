"""Named points at which a development process stops, so that tests can end it exactly there.

`PAYSAGA_FAILPOINTS="inventory.try:before=park,payment.open:after=kill"`. A point is a transaction's name and `before`
or `after` its commit, or a channel call's name and `before` or `after` the call. `park` stops the first business object
that comes by, and every later visit of that same object; others pass. `kill` ends the process with SIGKILL.
Settings refuse failpoints outside development; unset, a point costs one `is None`.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

_log = structlog.get_logger("failpoints")


@dataclass
class Failpoints:
    """The armed points of this process: `actions` maps a point to `park` or `kill`."""

    actions: Mapping[str, str]
    parked: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> "Failpoints | None":
        """Points from `name=action,…`; None for no text; ValueError for an action that does not exist."""
        if not text:
            return None
        actions = dict(item.split("=", 1) for item in text.split(","))
        if unknown := set(actions.values()) - {"park", "kill"}:
            raise ValueError(f"unknown failpoint action {sorted(unknown)}")
        return cls(actions)

    async def reach(self, point: str, key: str) -> None:
        """Stops here when the point is armed and `key` is the object it caught."""
        action = self.actions.get(point)
        if action is None:
            return
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.parked.setdefault(point, key) == key:
            _log.warning("failpoint_parked", point=point, key=key)
            await asyncio.Event().wait()
