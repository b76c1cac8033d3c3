"""Faults that can be armed: which call misbehaves, how, and how often."""

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from simulator.refusals import ParamError


class Operation(StrEnum):
    """What a merchant calls at a channel, and the callback the channel sends."""

    PAY = "pay"
    QUERY = "query"
    CLOSE = "close"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"
    TRANSFER = "transfer"
    TRANSFER_QUERY = "transfer_query"
    BALANCE = "balance"
    CALLBACK = "callback"


class Flaw(StrEnum):
    """How a call misbehaves."""

    ACCEPT_THEN_TIMEOUT = "accept_then_timeout"
    ACCEPT_THEN_RESET = "accept_then_reset"
    RESET_BEFORE = "reset_before"
    STATUS_500 = "status_500"
    STATUS_500_COMMIT = "status_500_commit"
    STATUS_429 = "status_429"
    SLOW = "slow"
    BAD_SIGNATURE = "bad_signature"
    STALE = "stale"
    LOST = "lost"
    DUPLICATE = "duplicate"
    LATE = "late"
    WRONG_AMOUNT = "wrong_amount"


EVERY_FLAW = frozenset(Flaw)
NOT_EXECUTED = frozenset({Flaw.RESET_BEFORE, Flaw.STATUS_500, Flaw.STATUS_429})
FATE_OF_CALLBACK = frozenset({Flaw.LOST, Flaw.DUPLICATE, Flaw.LATE})  # decided once, when the callback is due
FORM_OF_CALLBACK = frozenset({Flaw.BAD_SIGNATURE, Flaw.WRONG_AMOUNT})  # decided at each sending

_OF_EVERY_CALL = NOT_EXECUTED | {
    Flaw.ACCEPT_THEN_TIMEOUT,
    Flaw.ACCEPT_THEN_RESET,
    Flaw.STATUS_500_COMMIT,
    Flaw.SLOW,
    Flaw.BAD_SIGNATURE,
}
_SENSIBLE = {
    Operation.PAY: _OF_EVERY_CALL | {Flaw.WRONG_AMOUNT},
    Operation.QUERY: _OF_EVERY_CALL | {Flaw.STALE},
    Operation.CLOSE: _OF_EVERY_CALL | {Flaw.LATE},
    Operation.REFUND: _OF_EVERY_CALL,
    Operation.REFUND_QUERY: _OF_EVERY_CALL | {Flaw.STALE},
    Operation.TRANSFER: _OF_EVERY_CALL,
    Operation.TRANSFER_QUERY: _OF_EVERY_CALL | {Flaw.STALE},
    Operation.BALANCE: _OF_EVERY_CALL,
    Operation.CALLBACK: FATE_OF_CALLBACK | FORM_OF_CALLBACK,
}
_DELAY_S = {Flaw.ACCEPT_THEN_TIMEOUT: 60.0, Flaw.SLOW: 3.0, Flaw.LATE: 30.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One order to misbehave: `times` calls of `op`, of one number or one merchant only when they are given."""

    op: Operation
    do: Flaw
    times: int
    out_no: str | None = None
    app_id: str | None = None
    delay_s: float | None = None

    def meets(self, numbers: Collection[str | None], app_id: str | None) -> bool:
        """Tell whether a call about these numbers, by this merchant, is one that it is for."""
        return (self.out_no is None or self.out_no in numbers) and self.app_id in {None, app_id}

    def wait_s(self) -> float:
        """Give the delay in seconds: the one asked for, else the flaw's own."""
        return _DELAY_S.get(self.do, 0.0) if self.delay_s is None else self.delay_s


class FaultTable:
    """The armed faults, oldest first. They live in memory: a restart heals everything."""

    def __init__(self) -> None:
        self._armed: dict[int, Fault] = {}
        self._left: dict[int, int] = {}
        self._ids = itertools.count(1)

    def arm(self, fault: Fault) -> int:
        """Arm the fault and give its id; `ParamError` when the operation cannot misbehave in that way."""
        if fault.do not in _SENSIBLE[fault.op]:
            raise ParamError(f"{fault.op} cannot {fault.do}; it can {', '.join(sorted(_SENSIBLE[fault.op]))}")
        fault_id = next(self._ids)
        self._armed[fault_id], self._left[fault_id] = fault, fault.times
        return fault_id

    def take(
        self,
        op: Operation,
        numbers: Collection[str | None],
        flaws: Collection[Flaw] = EVERY_FLAW,
        *,
        app_id: str | None = None,
    ) -> Fault | None:
        """Use up one time of the oldest fault that meets this call, and give it."""
        for fault_id, fault in self._armed.items():
            if fault.op is op and fault.do in flaws and fault.meets(numbers, app_id):
                self._use(fault_id)
                return fault
        return None

    def _use(self, fault_id: int) -> None:
        self._left[fault_id] -= 1
        if self._left[fault_id] == 0:
            del self._armed[fault_id], self._left[fault_id]

    def armed(self) -> list[dict[str, object]]:
        """List what is armed; `times` is what is left."""
        return [
            {
                "fault_id": fault_id,
                "op": fault.op,
                "do": fault.do,
                "times": self._left[fault_id],
                "out_no": fault.out_no,
                "app_id": fault.app_id,
                "delay_s": fault.delay_s,
            }
            for fault_id, fault in self._armed.items()
        ]

    def disarm(self) -> int:
        """Disarm everything and give how many faults that were."""
        count = len(self._armed)
        self._armed.clear()
        self._left.clear()
        return count
