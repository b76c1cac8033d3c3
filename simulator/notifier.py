"""Callbacks to merchants: sent at once, repeated until acknowledged, not forgotten by a restart."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.callback_client import CallbackClient
from simulator.channel import CallbackRequest, Channel, Notice, NoticeKind
from simulator.clock import Clock, wall
from simulator.database import Database
from simulator.faults import FATE_OF_CALLBACK, FORM_OF_CALLBACK, Fault, FaultTable, Flaw, Operation
from simulator.journal import Entry, Journal

REPEATS_AFTER_S = (1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1800)
ANSWER_WITHIN_S = 5.0
_DUPLICATES = 3
_AT_ONCE_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending:
    request: CallbackRequest
    status: int | None
    verdict: str


class Notifier:
    """One timer for each notice that is pending; due times are of the wall and stand in the book."""

    def __init__(self, database: Database, clock: Clock, *, faults: FaultTable, journal: Journal) -> None:
        self._database = database
        self._clock = clock
        self._faults = faults
        self._journal = journal
        self._channels: Mapping[str, Channel] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._sendings: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE_MAX)
        self._client = CallbackClient()

    def start(self, channels: Mapping[str, Channel]) -> None:
        """Take up what an earlier run left pending."""
        self._channels = channels
        self._schedule_pending()

    def tell(self, notice: Notice) -> None:
        """Write the notice down in the caller's transaction; its first sending follows once that has committed."""
        fault = self._faults.take(
            Operation.CALLBACK, {notice.number, notice.out_no}, FATE_OF_CALLBACK, app_id=notice.app_id
        )
        row = {name: getattr(notice, name) for name in notice.__slots__} | {"state": "pending"} | _fate(fault)
        self._database.insert("notifications", row)
        if row["state"] == "lost":
            self._journal.write(_lost(notice))
        else:
            self._schedule(notice.notify_id, row["due_at"])

    def new_notice(self, kind: NoticeKind, channel: str, **about: str) -> Notice:
        """Make a notice that is due now; `about` gives app_id, number, out_no and url."""
        return Notice(
            notify_id=f"ntf{secrets.token_hex(12)}",
            channel=channel,
            kind=kind,
            created_at=self._clock.now(),
            sent=0,
            copies=1,
            due_at=wall(),
            **about,
        )

    def advance(self, advance_s: float) -> None:
        """Bring every pending repeat nearer by so many seconds, as if they had passed."""
        with self._database.transaction():
            self._database.execute("UPDATE notifications SET due_at = due_at - ? WHERE state = 'pending'", advance_s)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._schedule_pending()

    async def close(self) -> None:
        """Stop sending; what was pending stays pending in the book."""
        for timer in self._timers.values():
            timer.cancel()
        for sending in self._sendings.values():
            sending.cancel()
        await asyncio.gather(*self._sendings.values(), return_exceptions=True)
        self._client.close()

    def _schedule_pending(self) -> None:
        pending = self._database.rows("SELECT notify_id, due_at FROM notifications WHERE state = 'pending'")
        for row in pending:
            if row["notify_id"] not in self._sendings:
                self._schedule(row["notify_id"], row["due_at"])

    def _schedule(self, notify_id: str, due_at: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[notify_id] = loop.call_later(max(0.0, due_at - wall()), self._begin, notify_id)

    def _begin(self, notify_id: str) -> None:
        del self._timers[notify_id]
        self._sendings[notify_id] = asyncio.get_running_loop().create_task(self._deliver(notify_id))

    async def _deliver(self, notify_id: str) -> None:
        try:
            row = self._database.one("SELECT * FROM notifications WHERE notify_id = ?", notify_id)
            if row is not None and row.pop("state") == "pending":
                await self._deliver_notice(Notice(**{**row, "kind": NoticeKind(row["kind"])}))
        finally:
            del self._sendings[notify_id]

    async def _deliver_notice(self, notice: Notice) -> None:
        fault = self._faults.take(
            Operation.CALLBACK, {notice.number, notice.out_no}, FORM_OF_CALLBACK, app_id=notice.app_id
        )
        flaw = None if fault is None else fault.do
        async with self._places:
            copies = [self._send(notice, flaw) for _ in range(notice.copies)]
            sendings = await asyncio.gather(*copies) if len(copies) > 1 else [await copies[0]]
        self._record(notice, sendings, flaw)

    async def _send(self, notice: Notice, flaw: Flaw | None) -> _Sending:
        channel = self._channels[notice.channel]
        request = channel.callback_request(notice, flaw)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await self._client.post(request.url, request.headers, request.body)
        except (OSError, ValueError) as failure:
            return _Sending(request=request, status=None, verdict=f"no answer: {type(failure).__name__}")
        verdict = "acknowledged" if channel.is_acknowledged(answer.status, answer.body) else "not acknowledged"
        return _Sending(request=request, status=answer.status, verdict=verdict)

    def _record(self, notice: Notice, sendings: list[_Sending], flaw: Flaw | None) -> None:
        acknowledged = any(sending.verdict == "acknowledged" for sending in sendings)
        given_up = notice.sent >= len(REPEATS_AFTER_S)
        state = "acknowledged" if acknowledged else "given_up" if given_up else "pending"
        due_at = notice.due_at if state != "pending" else wall() + REPEATS_AFTER_S[notice.sent]
        with self._database.transaction():
            for sending in sendings:
                self._journal.write(_sent(notice, sending, flaw))
            self._database.execute(
                "UPDATE notifications SET state = ?, due_at = ?, sent = sent + 1, copies = 1 WHERE notify_id = ?",
                state,
                due_at,
                notice.notify_id,
            )
        if state == "pending":
            self._schedule(notice.notify_id, due_at)


def _fate(fault: Fault | None) -> dict[str, Any]:
    match fault.do if fault else None:
        case Flaw.LOST:
            return {"state": "lost"}
        case Flaw.DUPLICATE:
            return {"copies": _DUPLICATES}
        case Flaw.LATE if fault:
            return {"due_at": wall() + fault.wait_s()}
        case _:
            return {}


def _lost(notice: Notice) -> Entry:
    return Entry(
        direction="out",
        method="POST",
        path=notice.url,
        headers={},
        body=b"",
        status=None,
        verdict="never sent",
        fault=Flaw.LOST,
        out_no=notice.out_no,
        refund_no=notice.number if notice.kind is NoticeKind.REFUND else None,
    )


def _sent(notice: Notice, sending: _Sending, flaw: Flaw | None) -> Entry:
    return Entry(
        direction="out",
        method="POST",
        path=sending.request.url,
        headers=sending.request.headers,
        body=sending.request.body,
        status=sending.status,
        verdict=sending.verdict,
        fault=flaw,
        out_no=notice.out_no,
        refund_no=notice.number if notice.kind is NoticeKind.REFUND else None,
    )
