"""The channel's own book against ours."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from chaos.truth import Rows, Truth

RECEIVED = ("paid", "returned")
UNASKED = ("late", "duplicate", "mismatch")


def paid_orders_are_credited_once(truth: Truth) -> Iterator[str]:
    """Each order that was paid there is a payment that succeeded here, or was given back in full."""
    attempts = {row["out_no"]: row for row in truth.rows["attempt"]}
    for order in _ours(truth, "orders"):
        if order["state"] == "paid":
            yield from _uncredited(truth, order, attempts.get(order["out_no"]))


def _uncredited(truth: Truth, order: dict[str, Any], attempt: dict[str, Any] | None) -> Iterator[str]:
    out_no, received_minor = order["out_no"], order["amount_minor"]
    given_back = [row for row in truth.rows["refund"] if row["out_no"] == out_no and row["origin"] in UNASKED]
    if attempt is None:
        yield f"{out_no} is paid there and unknown here"
    elif attempt["state"] == "paid":
        payment = _payment(truth, attempt)
        if (payment["state"], payment["channel_minor"]) != ("succeeded", received_minor) or given_back:
            yield f"{out_no} paid {received_minor}; {payment['id']} is {payment['state']}, {len(given_back)} back"
    elif attempt["state"] == "returned":
        back = [(row["state"], row["amount_minor"]) for row in given_back]
        if back != [("succeeded", received_minor)]:
            yield f"{out_no} received {received_minor} and gave back {back}"
    else:
        yield f"{out_no} is paid there and {attempt['state']} here"


def what_is_credited_was_paid(truth: Truth) -> Iterator[str]:
    """Each payment that succeeded by the channel has exactly one attempt, paid there with that amount."""
    paid = {order["out_no"]: order["amount_minor"] for order in _ours(truth, "orders") if order["state"] == "paid"}
    for attempt in truth.rows["attempt"]:
        if attempt["state"] in RECEIVED and attempt["out_no"] not in paid:
            yield f"{attempt['out_no']} is {attempt['state']} here and not paid there"
    for payment in truth.rows["payment"]:
        if payment["state"] == "succeeded":
            won = [row["out_no"] for row in truth.rows["attempt"] if _wins(row, payment)]
            due = [payment["channel_minor"]] if payment["channel_minor"] else []
            if [paid.get(out_no) for out_no in won] != due:
                yield f"{payment['id']} succeeded by {won}, due {due}"


def the_channel_has_no_order_of_nobody(truth: Truth) -> Iterator[str]:
    """Each order, refund and transfer there has its row here: the intent came first."""
    ours = {
        "orders": {row["out_no"] for row in truth.rows["attempt"]},
        "refunds": {row["out_refund_no"] for row in truth.rows["refund"]},
        "transfers": {row["out_no"] for row in truth.rows["payout"]},
    }
    for kind, numbers in ours.items():
        for there in _ours(truth, kind):
            number = there["refund_no"] if kind == "refunds" else there["out_no"]
            if number not in numbers:
                yield f"{kind}: {number} stands there alone"


def refunds_were_done_once(truth: Truth) -> Iterator[str]:
    """The refunds that succeeded there are those that succeeded here, with the same amounts."""
    there = Counter((row["refund_no"], row["amount_minor"]) for row in _ours(truth, "refunds") if _done(row))
    done = [row for row in truth.rows["refund"] if row["state"] == "succeeded" and row["channel_minor"]]
    yield from _unlike("refund", there, Counter((row["out_refund_no"], row["channel_minor"]) for row in done))


def transfers_were_done_once(truth: Truth) -> Iterator[str]:
    """The transfers that succeeded there are the payouts that succeeded here, with the same amounts."""
    there = Counter((row["out_no"], row["amount_minor"]) for row in _ours(truth, "transfers") if _done(row))
    done = [row for row in truth.rows["payout"] if row["state"] == "succeeded"]
    yield from _unlike(
        "transfer", there, Counter((row["out_no"], row["amount_minor"] - row["fee_minor"]) for row in done)
    )


def clearing_is_what_lies_at_the_channel(truth: Truth) -> Iterator[str]:
    """What our book says each channel owes is what came in there less what went out."""
    for shop in truth.shops:
        orders = {row["out_no"]: row for row in _ours(truth, "orders") if row["app_id"] == shop.app_id}
        refunds = [row for row in truth.book["refunds"] if row["out_no"] in orders]
        transfers = [row for row in truth.book["transfers"] if row["app_id"] == shop.app_id]
        came = sum(row["amount_minor"] for row in orders.values() if row["state"] == "paid")
        went = sum(row["amount_minor"] for row in (*refunds, *transfers) if _done(row))
        said = -truth.clearing.get(shop.channel_account_id, 0)
        if said != came - went:
            yield f"{shop.channel_account_id}: our book says {said}, there lie {came} - {went}"


def no_lie_was_acknowledged(truth: Truth) -> Iterator[str]:
    """A callback that the channel never sent is refused."""
    yield from truth.believed


def _ours(truth: Truth, kind: str) -> Rows:
    """What the channel has of this seed's merchants."""
    apps = {shop.app_id for shop in truth.shops}
    if kind == "refunds":
        orders = {row["out_no"] for row in truth.book["orders"] if row["app_id"] in apps}
        return [row for row in truth.book["refunds"] if row["out_no"] in orders]
    return [row for row in truth.book[kind] if row["app_id"] in apps]


def _payment(truth: Truth, attempt: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in truth.rows["payment"] if row["id"] == attempt["payment_id"])


def _wins(attempt: dict[str, Any], payment: dict[str, Any]) -> bool:
    return bool(attempt["payment_id"] == payment["id"] and attempt["state"] == "paid")


def _done(row: dict[str, Any]) -> bool:
    return bool(row["state"] == "succeeded")


def _unlike(what: str, there: Counter[tuple[str, int]], here: Counter[tuple[str, int]]) -> Iterator[str]:
    for number, amount_minor in there - here:
        yield f"{what} {number} of {amount_minor} is done there and not here"
    for number, amount_minor in here - there:
        yield f"{what} {number} of {amount_minor} is done here and not there"
