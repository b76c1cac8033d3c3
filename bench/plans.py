"""What a load process is told, and what it tells back; both as JSON in a file."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class Shop(BaseModel):
    """Where payments are asked for, as whom, of what, and through which channel.

    Its `sold_out_sku` has no stock and its `empty_wallet_id` no money: payments of these are refused.
    """

    model_config = ConfigDict(frozen=True)

    api: str
    api_key: str
    merchant_id: str
    skus: list[str]
    unit_price_minor: int
    currency: str
    wallet_ids: list[str]
    channel: str = "sim"
    sold_out_sku: str = ""
    empty_wallet_id: str = ""


class LoadPlan(BaseModel):
    """So many payments of these shops by turns: `in_flight` at once, or by a Poisson process of `rate_per_s`.

    `failing_share` of them are made to fail: sold out, without balance and declined by turns.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    shops: list[Shop]
    database_url: str
    payments: int
    in_flight: int = 32
    rate_per_s: float | None = None
    failing_share: float = 0.0
    seed: int = 1

    def among(self, shops: Sequence[Shop]) -> "LoadPlan":
        """The same load, spread over these shops."""
        return self.model_copy(update={"shops": list(shops)})

    def failing(self, share: float) -> "LoadPlan":
        """The same load, of which this share fails."""
        return self.model_copy(update={"failing_share": share})


class Seen(BaseModel):
    """One payment. Times are those of the clock that rows use as well; `due_at` is when its POST should begin."""

    payment_id: str
    due_at: float
    answered_at: float
    with_pay: bool
    succeeded_at: float | None = None
    failed_at: float | None = None

    @property
    def answer_ms(self) -> float:
        """From the moment the POST was due to its answer."""
        return (self.answered_at - self.due_at) * 1_000


class LoadResult(BaseModel):
    """Payments that the API took, what it refused, how often the same was asked again, and what the load cost."""

    payments: list[Seen]
    refusals: list[str]
    repeats: int = 0
    polls: int
    cpu_ms: float
    began_at: float

    @property
    def succeeded(self) -> list[Seen]:
        """Those that were seen `succeeded`."""
        return [payment for payment in self.payments if payment.succeeded_at is not None]

    @property
    def ended(self) -> list[Seen]:
        """Those that were seen in an end, good or bad."""
        return [payment for payment in self.payments if payment.succeeded_at or payment.failed_at]

    @property
    def ended_at(self) -> float:
        """When the last payment was seen in its end."""
        return max((one.succeeded_at or one.failed_at or 0.0 for one in self.ended), default=self.began_at)

    @property
    def rate_per_s(self) -> float:
        """Payments a second, those that failed as they should among them, from the first POST to the last end."""
        took_s = self.ended_at - self.began_at
        return len(self.ended) / took_s if took_s else 0.0
