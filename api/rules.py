"""What a merchant may do and what it costs: written by the operator, visible to the merchant."""

from typing import Annotated

from fastapi import Depends, Path, Response

from api.answers import Page, answer, page
from api.auth import AnyCaller, OperatorCaller
from api.documentation import problems
from api.fields import IdInPath
from api.json_bodies import JsonRouter
from api.rule_rows import RuleKey, put_rule, remove_rule, rule_now, rules_now
from api.services import FromServices
from domain.errors import NotFound, RuleContradiction
from domain.money import Currency
from domain.rules import OperationRule, RuleObject
from domain.states import Operation

RULES_MAX = len(Operation) * len(Currency)

router = JsonRouter(prefix="/v1/merchants/{merchant_id}/rules", tag="rules")


def _key(
    merchant_id: IdInPath,
    operation: Annotated[Operation, Path(examples=["payment"])],
    currency: Annotated[Currency, Path(examples=["CNY"])],
) -> RuleKey:
    return RuleKey(merchant_id=merchant_id, operation=operation, currency=currency)


RuleInPath = Annotated[RuleKey, Depends(_key)]


@router.get("", response_model=Page[RuleObject], responses=problems(NotFound))
async def list_rules(merchant_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read all rules of a merchant, by operation and currency; they fit on one page."""
    caller.require_self(merchant_id)
    return page(await rules_now(services, merchant_id), RULES_MAX + 1, None)


@router.get("/{operation}/{currency}", response_model=RuleObject, responses=problems(NotFound))
async def get_rule(key: RuleInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read the rule of one operation in one currency."""
    caller.require_self(key.merchant_id)
    return answer(await rule_now(services, key))


@router.put("/{operation}/{currency}", response_model=RuleObject, responses=problems(NotFound, RuleContradiction))
async def set_rule(key: RuleInPath, body: OperationRule, caller: OperatorCaller, services: FromServices) -> Response:
    """Replace the rule of one operation in one currency; what is left out does not limit."""
    return answer(await put_rule(services, caller, key, rule=body))


@router.delete("/{operation}/{currency}", response_model=RuleObject, responses=problems(NotFound))
async def end_rule(key: RuleInPath, caller: OperatorCaller, services: FromServices) -> Response:
    """Remove a rule; answers it as it was. What is under way keeps the terms that it began with."""
    return answer(await remove_rule(services, caller, key))
