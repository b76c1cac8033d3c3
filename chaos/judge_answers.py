"""What the business was answered stays true."""

from collections.abc import Iterator

from chaos.answers import Answer
from chaos.truth import ENDS, NUMBERS, Truth

CREATED = 201
FAULT = 500
CREATING = {f"/v1/{kind}" for kind in NUMBERS}
#: What an end may still become.
FOLLOWS = {"refund": {"succeeded": "bounced"}, "payout": {"succeeded": "returned"}}
#: The refusals that this load may meet; any other says that we misunderstood a call.
EXPECTED = frozenset(
    {
        *("balance_insufficient", "merchant_funds_insufficient", "refund_above_refundable", "merchant_has_debt"),
        *("payment_already_paid", "payment_ended", "switch_unsafe", "payment_not_refundable", "daily_limit_exceeded"),
    }
)


def every_call_was_answered(truth: Truth) -> Iterator[str]:
    """After healing, each call that had no answer was repeated until it had one."""
    last = {(one.merchant, one.method, one.path, one.number): one for one in truth.answers}
    for one in last.values():
        if one.unknown:
            yield f"{one.method} {one.path} {one.number}: {one.status or one.error}"


def acknowledged_objects_exist(truth: Truth) -> Iterator[str]:
    """An object that was told of is there."""
    known = truth.objects()
    told = {one.object["id"]: one for one in truth.answers if one.status in {200, CREATED} and "id" in one.object}
    for object_id, one in told.items():
        if object_id not in known:
            yield f"{object_id} of {one.kind} {one.number} is not there"


def one_object_for_a_number(truth: Truth) -> Iterator[str]:
    """A number of the business has one object, the same in every answer."""
    for (kind, merchant, number), answers in _creations(truth).items():
        told = {one.object["id"] for one in answers if one.status == CREATED}
        there = {row["id"] for row in truth.by_number(kind, merchant, number)}
        if told and told != there:
            yield f"{kind} {number}: told {sorted(told)}, there {sorted(there)}"


def amounts_never_change(truth: Truth) -> Iterator[str]:
    """The amount is what was asked for, in every answer and in the row."""
    known = truth.objects()
    for (kind, merchant, number), answers in _creations(truth).items():
        asked = {(one.body or {}).get("amount_minor") for one in answers}
        rows = {row["amount_minor"] for row in truth.by_number(kind, merchant, number)}
        if len(asked) > 1 or not rows <= asked:
            yield f"{kind} {number}: asked {asked}, there {rows}"
    for one in truth.answers:
        row = known.get(one.object.get("id", ""))
        if row and "amount_minor" in one.object and one.object["amount_minor"] != row["amount_minor"]:
            yield f"{row['id']}: told {one.object['amount_minor']}, there {row['amount_minor']}"


def an_end_is_final(truth: Truth) -> Iterator[str]:
    """An object that was told to have ended never becomes anything else."""
    known = truth.objects()
    for one in truth.answers:
        row = known.get(one.object.get("id", ""))
        told = one.object.get("state")
        if row and told in ENDS[row["table"]]:
            allowed = {told, FOLLOWS.get(row["table"], {}).get(told)}
            if row["state"] not in allowed:
                yield f"{row['id']}: told {told}, now {row['state']}"


def a_refusal_left_nothing(truth: Truth) -> Iterator[str]:
    """What was refused at last never became an object, and the refusal is one that we know."""
    for (kind, merchant, number), answers in _creations(truth).items():
        last = answers[-1]
        if last.status is None or last.unknown or last.status == CREATED:
            continue
        if last.code not in EXPECTED:
            yield f"{kind} {number}: refused with {last.status} {last.code}"
        if truth.by_number(kind, merchant, number):
            yield f"{kind} {number}: refused with {last.code}, and there it is"


def no_fault_of_ours_was_answered(truth: Truth) -> Iterator[str]:
    """Whatever is away, the answer is 503 and never 500."""
    for one in truth.answers:
        if one.status == FAULT:
            yield f"{one.method} {one.path} {one.number}: {one.object}"


def _creations(truth: Truth) -> dict[tuple[str, int, str], list[Answer]]:
    """The answers to each call that makes an object, in their order."""
    found: dict[tuple[str, int, str], list[Answer]] = {}
    for one in truth.answers:
        if one.method == "POST" and one.path in CREATING:
            found.setdefault((one.kind, one.merchant, one.number), []).append(one)
    return found
