"""What the calls about a merchant's rules write and read."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from api.audit_rows import note
from api.auth import Caller
from api.services import Services
from domain.errors import NotFound
from domain.money import Currency
from domain.rules import OperationRule, RuleObject, require_consistent
from domain.states import Operation
from store.rules import rule_of
from store.tables.merchants import Merchant
from store.tables.rules import MerchantRule

_KEY = ("merchant_id", "operation", "currency")
_SHOWN = (*_KEY, "version", "created_at", "updated_at")


@dataclass(frozen=True)
class RuleKey:
    """Which rule: a merchant has one for each operation and currency."""

    merchant_id: str
    operation: Operation
    currency: Currency


async def put_rule(services: Services, caller: Caller, key: RuleKey, *, rule: OperationRule) -> RuleObject:
    """The rule stands in place of the one before; RuleContradiction, NotFound without such a merchant."""
    require_consistent(key.operation, rule, channels=services.channels.names)
    columns = _columns(rule)
    grown = {"version": MerchantRule.version + 1, "updated_at": func.now()}
    statement = insert(MerchantRule).values(**vars(key), **columns)
    replacing = statement.on_conflict_do_update(index_elements=_KEY, set_={**columns, **grown})
    async with services.database.transaction("rule.put", key.merchant_id) as session:
        await _require_merchant(session, key.merchant_id)
        row = (await session.scalars(replacing.returning(MerchantRule))).one()
        await note(session, caller, "rule.put", _id(row), after=rule.model_dump(mode="json"))
        return _shown(row)


async def rule_now(services: Services, key: RuleKey) -> RuleObject:
    """The rule; NotFound when there is none."""
    async with services.database.reading() as session:
        return _shown(await _require(session, key))


async def rules_now(services: Services, merchant_id: str) -> list[RuleObject]:
    """Every rule of the merchant, by operation and currency; NotFound without such a merchant."""
    async with services.database.reading() as session:
        await _require_merchant(session, merchant_id)
        wanted = select(MerchantRule).where(MerchantRule.merchant_id == merchant_id)
        rows = await session.scalars(wanted.order_by(col(MerchantRule.operation), col(MerchantRule.currency)))
        return [_shown(row) for row in rows.all()]


async def remove_rule(services: Services, caller: Caller, key: RuleKey) -> RuleObject:
    """Nothing is ruled any more; answers what was. NotFound when there was no rule."""
    async with services.database.transaction("rule.remove", key.merchant_id) as session:
        row = await _require(session, key)
        await note(session, caller, "rule.remove", _id(row), before=rule_of(row.model_dump()).model_dump(mode="json"))
        await session.delete(row)
        return _shown(row)


async def _require(session: AsyncSession, key: RuleKey) -> MerchantRule:
    row = await session.get(MerchantRule, (key.merchant_id, key.operation, key.currency))
    if row is None:
        raise NotFound("there is no such rule")
    return row


async def _require_merchant(session: AsyncSession, merchant_id: str) -> None:
    if await session.get(Merchant, merchant_id) is None:
        raise NotFound("there is no such merchant")


def _id(row: MerchantRule) -> str:
    return f"{row.merchant_id}/{row.operation}/{row.currency}"


def _columns(rule: OperationRule) -> dict[str, Any]:
    fee = rule.fee
    return {
        **rule.model_dump(exclude={"fee", "tools"}),
        "tools": None if rule.tools is None else list(rule.tools),
        "fee_rate_bps": fee.rate_bps,
        "fee_fixed_minor": fee.fixed_minor,
        "fee_cap_minor": fee.cap_minor,
    }


def _shown(row: MerchantRule) -> RuleObject:
    kept = row.model_dump()
    return RuleObject.model_validate(rule_of(kept).model_dump() | {name: kept[name] for name in _SHOWN})
