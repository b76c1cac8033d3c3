"""What every local participant of a payment answers: try, confirm and cancel inside a transaction of the caller."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession


class Participant(Protocol):
    """A TCC participant in our own database; each call is idempotent (law 3)."""

    name: str

    async def try_(self, session: AsyncSession, payment_id: str) -> None:
        """Held; a refusal of the business error tree aborts the transaction; after a cancel `TryAfterCancel`."""
        ...

    async def confirm(self, session: AsyncSession, payment_id: str) -> None:
        """What was held is used; never refused."""
        ...

    async def cancel(self, session: AsyncSession, payment_id: str) -> None:
        """What was held is free; without a try a tombstone bars one that comes later."""
        ...
