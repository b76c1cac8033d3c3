"""What the sim channel does with a merchant's money on request: transfers and its balance."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from simulator.balances import Balances
from simulator.clock import Clock
from simulator.faults import Flaw, Operation
from simulator.fields import CURRENCY, NUMBER, Fields
from simulator.payee import Payee
from simulator.refusals import DuplicateMismatchError, ParamError, RefusedError, TransferNotFoundError
from simulator.sim.gate import Call
from simulator.sim.wire import CHANNEL, channel_number, same_terms, transfer_object, transfer_terms
from simulator.transfers import Transfer, Transfers, TransferState

TRANSFER_OPERATIONS = frozenset({Operation.TRANSFER, Operation.TRANSFER_QUERY, Operation.BALANCE})


class TransferOperations:
    """Transfers as the merchant sees them; another app's numbers do not exist for it."""

    def __init__(self, transfers: Transfers, balances: Balances, *, payee: Payee, clock: Clock) -> None:
        self._transfers = transfers
        self._balances = balances
        self._payee = payee
        self._clock = clock

    def execute(self, call: Call, app_id: str, flaw: Flaw | None) -> dict[str, Any]:
        """Do what the call asks and give the object to answer with, or raise `RefusedError`."""
        match call.op:
            case Operation.TRANSFER:
                return transfer_object(self._transfer(Fields(call.body), app_id))
            case Operation.TRANSFER_QUERY:
                transfer = self._known_transfer(call.number, app_id)
                return transfer_object(transfer.before_last_change() if flaw is Flaw.STALE else transfer)
            case Operation.BALANCE:
                return self._balance(call, app_id)
            case _:
                raise RefusedError(f"this is no transfer: {call.op}")

    def _transfer(self, fields: Fields, app_id: str) -> Transfer:
        out_transfer_no, terms = fields.text("out_transfer_no", NUMBER), transfer_terms(fields)
        known = self._transfers.find(out_transfer_no)
        if known is not None:
            if known.app_id != app_id or known.channel != CHANNEL or not same_terms(known.terms, terms):
                raise DuplicateMismatchError(f"{out_transfer_no} exists with other fields")
            return known
        transfer = Transfer(
            out_transfer_no=out_transfer_no,
            channel=CHANNEL,
            channel_transfer_no=channel_number("SIMT", self._clock.now()),
            app_id=app_id,
            state=TransferState.PROCESSING,
            amount_minor=terms["amount_minor"],
            currency=terms["currency"],
            account=terms["account"],
            notify_url=terms["notify_url"],
            terms=orjson.dumps(terms).decode(),
            end_at=self._payee.transfer_arrives_at(),
        )
        return self._payee.await_arrival(self._transfers.place(transfer))

    def _known_transfer(self, out_transfer_no: str, app_id: str) -> Transfer:
        transfer = self._transfers.get(out_transfer_no)
        if transfer.app_id != app_id or transfer.channel != CHANNEL:
            raise TransferNotFoundError(f"no transfer {out_transfer_no}")
        return transfer

    def _balance(self, call: Call, app_id: str) -> dict[str, Any]:
        currency = dict(parse_qsl(urlsplit(call.target).query)).get("currency", "")
        if CURRENCY.fullmatch(currency) is None:
            raise ParamError(f"currency must match {CURRENCY.pattern}")
        return {"currency": currency, "available_minor": self._balances.of(app_id, currency)}
