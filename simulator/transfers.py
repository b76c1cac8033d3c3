"""Transfers in the book: the merchant's money that goes out to a payee."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from simulator.balances import Balances
from simulator.clock import Clock
from simulator.database import Database
from simulator.refusals import (
    AppBalanceError,
    PayeeRefusedError,
    TransferEndedError,
    TransferNotFoundError,
    TransferNotSucceededError,
)

REFUSING_ACCOUNT = "refuse"


class TransferState(StrEnum):
    """`processing` ends in `succeeded` or `failed`; `returned` follows `succeeded`."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    RETURNED = "returned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer. `terms` is what the merchant asked for; times are epoch seconds."""

    out_transfer_no: str
    channel: str
    channel_transfer_no: str
    app_id: str
    state: TransferState
    amount_minor: int
    currency: str
    account: str
    notify_url: str | None
    terms: str
    succeeded_at: float | None = None
    returned_at: float | None = None
    fail_code: str | None = None
    end_at: float | None = None
    previous: str | None = None

    def before_last_change(self) -> "Transfer":
        """Give the transfer as it was before its last change; unchanged ones as they are."""
        return self if self.previous is None else replace(self, **_changeable(orjson.loads(self.previous)))


def _changeable(row: dict[str, Any]) -> dict[str, Any]:
    names = ("succeeded_at", "returned_at", "fail_code")
    return {"state": TransferState(row["state"]), **{name: row[name] for name in names}}


def _transfer(row: dict[str, Any]) -> Transfer:
    return Transfer(**{**row, "state": TransferState(row["state"])})


class Transfers:
    """The transfers of all channels; every method works inside the caller's transaction."""

    def __init__(self, database: Database, clock: Clock, balances: Balances) -> None:
        self._database = database
        self._clock = clock
        self._balances = balances

    def find(self, out_transfer_no: str) -> Transfer | None:
        """Give the transfer or None."""
        row = self._database.one("SELECT * FROM transfers WHERE out_transfer_no = ?", out_transfer_no)
        return None if row is None else _transfer(row)

    def get(self, out_transfer_no: str) -> Transfer:
        """Give the transfer or raise `TransferNotFoundError`."""
        transfer = self.find(out_transfer_no)
        if transfer is None:
            raise TransferNotFoundError(f"no transfer {out_transfer_no}")
        return transfer

    def place(self, transfer: Transfer) -> Transfer:
        """Take the money out of the merchant's balance and write the transfer down, or refuse and write nothing."""
        if transfer.account.startswith(REFUSING_ACCOUNT):
            raise PayeeRefusedError("the account takes no money")
        if transfer.amount_minor > self._balances.of(transfer.app_id, transfer.currency):
            raise AppBalanceError(f"the balance of {transfer.app_id} does not cover {transfer.amount_minor}")
        self._balances.add(transfer.app_id, transfer.currency, -transfer.amount_minor)
        names = Transfer.__dataclass_fields__
        self._database.insert("transfers", {name: getattr(transfer, name) for name in names})
        return transfer

    def succeed(self, out_transfer_no: str) -> Transfer:
        """The payee has the money."""
        transfer = self._processing(out_transfer_no)
        return self._change(transfer, {"state": TransferState.SUCCEEDED, "succeeded_at": self._clock.now()})

    def fail(self, out_transfer_no: str, code: str) -> Transfer:
        """The payee's bank refused it: the money is back in the merchant's balance."""
        transfer = self._processing(out_transfer_no)
        return self._give_back(transfer, {"state": TransferState.FAILED, "fail_code": code})

    def send_back(self, out_transfer_no: str, code: str) -> Transfer:
        """The payee had it and its bank sent it back: the money is back in the merchant's balance."""
        transfer = self.get(out_transfer_no)
        if transfer.state is not TransferState.SUCCEEDED:
            raise TransferNotSucceededError(f"{out_transfer_no} is {transfer.state}")
        change = {"state": TransferState.RETURNED, "returned_at": self._clock.now(), "fail_code": code}
        return self._give_back(transfer, change)

    def every(self) -> list[Transfer]:
        """List all transfers, oldest number first."""
        rows = self._database.rows("SELECT * FROM transfers ORDER BY channel_transfer_no")
        return [_transfer(row) for row in rows]

    def ending_by_themselves(self) -> list[Transfer]:
        """List the transfers under way whose success was announced for a certain time."""
        announced = "SELECT * FROM transfers WHERE state = 'processing' AND end_at IS NOT NULL"
        return [_transfer(row) for row in self._database.rows(announced)]

    def _processing(self, out_transfer_no: str) -> Transfer:
        transfer = self.get(out_transfer_no)
        if transfer.state is not TransferState.PROCESSING:
            raise TransferEndedError(f"{out_transfer_no} is {transfer.state}")
        return transfer

    def _give_back(self, transfer: Transfer, change: dict[str, Any]) -> Transfer:
        self._balances.add(transfer.app_id, transfer.currency, transfer.amount_minor)
        return self._change(transfer, change)

    def _change(self, transfer: Transfer, change: dict[str, Any]) -> Transfer:
        previous = orjson.dumps(_changeable({name: getattr(transfer, name) for name in transfer.__slots__})).decode()
        change = {**change, "previous": previous}
        columns = ", ".join(f"{name} = ?" for name in change)
        statement = f"UPDATE transfers SET {columns} WHERE out_transfer_no = ?"  # noqa: S608 - names are ours
        self._database.execute(statement, *change.values(), transfer.out_transfer_no)
        return replace(transfer, **change)
