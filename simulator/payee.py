"""What payees and their banks do with a transfer: take it, refuse it, send it back, by command or by themselves."""

from functools import partial

from simulator.channel import NoticeKind
from simulator.clock import wall
from simulator.dials import Dials
from simulator.notifier import Notifier
from simulator.timetable import Timetable
from simulator.transfers import Transfer, Transfers

TRANSFER_MS = "transfer_ms"


class Payee:
    """Changes the book as the outside world would, and has the merchant told. Timers survive a restart."""

    def __init__(self, dials: Dials, *, transfers: Transfers, notifier: Notifier, timetable: Timetable) -> None:
        self._dials = dials
        self._transfers = transfers
        self._notifier = notifier
        self._timetable = timetable

    def start(self) -> None:
        """Announce again what an earlier run had announced."""
        for transfer in self._transfers.ending_by_themselves():
            self._end_when_due(transfer)

    def end(self, out_transfer_no: str, fail_code: str | None = None) -> Transfer:
        """The transfer succeeds, or fails with the code; the merchant is told if it asked to be."""
        if fail_code is None:
            return self._told(self._transfers.succeed(out_transfer_no))
        return self._told(self._transfers.fail(out_transfer_no, fail_code))

    def send_back(self, out_transfer_no: str, code: str) -> Transfer:
        """A succeeded transfer comes back; the merchant is told if it asked to be."""
        return self._told(self._transfers.send_back(out_transfer_no, code))

    def transfer_arrives_at(self) -> float | None:
        """Give when a transfer made now will have arrived, or None when only a command ends it."""
        transfer_ms: int | None = self._dials.read(TRANSFER_MS, 0)
        return None if transfer_ms is None else wall() + transfer_ms / 1000

    def await_arrival(self, transfer: Transfer) -> Transfer:
        """Have a new transfer arrive: at once, inside the caller's transaction, unless a delay was set."""
        if transfer.end_at is None:
            return transfer
        if transfer.end_at <= wall():
            return self.end(transfer.out_transfer_no)
        self._end_when_due(transfer)
        return transfer

    def _end_when_due(self, transfer: Transfer) -> None:
        self._timetable.announce(transfer.end_at, partial(self.end, transfer.out_transfer_no))

    def _told(self, transfer: Transfer) -> Transfer:
        if transfer.notify_url is not None:
            number = transfer.out_transfer_no
            about = {"app_id": transfer.app_id, "number": number, "out_no": number, "url": transfer.notify_url}
            self._notifier.tell(self._notifier.new_notice(NoticeKind.TRANSFER, transfer.channel, **about))
        return transfer
