"""The control API, unsigned, for loopback: what payers and banks do, faults, the clock, and the judge's truth."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.cashier import AUTO_PAY_MS, REFUND_MS
from simulator.clock import rfc3339
from simulator.faults import Fault, Flaw, Operation
from simulator.fields import CURRENCY, Fields
from simulator.payee import TRANSFER_MS
from simulator.refunds import RefundState
from simulator.refusals import ChannelNotFoundError, ParamError, RefusedError
from simulator.rows import order_row, refund_row, transfer_row
from simulator.transfers import TransferState
from simulator.world import World

MODES = {AUTO_PAY_MS: None, REFUND_MS: 0, TRANSFER_MS: 0}  # and what holds from the start
JOURNAL_LIMIT = 100
JOURNAL_LIMIT_MAX = 1_000


def json_answer(value: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


async def refused(_request: Request, refusal: Exception) -> Response:
    """Answer a refusal with `{code, message}`."""
    if not isinstance(refusal, RefusedError):
        raise refusal
    return json_answer(refusal.answer(), refusal.status)


def limit_of(request: Request) -> int:
    """Read how many entries a list may have, 100 if nothing is said."""
    limit = request.query_params.get("limit", str(JOURNAL_LIMIT))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= JOURNAL_LIMIT_MAX):
        raise ParamError(f"limit must be 1 to {JOURNAL_LIMIT_MAX}")
    return int(limit)


class Control:
    """The endpoints under `/_sim/`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def apps(self, request: Request) -> Response:
        """Register a merchant at a channel."""
        fields = Fields(await request.body())
        name = fields.optional_text("channel") or "sim"
        if name not in self._world.channels:
            raise ChannelNotFoundError(f"no channel {name}")
        app_id = fields.text("app_id")
        public_key = self._world.channels[name].register(app_id, fields.text("public_key"))
        return json_answer({"app_id": app_id, "channel_public_key": public_key})

    async def pay(self, request: Request) -> Response:
        """The payer pays."""
        fields = Fields(await request.body())
        out_no, amount_minor = fields.text("out_no"), fields.optional_integer("amount_minor")
        force = fields.flag("force")
        with self._world.database.transaction():
            order = self._world.cashier.pay(out_no, amount_minor, force=force)
        return json_answer(order_row(order))

    async def fail(self, request: Request) -> Response:
        """The payer is declined for good."""
        fields = Fields(await request.body())
        out_no, code = fields.text("out_no"), fields.text("code")
        with self._world.database.transaction():
            order = self._world.orders.decline(out_no, code)
        return json_answer(order_row(order))

    async def refund(self, request: Request) -> Response:
        """A refund under way succeeds or fails, or a succeeded one bounces."""
        fields = Fields(await request.body())
        refund_no, state = fields.text("refund_no"), fields.choice("state", RefundState)
        code, cashier = fields.optional_text("code"), self._world.cashier
        with self._world.database.transaction():
            match state:
                case RefundState.PROCESSING:
                    raise ParamError("state must be succeeded, failed or bounced")
                case RefundState.SUCCEEDED:
                    refund = cashier.end_refund(refund_no)
                case RefundState.FAILED:
                    refund = cashier.end_refund(refund_no, code or "REFUND_REJECTED")
                case RefundState.BOUNCED:
                    refund = cashier.bounce_refund(refund_no, code or "REFUND_BOUNCED")
        return json_answer(refund_row(refund))

    async def transfer(self, request: Request) -> Response:
        """A transfer under way succeeds or fails, or a succeeded one is returned."""
        fields = Fields(await request.body())
        transfer_no, state = fields.text("transfer_no"), fields.choice("state", TransferState)
        code, payee = fields.optional_text("code"), self._world.payee
        with self._world.database.transaction():
            match state:
                case TransferState.PROCESSING:
                    raise ParamError("state must be succeeded, failed or returned")
                case TransferState.SUCCEEDED:
                    transfer = payee.end(transfer_no)
                case TransferState.FAILED:
                    transfer = payee.end(transfer_no, code or "TRANSFER_REJECTED")
                case TransferState.RETURNED:
                    transfer = payee.send_back(transfer_no, code or "TRANSFER_RETURNED")
        return json_answer(transfer_row(transfer))

    async def withdraw(self, request: Request) -> Response:
        """The merchant draws money out of its balance at the channel; a negative amount puts some in."""
        fields = Fields(await request.body())
        app_id, currency = fields.text("app_id"), fields.text("currency", CURRENCY)
        amount_minor = fields.integer("amount_minor", least=-(10**15))
        with self._world.database.transaction():
            self._world.balances.add(app_id, currency, -amount_minor)
        return json_answer({"app_id": app_id, "balance_minor": self._world.balances.of(app_id, currency)})

    async def mode(self, request: Request) -> Response:
        """Set what happens by itself."""
        fields = Fields(await request.body())
        turned = {name: fields.optional_integer(name, least=0) for name in MODES if fields.mentions(name)}
        if not turned:
            raise ParamError(f"one of {', '.join(MODES)} must be there")
        for name, value in turned.items():
            self._world.dials.turn(name, value)
        return await self.show_mode(request)

    async def show_mode(self, _request: Request) -> Response:
        """Tell what happens by itself."""
        dials = self._world.dials
        return json_answer({name: dials.read(name, default) for name, default in MODES.items()})

    async def fault(self, request: Request) -> Response:
        """Arm a fault."""
        fields = Fields(await request.body())
        fault = Fault(
            op=fields.choice("op", Operation),
            do=fields.choice("do", Flaw),
            times=fields.integer("times"),
            out_no=fields.optional_text("out_no"),
            app_id=fields.optional_text("app_id"),
            delay_s=fields.optional_delay("delay_s"),
        )
        return json_answer({"fault_id": self._world.faults.arm(fault)})

    async def faults(self, _request: Request) -> Response:
        """List what is armed."""
        return json_answer(self._world.faults.armed())

    async def disarm(self, _request: Request) -> Response:
        """Disarm everything."""
        return json_answer({"disarmed": self._world.faults.disarm()})

    async def move_clock(self, request: Request) -> Response:
        """Move the channel's clock: expiries fall due, and repeats of callbacks come nearer."""
        advance_s = Fields(await request.body()).seconds("advance_s")
        self._world.clock.advance(advance_s)
        with self._world.database.transaction():
            self._world.orders.close_expired()
        self._world.notifier.advance(advance_s)
        return await self.show_clock(request)

    async def show_clock(self, _request: Request) -> Response:
        """Tell the channel's time."""
        return json_answer({"now": rfc3339(self._world.clock.now())})

    async def book(self, _request: Request) -> Response:
        """Tell the truth."""
        with self._world.database.transaction():
            orders, refunds = self._world.orders.every(), self._world.refunds.every()
            transfers = self._world.transfers.every()
        return json_answer(
            {
                "orders": [order_row(order) for order in orders],
                "refunds": [refund_row(refund) for refund in refunds],
                "transfers": [transfer_row(transfer) for transfer in transfers],
                "balance_minor": self._world.balances.total(),
            }
        )

    async def journal(self, request: Request) -> Response:
        """List requests received and callbacks sent, newest first."""
        entries = self._world.journal.read(request.query_params.get("out_no"), limit_of(request))
        return json_answer(entries)


def control_routes(world: World) -> list[Route]:
    """Give the routes under `/_sim/`."""
    control = Control(world)
    return [
        Route("/_sim/apps", control.apps, methods=["POST"]),
        Route("/_sim/pay", control.pay, methods=["POST"]),
        Route("/_sim/fail", control.fail, methods=["POST"]),
        Route("/_sim/refund", control.refund, methods=["POST"]),
        Route("/_sim/transfer", control.transfer, methods=["POST"]),
        Route("/_sim/withdraw", control.withdraw, methods=["POST"]),
        Route("/_sim/mode", control.mode, methods=["POST"]),
        Route("/_sim/mode", control.show_mode, methods=["GET"]),
        Route("/_sim/fault", control.fault, methods=["POST"]),
        Route("/_sim/faults", control.faults, methods=["GET"]),
        Route("/_sim/faults", control.disarm, methods=["DELETE"]),
        Route("/_sim/clock", control.move_clock, methods=["POST"]),
        Route("/_sim/clock", control.show_clock, methods=["GET"]),
        Route("/_sim/book", control.book, methods=["GET"]),
        Route("/_sim/journal", control.journal, methods=["GET"]),
    ]
