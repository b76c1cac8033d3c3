"""The rows of deliveries: what one must send, and how each call ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

_ANSWER_CHARACTERS_KEPT = 2_000
_GONE = 410

#: What signs a delivery, of `webhook_endpoint endpoint`, by the database's clock: a process's own may be wrong.
SIGNING = """clock_timestamp() AS read_at, endpoint.secret,
           CASE WHEN endpoint.previous_until > clock_timestamp() THEN endpoint.previous_secret END AS previous_secret"""
_TO_SEND = text(f"""
    SELECT delivery.url, delivery.state, event.id AS event_id, event.type, event.body,
           {SIGNING}
    FROM delivery
    JOIN event ON event.id = delivery.event_id
    LEFT JOIN webhook_endpoint endpoint ON endpoint.merchant_id = delivery.merchant_id
    WHERE delivery.id = :delivery_id
""")  # noqa: S608 - it is a constant

# A delivery that ended stays as it ended: a second runner of the same delivery only adds its attempt.
_RECORD = text("""
    WITH counted AS (
        UPDATE delivery SET
            attempts = attempts + 1,
            state = CASE WHEN delivery.state = 'pending' OR called.state = 'delivered'
                THEN called.state ELSE delivery.state END,
            delivered_at = CASE WHEN called.state = 'delivered'
                THEN coalesce(delivered_at, now()) ELSE delivered_at END
        FROM unnest(CAST(:ids AS text[]), CAST(:states AS text[]), CAST(:statuses AS bigint[]),
                    CAST(:errors AS text[]), CAST(:durations_ms AS bigint[]), CAST(:answers AS text[]))
            AS called (id, state, status, error, duration_ms, answer)
        WHERE delivery.id = called.id
        RETURNING delivery.id, attempts, status, error, duration_ms, answer
    )
    INSERT INTO delivery_attempt (delivery_id, number, status, error, duration_ms, answer) SELECT * FROM counted
""")


@dataclass(frozen=True)
class Outgoing:
    """A delivery with all that its call needs; secrets are sealed, the newest first.

    `read_at` is the database's clock: whoever sends it may have a wrong one.
    """

    url: str
    state: str
    event_id: str
    event_type: str
    body: str
    sealed_secrets: tuple[bytes, ...]
    read_at: datetime


@dataclass(frozen=True)
class CallRecord:
    """How one call ended: with a status and an answer, or with one word for why there was none."""

    duration_ms: int
    status: int | None = None
    error: str | None = None
    answer: bytes = b""

    @property
    def accepted(self) -> bool:
        """True when the business took the event: any 2xx."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - the class of success

    @property
    def state(self) -> str:
        """How the delivery stands after this call, as far as the business decides it: 410 ends it for good."""
        if self.accepted:
            return "delivered"
        return "failed" if self.status == _GONE else "pending"

    @property
    def outcome(self) -> str:
        """A word for logs and failures: the status, or why there was none."""
        return str(self.status) if self.status is not None else str(self.error)

    @property
    def kept_answer(self) -> str | None:
        """The answer's beginning as text that PostgreSQL takes."""
        decoded = self.answer.decode("utf-8", "replace").replace("\x00", "�")
        return decoded[:_ANSWER_CHARACTERS_KEPT] or None


async def read_outgoing(session: AsyncSession, delivery_id: str) -> Outgoing | None:
    """The delivery as it stands; the previous secret is there while it still signs."""
    row = (await session.execute(_TO_SEND, {"delivery_id": delivery_id})).mappings().one_or_none()
    if row is None:
        return None
    event_id, event_type = row["event_id"], row["type"]
    return Outgoing(row["url"], row["state"], event_id, event_type, row["body"], sealed_secrets(row), row["read_at"])


@dataclass(frozen=True)
class Called:
    """One call of a delivery, and the state that it leaves the delivery in."""

    delivery_id: str
    call: CallRecord
    state: str


async def record_calls(session: AsyncSession, called: Sequence[Called]) -> None:
    """Each call has its row and its number, and its delivery its new state. No delivery is named twice."""
    values = {
        "ids": [one.delivery_id for one in called],
        "states": [one.state for one in called],
        "statuses": [one.call.status for one in called],
        "errors": [one.call.error for one in called],
        "durations_ms": [one.call.duration_ms for one in called],
        "answers": [one.call.kept_answer for one in called],
    }
    await session.execute(_RECORD, values)


def sealed_secrets(row: RowMapping) -> tuple[bytes, ...]:
    """The secrets of a row with `SIGNING` that sign now, the newest first; none where there is no endpoint."""
    return tuple(secret for secret in (row["secret"], row["previous_secret"]) if secret)
