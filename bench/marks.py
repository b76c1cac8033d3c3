"""Where a payment's time goes: the moments that its rows and the API's log keep anyway, put in order."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from bench.percentiles import Latency
from bench.plans import Seen

#: What ends at which mark, in order. A mark that a payment does not have gives its time to the next phase.
ANSWER = (
    ("wait for the API, authenticate, validate", "claimed_at"),
    ("claim, start of the workflow", "opened_at"),
    ("open", "tried_at"),
    ("try, dispatch of the channel activity", "sent_at"),
    ("send, the channel's answer", "known_at"),
    ("keep it, workflow task, answer", "answered_at"),
)
CALL = (
    ("keep, signal", "signalled_at"),
    ("workflow task", "applied_at"),
    ("apply, pivot", "confirming_at"),
    ("confirm", "committed_at"),
)

# Moments of rows are those at which their transactions began; the last one is the commit's own.
_MARKS = """
    SELECT p.id, p.state,
        extract(epoch FROM r.created_at) AS claimed_at, extract(epoch FROM p.created_at) AS opened_at,
        extract(epoch FROM coalesce(v.created_at, h.created_at)) AS tried_at,
        extract(epoch FROM a.sent_at) AS sent_at,
        (SELECT extract(epoch FROM min(e.received_at)) FROM evidence e WHERE e.out_no = a.out_no) AS known_at,
        extract(epoch FROM c.received_at) AS kept_at, extract(epoch FROM c.applied_at) AS applied_at,
        extract(epoch FROM p.updated_at) AS confirming_at,
        extract(epoch FROM pg_xact_commit_timestamp(p.xmin)) AS committed_at
    FROM payment p
    LEFT JOIN payment_request r ON r.payment_id = p.id
    LEFT JOIN reservation v ON v.payment_id = p.id
    LEFT JOIN hold h ON h.biz_type = 'payment' AND h.biz_id = p.id AND h.step = 'hold'
    LEFT JOIN attempt a ON a.payment_id = p.id AND a.number = 1
    LEFT JOIN callback c ON c.out_no = a.out_no
    WHERE p.created_at >= to_timestamp({began_at}) AND p.order_no LIKE '{name}-%'
"""
_SIGNALLED = '"callback_passed_on"'

Marks = Mapping[str, Any]


class Readable(Protocol):
    """What answers queries with rows."""

    def read(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""


class MarkReader:
    """Reads once, when the load has ended: the measured processes do not know of it."""

    def __init__(self, rows: Readable, api_log: Path) -> None:
        self._rows = rows
        self._api_log = api_log

    def read(self, name: str, *, began_at: float) -> dict[str, Marks]:
        """The marks of each payment of the load, by its id; seconds of the clock."""
        signalled = _signalled(self._api_log)
        found = self._rows.read(_MARKS.format(name=name, began_at=began_at))
        return {row["id"]: {**row, "signalled_at": signalled.get(row["id"])} for row in found}


def answer_phases(payments: Sequence[Seen], marks: Mapping[str, Marks]) -> dict[str, Latency]:
    """From the moment a POST was due to its answer; payments that were made to fail are left out."""
    paths = [
        [("", one.due_at), *_path(ANSWER, {**marks[one.payment_id], "answered_at": one.answered_at})]
        for one in payments
        if not one.failed_at and one.payment_id in marks
    ]
    return _phases(ANSWER, paths)


def call_phases(payments: Sequence[Seen], marks: Mapping[str, Marks]) -> dict[str, Latency]:
    """From a callback's transaction to the commit of `succeeded`; payments that a poll brought home are left out."""
    found = [marks[one.payment_id] for one in payments if one.payment_id in marks]
    called = [one for one in found if was_called(one)]
    return _phases(CALL, [[("", one["kept_at"]), *_path(CALL, one)] for one in called])


def was_called(marks: Marks) -> bool:
    """Whether the callback came before the payment's last transaction, so that it can have caused it."""
    return marks["kept_at"] is not None and marks["kept_at"] <= marks["confirming_at"]


def _path(phases: Sequence[tuple[str, str]], marks: Marks) -> list[tuple[str, float]]:
    """The phases that this payment shows, with the moment at which each ended."""
    return [(name, marks[mark]) for name, mark in phases if marks.get(mark) is not None]


def _phases(phases: Sequence[tuple[str, str]], paths: Sequence[list[tuple[str, float]]]) -> dict[str, Latency]:
    """Steps that share a transaction show as one phase; a clock that went back shows as nothing."""
    took_ms: dict[str, list[float]] = {name: [] for name, _ in phases}
    for path in paths:
        for (_, before), (name, after) in pairwise(path):
            took_ms[name].append(max(0.0, after - before) * 1_000)
    return {name: Latency.of(values) for name, values in took_ms.items() if values}


def _signalled(log: Path) -> dict[str, float]:
    """When the API had passed each payment's callback on, by its own log; empty where it logs less."""
    if not log.exists():
        return {}
    with log.open(encoding="utf-8", errors="replace") as lines:
        passed_on = [json.loads(line) for line in lines if _SIGNALLED in line]
    return {one["workflow_id"]: datetime.fromisoformat(one["timestamp"]).timestamp() for one in passed_on}
