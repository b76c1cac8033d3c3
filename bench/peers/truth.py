"""What the channel's own book, our rows and all invariants say after a load; nobody's word but theirs counts."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from activities.verification import verify
from bench.stack import BenchStack
from devstack.plan import DATABASE
from devstack.rest import Rest
from domain.states import PAYMENT_TERMINAL
from store.database import Database

_ATTEMPTS = """
    SELECT coalesce(jsonb_agg(found), '[]') FROM (
        SELECT payment.id, payment.state, attempt.out_no, attempt.amount_minor
        FROM attempt JOIN payment ON payment.id = attempt.payment_id
    ) found;
"""


_ENDS = frozenset(state.value for state in PAYMENT_TERMINAL)

Row = Mapping[str, Any]


class Truth(BaseModel):
    """Payments, counted; `broken` names the invariants that do not hold.

    `lost`: the channel has the payer's money and the payment has not succeeded. `doubled`: it has it more than once.
    `unpaid`: succeeded without the channel's money, or with another amount. `unended`: neither end was reached.
    """

    model_config = ConfigDict(frozen=True)

    succeeded: int
    lost: int
    doubled: int
    unpaid: int
    unended: int
    broken: list[str]

    @property
    def sound(self) -> bool:
        """Whether every unit of money is where it belongs, and every payment has ended."""
        return not (self.lost or self.doubled or self.unpaid or self.unended or self.broken)


async def read_truth(stack: BenchStack) -> Truth:
    """Once everything that the load caused is done."""
    attempts = json.loads(stack.postgres.sql(_ATTEMPTS, database=DATABASE))
    async with Rest(stack.plan.addresses.simulator) as simulator:
        book = await simulator.get("/_sim/book")
    broken = await _broken(stack.plan.addresses.database_url)
    return compared(attempts, book["orders"], broken=broken)


def compared(attempts: Sequence[Row], orders: Sequence[Row], *, broken: Sequence[str] = ()) -> Truth:
    """Our attempts, each with its payment's `id` and `state`, against the channel's orders."""
    collected = {one["out_no"]: one["amount_minor"] for one in orders if one["state"] == "paid"}
    paid = Counter(one["id"] for one in attempts if one["out_no"] in collected)
    succeeded = {one["id"] for one in attempts if one["state"] == "succeeded"}
    matching = {one["id"] for one in attempts if collected.get(one["out_no"]) == one["amount_minor"]}
    return Truth(
        succeeded=len(succeeded),
        lost=len(paid.keys() - succeeded),
        doubled=sum(times > 1 for times in paid.values()),
        unpaid=len(succeeded - matching),
        unended=len({one["id"] for one in attempts if one["state"] not in _ENDS}),
        broken=list(broken),
    )


async def _broken(database_url: str) -> list[str]:
    database = Database.connect(database_url)
    try:
        report = await verify(database)
    finally:
        await database.close()
    return [verdict.invariant.name for verdict in report.broken]
