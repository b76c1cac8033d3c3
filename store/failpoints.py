"""Named points at which a development process stops, so that tests can end it exactly there.

`PAYSAGA_FAILPOINTS="inventory.try:before=park,payment.open:after=kill,payment.close:after=kill:3"`. A point is a
transaction's name and `before` or `after` its commit, or a channel call's name and `before` or `after` the call. `park`
stops the first business object that comes by, and every later visit of that same object; others pass. `kill` ends the
process with SIGKILL, `kill:3` at the third visit. `PAYSAGA_FAILPOINTS_FILE` names a file with the same text, which may
change while the process runs (`store/failpoint_file.py`).
Settings refuse failpoints outside development; unset, a point costs one `is None`.
"""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

PARK = "park"
_KILL = re.compile(r"kill(?::([1-9]\d*))?")

_log = structlog.get_logger("failpoints")


@dataclass
class Failpoints:
    """The armed points of this process: `actions` maps a point to `park`, `kill` or `kill:N`."""

    actions: Mapping[str, str]
    parked: dict[str, str] = field(default_factory=dict)
    visits: Counter[str] = field(default_factory=Counter)

    @classmethod
    def parse(cls, text: str | None) -> "Failpoints | None":
        """Points from `name=action,…`; None for no text; ValueError for an action that does not exist."""
        return cls(actions_of(text)) if text else None

    async def reach(self, point: str, key: str) -> None:
        """Stops here when the point is armed and `key` is the object it caught."""
        action = self.actions.get(point)
        if action is None:
            return
        self.visits[point] += 1
        if action != PARK:
            if self.visits[point] == _visit_of(action):
                self.kill(point, key)
        elif self.parked.setdefault(point, key) == key:
            _log.warning("failpoint_parked", point=point, key=key)
            await self.stand(point)

    async def stand(self, point: str) -> None:  # noqa: ARG002 - wherever it is
        """Whoever stopped here stays."""
        await asyncio.Event().wait()

    def kill(self, point: str, key: str) -> None:
        """The process ends at once, as by `kill -9`."""
        _log.warning("failpoint_killed", point=point, key=key)
        os.kill(os.getpid(), signal.SIGKILL)


def actions_of(text: str) -> dict[str, str]:
    """What each point does, from `name=action,…`; ValueError for an action that does not exist."""
    actions = dict(item.split("=", 1) for item in text.split(","))
    if unknown := {action for action in actions.values() if action != PARK and not _KILL.fullmatch(action)}:
        raise ValueError(f"unknown failpoint action {sorted(unknown)}")
    return actions


def _visit_of(action: str) -> int:
    kill = _KILL.fullmatch(action)
    return int(kill[1]) if kill and kill[1] else 1
