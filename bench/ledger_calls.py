"""The money steps of the measurement as calls of the plain driver: each is one statement and one transaction."""

import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg

from domain.money import Currency
from ledger import steps
from ledger.chart import AccountKind, system_account_id
from ledger.legs import StepKey
from ledger.steps import Parties, Role, Step

CURRENCY = Currency.CNY
#: One contract at one channel, as the merchants of a platform share it.
CHANNEL_ACCOUNT = "ca_bench"
PAID_MINOR, FEE_MINOR, REFUNDED_MINOR = 10_000, 60, 100
FOLDED_AT_ONCE = 10_000

_POST = "SELECT posted FROM ledger_post($1, $2, $3, $4, $5, NULL, $6::jsonb, NULL)"
_HOLD_FROM = (
    "SELECT part_step FROM ledger_hold_from($1, $2, $3, $4, $5::bigint, $6, $7::jsonb, NULL::timestamptz, NULL)"
)
_FOLD = "SELECT ledger_fold_some($1)"
_NUMBERS = itertools.count(1)


class Payment:
    """A channel payment of 100.00 with 0.6 % fee, ready to be posted once."""

    def __init__(self, merchant_id: str) -> None:
        self._arguments = _posting(steps.PAYMENT, {"channel_minor": PAID_MINOR, "fee_minor": FEE_MINOR}, merchant_id)

    async def post(self, connection: asyncpg.Connection) -> None:
        """It is in the book."""
        await connection.fetchval(_POST, *self._arguments)


class Refund:
    """A refund out of what is pending, folded on demand: its try and its confirm are a step each."""

    def __init__(self, merchant_id: str) -> None:
        self._key = StepKey(biz_type="refund", biz_id=f"re_{next(_NUMBERS)}", step="hold")
        self._merchant_id = merchant_id
        amounts = {"pending_minor": REFUNDED_MINOR, "channel_minor": REFUNDED_MINOR}
        self._confirm = _posting(steps.REFUND, amounts, merchant_id, holds={Role.PENDING: self._key})

    async def hold(self, connection: asyncpg.Connection) -> None:
        """The merchant's money is held."""
        pending = system_account_id(AccountKind.MERCHANT_PENDING, self._merchant_id, CURRENCY)
        key = (self._key.biz_type, self._key.biz_id, self._key.step)
        sources = json.dumps([{"account_id": pending}])
        await connection.fetch(_HOLD_FROM, *key, self._merchant_id, REFUNDED_MINOR, CURRENCY, sources)

    async def confirm(self, connection: asyncpg.Connection) -> None:
        """It is in the book, out of the hold."""
        await connection.fetchval(_POST, *self._confirm)


async def fold_everything(connection: asyncpg.Connection) -> None:
    """No inbox has a row."""
    while await connection.fetchval(_FOLD, FOLDED_AT_ONCE):
        continue


def _posting(
    step: Step, amounts: Mapping[str, int], merchant_id: str, *, holds: Mapping[Role, StepKey] | None = None
) -> tuple[Any, ...]:
    """The arguments of a posting under a key that nobody has used."""
    biz_id = f"bench_{next(_NUMBERS)}"
    parties = Parties(
        currency=CURRENCY, object_id=biz_id, merchant_id=merchant_id, channel_account_id=CHANNEL_ACCOUNT, holds=holds
    )
    legs = [leg.model_dump(exclude_none=True) for leg in steps.legs(step, amounts, parties)]
    return (step.name, biz_id, step.name, merchant_id, datetime.now(UTC), json.dumps(legs))
