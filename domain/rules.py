"""What a merchant may do and what it costs: one rule for each operation and currency, refused when it contradicts."""

from collections.abc import Set as AbstractSet
from typing import Annotated

from pydantic import Field

from domain.errors import FeeAboveAmount, RuleContradiction
from domain.fees import FeeRule
from domain.money import AMOUNT_MINOR_MAX, AmountMinor, Currency, NonNegativeMinor
from domain.objects import Moment
from domain.orders import Frozen
from domain.states import Operation

BALANCE = "balance"
APPROVAL_EXPIRES_IN_S_DEFAULT = 86_400

_WITH_FEE = frozenset({Operation.TOP_UP, Operation.PAYOUT, Operation.TRANSFER})
_WITH_APPROVAL = frozenset({Operation.REFUND, Operation.PAYOUT})
_WITHOUT_BALANCE = frozenset({Operation.TOP_UP, Operation.PAYOUT})
_TOOLS_MAX = 20

Tool = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$")]


class OperationRule(Frozen):
    """Amounts in minor units; what is absent does not limit.

    `daily_minor` bounds a merchant's day (its time zone), `daily_per_account_minor` one account's. `tools` are channel
    names and `balance`. An amount above `approval_above_minor` waits for an operator. `debt_limit_minor` is what a
    merchant may come to owe us by refunds.
    """

    minimum_minor: AmountMinor | None = None
    maximum_minor: AmountMinor | None = None
    daily_minor: AmountMinor | None = None
    daily_per_account_minor: AmountMinor | None = None
    fee: FeeRule = FeeRule()
    tools: Annotated[tuple[Tool, ...], Field(max_length=_TOOLS_MAX)] | None = None
    approval_above_minor: NonNegativeMinor | None = None
    approval_expires_in_s: Annotated[int, Field(strict=True, ge=60, le=2_592_000)] = APPROVAL_EXPIRES_IN_S_DEFAULT
    debt_limit_minor: NonNegativeMinor = 0


class RuleObject(OperationRule):
    """The rule of one merchant for one operation in one currency, as it stands now."""

    merchant_id: str = Field(examples=["mer_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    operation: Operation
    currency: Currency
    version: int = Field(description="Grows by one each time the rule is replaced.", examples=[1])
    created_at: Moment
    updated_at: Moment


def require_consistent(operation: Operation, rule: OperationRule, *, channels: AbstractSet[str]) -> None:
    """Nothing when some amount and some way can satisfy the rule; RuleContradiction names the fields otherwise.

    `channels` are the names of those there are.
    """
    wrong = {
        **_amounts_wrong(rule),
        **_tools_wrong(operation, rule, channels),
        **_fee_wrong(operation, rule),
        **_others_wrong(operation, rule),
    }
    if wrong:
        raise RuleContradiction(fields=wrong)


def _amounts_wrong(rule: OperationRule) -> dict[str, str]:
    lowest = rule.minimum_minor or 1
    bounds = {
        "maximum_minor": rule.maximum_minor,
        "daily_minor": rule.daily_minor,
        "daily_per_account_minor": rule.daily_per_account_minor,
    }
    wrong = {name: "below the minimum" for name, bound in bounds.items() if bound is not None and bound < lowest}
    if rule.daily_minor and rule.daily_per_account_minor and rule.daily_per_account_minor > rule.daily_minor:
        wrong["daily_per_account_minor"] = "above daily_minor"
    return wrong


def _tools_wrong(operation: Operation, rule: OperationRule, channels: AbstractSet[str]) -> dict[str, str]:
    if rule.tools is None:
        return {}
    if unknown := sorted(set(rule.tools) - channels - {BALANCE}):
        return {"tools": f"no such way: {', '.join(unknown)}"}
    if not rule.tools:
        return {"tools": "no way is left"}
    if len(set(rule.tools)) < len(rule.tools):
        return {"tools": "one is named twice"}
    refused = _tool_refused(operation, rule.tools)
    return {} if refused is None else {"tools": refused}


def _tool_refused(operation: Operation, tools: tuple[str, ...]) -> str | None:
    if operation in _WITHOUT_BALANCE and BALANCE in tools:
        return f"a {operation} never uses the balance"
    if operation is Operation.TRANSFER and tools != (BALANCE,):
        return "a transfer uses the balance only"
    return None


def _fee_wrong(operation: Operation, rule: OperationRule) -> dict[str, str]:
    if rule.fee == FeeRule():
        return {}
    if operation not in _WITH_FEE:
        return {"fee": f"the fee of a {operation} is not ruled here"}
    if rule.fee.cap_minor is not None and rule.fee.cap_minor < rule.fee.fixed_minor:
        return {"fee.cap_minor": "below the fixed part"}
    return _fee_at_smallest_wrong(rule.fee, rule.minimum_minor or 1)


def _fee_at_smallest_wrong(fee: FeeRule, smallest_minor: int) -> dict[str, str]:
    """A fee grows by at most one with each minor unit: one that is below the smallest amount is below every other."""
    try:
        takes_all = fee.fee_minor(smallest_minor) == smallest_minor
    except FeeAboveAmount:
        return {"fee": "above the smallest amount that the rule allows"}
    return {"fee": "nothing is left of the smallest amount that the rule allows"} if takes_all else {}


def _others_wrong(operation: Operation, rule: OperationRule) -> dict[str, str]:
    wrong = {}
    if rule.approval_above_minor is not None and operation not in _WITH_APPROVAL:
        wrong["approval_above_minor"] = f"a {operation} is not approved by hand"
    elif rule.approval_above_minor is not None and rule.approval_above_minor >= (
        rule.maximum_minor or AMOUNT_MINOR_MAX
    ):
        wrong["approval_above_minor"] = "no amount that the rule allows is above it"
    if rule.debt_limit_minor and operation is not Operation.REFUND:
        wrong["debt_limit_minor"] = "debt comes by refunds only"
    return wrong
