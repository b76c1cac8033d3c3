"""What takes the load to a point that it seldom comes by: customers, a fault of the channel, an operator's act."""

from dataclasses import dataclass
from typing import Any

from chaos.customers import PRICE_MINOR, Journey, Kind
from chaos.trouble import Trouble

#: Above what any account and any stock of a seed has.
TOO_MUCH_MINOR = PRICE_MINOR * 20_000
#: Provoked journeys begin so early that their points are met while the load runs.
BEGIN_S = (0.05, 0.7, 1.6)
TIMES = 4


@dataclass(frozen=True)
class Provocation:
    """`journeys` are travelled at each of `BEGIN_S`; `with_points` end a process first, as the path needs."""

    journeys: tuple[Journey, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    with_points: tuple[str, ...] = ()
    #: The merchant has a daily limit, under which holding is a step of its own.
    limited: bool = False
    #: Refunds take so long at the channel.
    refund_ms: int | None = None


def _channel(operation: str, flaw: str) -> Trouble:
    return Trouble(family="channel", target=operation, at_s=0.0, detail=flaw, number=TIMES)


def _journey(kind: Kind, amount_minor: int, **fields: Any) -> Journey:  # noqa: ANN401 - a journey's fields
    return Journey(number=0, kind=kind, merchant=0, at_s=0.0, amount_minor=amount_minor, **fields)


def _payment(amount_minor: int = PRICE_MINOR, **fields: Any) -> Journey:  # noqa: ANN401
    return _journey("payment", amount_minor, **fields)


_PAID = _payment(pays_after_s=0.0)
_LINES = _payment(lines=True)
_BALANCE = _payment(amount_minor=500, balance_minor=500)
_MIXED = _payment(balance_minor=300, lines=True)
_LEFT = _payment(payer="never", closes_after_s=0.1, lines=True, balance_minor=300)
_BACK = _payment(refunds=(PRICE_MINOR,))
_BACK_TWICE = _payment(amount_minor=600, balance_minor=600, refunds=(600, 600))
_NOT_TAKEN_BACK = _payment(refunds=(PRICE_MINOR,), refund_refused=True)
_GREEDY = _payment(amount_minor=TOO_MUCH_MINOR, lines=True)
_SWITCHED = _payment(switches=True, pays_after_s=0.1)
_OUT = _journey("payout", 400)
_REFUSED_OUT = _journey("payout", 400, payee_refuses=True)
_DRY_OUT = _journey("payout", TOO_MUCH_MINOR)
_MOVE = _journey("transfer", 300)
_DRY_MOVE = _journey("transfer", TOO_MUCH_MINOR)
_TOP_UP = _journey("top_up", 700)
_SINK_REFUSES = Trouble(family="sink", target="sink", at_s=0.0, for_s=2.0, detail="all refused")
_PARTITIONED = Trouble(family="schedule", target="partitions", at_s=0.1, detail="partitions")

NOTHING = Provocation()
_CLOSING = Provocation((_LEFT,))
_REFUNDS = Provocation((_BACK,))
_PAYOUTS = Provocation((_OUT,))
_DELIVERING = Provocation((_BALANCE, _MOVE), (_SINK_REFUSES,))
_PARTITIONING = Provocation((), (_PARTITIONED,))
_ENDED = Provocation((_OUT, _BACK))

#: By the name of the step; a step that is not here is on the way of every load.
PROVOKED: dict[str, Provocation] = {
    "callback.keep": Provocation((_PAID,)),
    "channel.callback": Provocation((_PAID,)),
    "channel.close.call": _CLOSING,
    "channel.close.known": _CLOSING,
    "channel.close.silence": Provocation((_LEFT,), (_channel("close", "status_500"),)),
    "channel.query.call": _CLOSING,
    "channel.query.known": _CLOSING,
    "channel.query.silence": Provocation((_LEFT,), (_channel("query", "status_500"),)),
    "channel.refund.call": _REFUNDS,
    "channel.refund_query.call": Provocation((_BACK,), (_channel("refund", "bad_signature"),)),
    "channel.switch": Provocation((_SWITCHED,)),
    "channel.transfer.call": _PAYOUTS,
    "channel.transfer_query.call": Provocation((_OUT,), (_channel("transfer", "bad_signature"),)),
    "channel.unsend": Provocation((_PAID,), (_channel("pay", "status_429"),)),
    "channel.unsent": Provocation((_PAID,), (), ("channel.known:after",)),
    "event.hand": _DELIVERING,
    "funds.cancel": _CLOSING,
    "funds.confirm": Provocation((_PAID, _BALANCE)),
    "funds.try": Provocation((_BALANCE,), limited=True),
    "inventory+funds.confirm": Provocation((_LINES,)),
    "inventory+funds.try": Provocation((_MIXED,), limited=True),
    "inventory.cancel": _CLOSING,
    "inventory.try": Provocation((_LINES,), limited=True),
    "ledger.fold": Provocation((_PAID,)),
    "partitions.archive": _PARTITIONING,
    "partitions.make": _PARTITIONING,
    "payment.close": _CLOSING,
    "payment.finish": _CLOSING,
    "payment.pivot": Provocation((_BALANCE,)),
    "payment.refuse": Provocation((_GREEDY,)),
    "payout.claim": _PAYOUTS,
    "payout.confirm": _PAYOUTS,
    "payout.drop": Provocation((_DRY_OUT,)),
    "payout.fail": Provocation((_REFUSED_OUT,)),
    "payout.known": _PAYOUTS,
    "payout.open": _PAYOUTS,
    "payout.sent": _PAYOUTS,
    "payout.unsent": Provocation((_OUT,), (_channel("transfer", "status_429"),)),
    "refund.claim": _REFUNDS,
    "refund.confirm": _REFUNDS,
    "refund.drop": Provocation((_BACK_TWICE,)),
    "refund.fail": Provocation((_NOT_TAKEN_BACK,), refund_ms=2_500),
    "refund.known": _REFUNDS,
    "refund.open": _REFUNDS,
    "refund.sent": _REFUNDS,
    "refund.unsend": Provocation((_BACK,), (_channel("refund", "status_429"),)),
    "sweep.publish": NOTHING,
    "top_up.claim": Provocation((_TOP_UP,)),
    "transfer.claim": Provocation((_MOVE,)),
    "transfer.drop": Provocation((_DRY_MOVE,)),
    "transfer.post": Provocation((_MOVE,)),
    "watch.applied": _ENDED,
    "webhook.deliver": _DELIVERING,
    "webhook.first": Provocation((_BALANCE,)),
}


def provocation(step: str) -> Provocation:
    """What takes the load to the step."""
    return PROVOKED.get(step, NOTHING)
