"""The sim channel over HTTP: `docs/sim-protocol.md`, with the faults that were armed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.callback_client import Destination
from simulator.channel import CallbackRequest, Notice, NoticeKind
from simulator.clock import rfc3339
from simulator.connections import DroppedResponse, HeldResponse, SlowResponse
from simulator.faults import NOT_EXECUTED, Fault, Flaw, Operation
from simulator.journal import Entry, json_or_text
from simulator.refusals import RateLimitedError, RefusedError, SystemFailureError
from simulator.sim.cashier_page import cashier_page
from simulator.sim.gate import Call, Gate
from simulator.sim.operations import Operations
from simulator.sim.signing import spoiled
from simulator.sim.transfers import TRANSFER_OPERATIONS, TransferOperations
from simulator.sim.wire import CHANNEL, refund_object, transfer_object
from simulator.world import World

HTTP_OK = 200
_UNANSWERED = frozenset({Flaw.RESET_BEFORE, Flaw.ACCEPT_THEN_RESET, Flaw.ACCEPT_THEN_TIMEOUT})


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: int
    body: bytes
    verdict: str


def _accepted(answer: dict[str, Any]) -> _Outcome:
    return _Outcome(HTTP_OK, orjson.dumps(answer), "OK")


def _refused(refusal: RefusedError) -> _Outcome:
    return _Outcome(refusal.status, orjson.dumps(refusal.answer()), refusal.code)


class SimChannel:
    """A third party that signs JSON with Ed25519."""

    name = CHANNEL

    def __init__(self, world: World) -> None:
        self._world = world
        self._gate = Gate(world.database, self.name)
        self._operations = Operations(
            world.orders,
            world.refunds,
            cashier=world.cashier,
            clock=world.clock,
            cashier_url=f"{world.public_url}/sim/cashier",
        )
        self._transfers = TransferOperations(world.transfers, world.balances, payee=world.payee, clock=world.clock)

    def routes(self) -> list[Route]:
        """Give the protocol's routes and the page on which a person pays."""
        return [
            Route("/sim/v1/orders", self._endpoint(Operation.PAY), methods=["POST"]),
            Route("/sim/v1/orders/{number}", self._endpoint(Operation.QUERY), methods=["GET"]),
            Route("/sim/v1/orders/{number}/close", self._endpoint(Operation.CLOSE), methods=["POST"]),
            Route("/sim/v1/refunds", self._endpoint(Operation.REFUND), methods=["POST"]),
            Route("/sim/v1/refunds/{number}", self._endpoint(Operation.REFUND_QUERY), methods=["GET"]),
            Route("/sim/v1/transfers", self._endpoint(Operation.TRANSFER), methods=["POST"]),
            Route("/sim/v1/transfers/{number}", self._endpoint(Operation.TRANSFER_QUERY), methods=["GET"]),
            Route("/sim/v1/balance", self._endpoint(Operation.BALANCE), methods=["GET"]),
            Route("/sim/cashier/{channel_no}", self._show_cashier, methods=["GET"]),
        ]

    def register(self, app_id: str, public_key: str) -> str:
        """Know the merchant from now on, by this key alone, and give the channel's own public key."""
        return self._gate.register(app_id, public_key)

    def callback_request(self, notice: Notice, flaw: Flaw | None) -> CallbackRequest:
        """Write and sign the callback as the book stands now."""
        body = orjson.dumps(
            {
                "notify_id": notice.notify_id,
                "kind": notice.kind,
                "app_id": notice.app_id,
                "created_at": rfc3339(notice.created_at),
                "resource": self._resource(notice, flaw),
            }
        )
        target = Destination.of(notice.url).target
        headers = self._gate.callback_headers(notice.app_id, target, body)
        if flaw is Flaw.BAD_SIGNATURE:
            headers["Sim-Signature"] = spoiled(headers["Sim-Signature"])
        return CallbackRequest(url=notice.url, headers=headers, body=body)

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """Tell whether the answer is 200 with code OK."""
        answer = json_or_text(body.decode("utf-8", "replace"))
        return status == HTTP_OK and isinstance(answer, dict) and answer.get("code") == "OK"

    def _resource(self, notice: Notice, flaw: Flaw | None) -> dict[str, Any]:
        stated = "amount_minor"
        match notice.kind:
            case NoticeKind.PAYMENT:
                resource = self._operations.order_object(self._world.orders.get(notice.number))
                stated = "paid_amount_minor"
            case NoticeKind.REFUND:
                resource = refund_object(self._world.refunds.get(notice.number))
            case NoticeKind.TRANSFER:
                resource = transfer_object(self._world.transfers.get(notice.number))
        if flaw is Flaw.WRONG_AMOUNT:
            resource[stated] -= 1
        return resource

    def _endpoint(self, op: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            call = await Call.read(op, request)
            with self._world.database.transaction():
                outcome, fault = self._decide(call)
            return self._answer(call, outcome, fault)

        return endpoint

    def _decide(self, call: Call) -> tuple[_Outcome, Fault | None]:
        out_no, refund_no = self._numbers(call)
        fault = None
        try:
            app_id = self._gate.admit(call)
            fault = self._world.faults.take(call.op, {out_no, refund_no}, app_id=app_id)
            outcome = self._execute(call, app_id, None if fault is None else fault.do)
        except RefusedError as refusal:
            outcome = _refused(refusal)
        self._journal(call, outcome, fault=fault, out_no=out_no, refund_no=refund_no)
        return outcome, fault

    def _execute(self, call: Call, app_id: str, flaw: Flaw | None) -> _Outcome:
        if flaw is Flaw.STATUS_429:
            raise RateLimitedError("too many requests")
        if flaw in NOT_EXECUTED:
            raise SystemFailureError("the channel stumbled")
        operations = self._transfers if call.op in TRANSFER_OPERATIONS else self._operations
        outcome = _accepted(operations.execute(call, app_id, flaw))
        if flaw is Flaw.STATUS_500_COMMIT:
            raise SystemFailureError("the channel stumbled")
        return outcome

    def _numbers(self, call: Call) -> tuple[str | None, str | None]:
        if call.op in {Operation.QUERY, Operation.CLOSE, Operation.TRANSFER_QUERY}:
            return call.number, None
        if call.op is Operation.REFUND_QUERY:
            refund = self._world.refunds.find(call.number)
            return None if refund is None else refund.out_no, call.number
        fields = json_or_text(call.body.decode("utf-8", "replace"))
        if not isinstance(fields, dict):
            return None, None
        out_no = fields.get("out_transfer_no" if call.op is Operation.TRANSFER else "out_no")
        refund_no = fields.get("out_refund_no")
        return out_no if isinstance(out_no, str) else None, refund_no if isinstance(refund_no, str) else None

    def _journal(
        self, call: Call, outcome: _Outcome, *, fault: Fault | None, out_no: str | None, refund_no: str | None
    ) -> None:
        flaw = None if fault is None else fault.do
        self._world.journal.write(
            Entry(
                direction="in",
                method=call.method,
                path=call.target,
                headers=call.headers,
                body=call.body,
                status=None if flaw in _UNANSWERED else outcome.status,
                verdict="not executed" if flaw in NOT_EXECUTED else outcome.verdict,
                fault=flaw,
                out_no=out_no,
                refund_no=refund_no,
            )
        )

    def _answer(self, call: Call, outcome: _Outcome, fault: Fault | None) -> Response:
        headers = self._gate.answer_headers(call, outcome.status, outcome.body)
        flaw = None if fault is None else fault.do
        if flaw is Flaw.BAD_SIGNATURE:
            headers["Sim-Signature"] = spoiled(headers["Sim-Signature"])
        answer = Response(outcome.body, outcome.status, headers, media_type="application/json")
        if fault is None:
            return answer
        match fault.do:
            case Flaw.RESET_BEFORE | Flaw.ACCEPT_THEN_RESET:
                return DroppedResponse()
            case Flaw.ACCEPT_THEN_TIMEOUT:
                return HeldResponse(fault.wait_s(), self._world.stopping)
            case Flaw.SLOW:
                return SlowResponse(answer, fault.wait_s(), self._world.stopping)
            case _:
                return answer

    async def _show_cashier(self, request: Request) -> Response:
        with self._world.database.transaction():
            order = self._world.orders.of_channel_no(request.path_params["channel_no"])
        return cashier_page(order)
