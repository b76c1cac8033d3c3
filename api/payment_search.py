"""What payments and top-ups are looked up by."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from api.answers import PageQuery
from api.fields import VISIBLE_ASCII
from domain.states import PaymentState, Purpose
from store.reading import PaymentFilter

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _within_reason(at: datetime) -> datetime:
    if not _FIRST <= at <= _LAST:
        raise ValueError("must lie between the years 2000 and 2200")
    return at


Number = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=VISIBLE_ASCII)]
Time = Annotated[AwareDatetime, AfterValidator(_within_reason), Field(description="RFC 3339 with an offset.")]


class _CollectedQuery(PageQuery):
    channel_no: Number | None = Field(None, description="The channel's number, of any attempt.")
    out_no: Number | None = Field(None, description="Our number at the channel, of any attempt.")
    state: PaymentState | None = None
    created_from: Time | None = None
    created_to: Time | None = None


class PaymentQuery(_CollectedQuery):
    """What is left out does not matter."""

    order_no: Number | None = Field(None, description="The business's number.")

    def of(self, merchant_id: str | None) -> PaymentFilter:
        """The filter within one merchant's payments, or within all for None."""
        return PaymentFilter(merchant_id=merchant_id, **self.model_dump(exclude={"limit"}))


class TopUpQuery(_CollectedQuery):
    """What is left out does not matter."""

    top_up_no: Number | None = Field(None, description="The business's number.")
    account_id: Number | None = Field(None, description="The wallet.")

    def of(self, merchant_id: str | None) -> PaymentFilter:
        """The filter within one merchant's top-ups, or within all for None."""
        return PaymentFilter(
            purpose=Purpose.TOP_UP,
            merchant_id=merchant_id,
            order_no=self.top_up_no,
            to_account_id=self.account_id,
            **self.model_dump(exclude={"limit", "top_up_no", "account_id"}),
        )
