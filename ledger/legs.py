"""What a step posts: keys, accounts and signed legs, as the book takes them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.ids import AccountId
from domain.money import Currency
from ledger.chart import AccountKind


class StepKey(BaseModel):
    """The once-only key of a money step, derived from business ids, never random (law 2)."""

    model_config = ConfigDict(frozen=True)

    biz_type: Annotated[str, Field(min_length=1)]
    biz_id: Annotated[str, Field(min_length=1)]
    step: Annotated[str, Field(min_length=1)]


class Leg(BaseModel):
    """One signed leg, in minor units; credit is plus.

    `account_kind` and `owner` are given for system accounts, which the posting opens when they do not exist. Legs
    with the same `hold` consume exactly that hold, together.
    """

    model_config = ConfigDict(frozen=True)

    account_id: AccountId
    account_kind: AccountKind
    owner: str | None = None
    merchant_id: str | None = None
    currency: Currency
    amount_minor: Annotated[int, Field(strict=True)]
    kind: str
    object_id: str
    hold: StepKey | None = None
