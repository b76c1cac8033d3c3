"""What a load process is told, and what it tells back; both as JSON in a file."""

from pydantic import BaseModel, ConfigDict


class Shop(BaseModel):
    """Where payments are asked for, as whom, and of what."""

    model_config = ConfigDict(frozen=True)

    api: str
    api_key: str
    merchant_id: str
    skus: list[str]
    unit_price_minor: int
    currency: str
    wallet_ids: list[str]


class LoadPlan(BaseModel):
    """So many payments: `in_flight` at once, or, when `rate_per_s` is set, by a Poisson process of that rate."""

    model_config = ConfigDict(frozen=True)

    name: str
    shop: Shop
    database_url: str
    payments: int
    in_flight: int = 32
    rate_per_s: float | None = None
    seed: int = 1


class Seen(BaseModel):
    """One payment. Times are those of the clock that rows use as well; `due_at` is when its POST should begin."""

    payment_id: str
    due_at: float
    answered_at: float
    with_pay: bool
    succeeded_at: float | None = None


class LoadResult(BaseModel):
    """Payments that the API took, what it refused, and what the load itself cost."""

    payments: list[Seen]
    refusals: list[str]
    polls: int
    cpu_ms: float
    began_at: float

    @property
    def succeeded(self) -> list[Seen]:
        """Those that were seen in their end."""
        return [payment for payment in self.payments if payment.succeeded_at is not None]

    @property
    def ended_at(self) -> float:
        """When the last payment was seen `succeeded`."""
        return max((payment.succeeded_at or 0.0 for payment in self.succeeded), default=self.began_at)

    @property
    def rate_per_s(self) -> float:
        """Payments a second from the first POST to the last `succeeded`."""
        took_s = self.ended_at - self.began_at
        return len(self.succeeded) / took_s if took_s else 0.0
