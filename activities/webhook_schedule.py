"""When a delivery is tried again, and for how long: the only place with these numbers."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy


@dataclass(frozen=True)
class DeliverySchedule:
    """Waits of 5, 15, 45 s … up to 6 h between tries, for three days after the delivery was handed to Temporal.

    The feed that numbered an event makes the first try, of `first_limit` at most; for `own_for` its deliveries are left
    to it, long enough to wait for a turn, to call and to write down how the call ended.

    `call_limit` ends one try whose worker died; it is longer than a call and its two transactions can take.
    """

    first_wait: timedelta = timedelta(seconds=5)
    growth: float = 3.0
    longest_wait: timedelta = timedelta(hours=6)
    horizon: timedelta = timedelta(days=3)
    call_limit: timedelta = timedelta(seconds=15)
    first_limit: timedelta = timedelta(seconds=2)
    own_for: timedelta = timedelta(seconds=5)
    task_queue: str = "notify"

    @property
    def retry_policy(self) -> RetryPolicy:
        """The waits as Temporal keeps them; the number of tries is bounded by the horizon alone."""
        return RetryPolicy(
            initial_interval=self.first_wait,
            backoff_coefficient=self.growth,
            maximum_interval=self.longest_wait,
        )

    @property
    def begin_within_s(self) -> float:
        """How long after its row a first try may begin: half of what its call leaves is for writing its end."""
        return (self.own_for - self.first_limit).total_seconds() / 2

    @property
    def engine_limit(self) -> timedelta:
        """When Temporal gives up: later than the activity itself, so that the row says how it ended."""
        return self.horizon + self.longest_wait + timedelta(hours=1)

    @property
    def lapse_after(self) -> timedelta:
        """When nobody tries a delivery any more, whatever became of its activity."""
        return self.engine_limit + timedelta(hours=1)

    def wait_after(self, attempt: int) -> timedelta:
        """How long Temporal waits after this try, counted from 1."""
        exponent = min(attempt - 1, 64)  # past the longest wait of any schedule, and no overflow
        wait_s = self.first_wait.total_seconds() * self.growth**exponent
        return timedelta(seconds=min(wait_s, self.longest_wait.total_seconds()))
