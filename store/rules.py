"""A merchant's rules at the moment of the try: one call that refuses, or counts the amount and tells the terms."""

from typing import Any

from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Text

from domain.errors import BY_CODE, ToolNotAllowed
from domain.fees import FeeRule
from domain.money import Currency
from domain.orders import Frozen
from domain.rules import OperationRule
from domain.states import Operation, Purpose

_ADMIT = text(
    "SELECT rule_admit(:object_id, :merchant_id, :operation, :currency, :amount_minor, :account_id, :tools)"
).bindparams(bindparam("amount_minor", type_=BigInteger), bindparam("tools", type_=ARRAY(Text)))
_GIVE_BACK = text("SELECT rule_give_back(:object_id)")
_REFUSES_TOOL = text(
    "SELECT NOT tools @> to_jsonb(CAST(:tool AS text)) FROM merchant_rule"
    " WHERE merchant_id = :merchant_id AND operation = :operation AND currency = :currency AND tools IS NOT NULL"
)
_COLUMNS = frozenset(OperationRule.model_fields) - {"fee"}


class Admission(Frozen):
    """What somebody wants to do: of which object, by which tools (channel names, `balance`), on whose account."""

    object_id: str
    merchant_id: str
    operation: Operation
    currency: Currency
    amount_minor: int
    account_id: str | None = None
    tools: tuple[str, ...] = ()


async def admit(session: AsyncSession, wanted: Admission) -> OperationRule:
    """The amount is counted in the day's limits, once per object, and this is the rule it came in under.

    AmountBelowMinimum, AmountAboveMaximum, ToolNotAllowed, DailyLimitExceeded: nothing is counted.
    """
    arguments = {**wanted.model_dump(), "tools": list(wanted.tools)}
    answer: dict[str, Any] = await session.scalar(_ADMIT, arguments)
    if answer["refused"] is not None:
        raise BY_CODE[answer["refused"]]
    return OperationRule() if answer["rule"] is None else rule_of(answer["rule"])


async def require_tool(session: AsyncSession, merchant_id: str, tool: str, *, purpose: Purpose, currency: str) -> None:
    """Nothing when the merchant's rule lets a payment or top-up go by that channel; ToolNotAllowed."""
    arguments = {"merchant_id": merchant_id, "operation": purpose, "currency": currency, "tool": tool}
    if await session.scalar(_REFUSES_TOOL, arguments):
        raise ToolNotAllowed(f"the rule does not allow {tool}")


async def give_back(session: AsyncSession, object_id: str) -> None:
    """What the object took of the day's limits is free again; a repeat changes nothing."""
    await session.execute(_GIVE_BACK, {"object_id": object_id})


def rule_of(row: dict[str, Any]) -> OperationRule:
    """The rule that a row of `merchant_rule` keeps."""
    fee = FeeRule(rate_bps=row["fee_rate_bps"], fixed_minor=row["fee_fixed_minor"], cap_minor=row["fee_cap_minor"])
    kept = {name: row[name] for name in _COLUMNS} | {"fee": fee}
    return OperationRule.model_validate(kept)
