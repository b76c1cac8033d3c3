"""What still runs that an account has a part in: whoever closes the account waits for it."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Each kind is one arm: it names the object, and the accounts that it takes from or gives to.
_OF_ACCOUNT = text("""
    SELECT id FROM payment
    WHERE :account_id IN (payer_account_id, to_account_id) AND state NOT IN ('succeeded', 'closed', 'failed')
    UNION ALL
    SELECT refund.id FROM refund JOIN payment ON payment.id = refund.payment_id
    WHERE :account_id IN (payment.payer_account_id, refund.to_account_id)
        AND refund.state NOT IN ('succeeded', 'failed', 'bounced')
    UNION ALL
    SELECT id FROM payout
    WHERE account_id = :account_id AND state NOT IN ('succeeded', 'failed', 'rejected', 'expired', 'returned')
    UNION ALL
    SELECT id FROM transfer WHERE :account_id IN (from_account_id, to_account_id) AND state = 'pending'
    LIMIT 1
""")


async def open_object_of(session: AsyncSession, account_id: str) -> str | None:
    """The id of an object that has not ended and refers to the account; None when there is none."""
    found: str | None = await session.scalar(_OF_ACCOUNT, {"account_id": account_id})
    return found
