"""What the book answers when it refuses: the business's errors, and faults that no rule of the business explains.

    BusinessError (domain)
    ├── BalanceInsufficient · AccountBlocked · AccountClosed · TryAfterCancel
    └── UnknownAccount · CurrencyMismatch · AccountNotEmpty
    LedgerFault
    ├── LedgerConflict           the same key with other content, a confirm after a cancel, a cancel after a confirm
    ├── UnbalancedPosting        the legs do not sum to zero
    └── DayNotOver               a day is sealed when it is past

A fault compensates nothing (law 7): it is a bug of the caller, and stalls it.
"""

from sqlalchemy.exc import DBAPIError

from domain.errors import (
    AccountBlocked,
    AccountClosed,
    AccountNotEmpty,
    BalanceInsufficient,
    BusinessError,
    CurrencyMismatch,
    TryAfterCancel,
    UnknownAccount,
)


class LedgerFault(Exception):
    """The root: the caller broke a rule of the book, and nothing was changed."""


class LedgerConflict(LedgerFault):
    """The key exists with other content, or the hold has ended the other way."""


class UnbalancedPosting(LedgerFault):
    """The legs do not sum to zero per currency, or one of them is empty."""


class DayNotOver(LedgerFault):
    """The day still takes postings: it is today or to come."""


#: The state that a function of the book raises, and the error it means.
BY_SQLSTATE: dict[str, type[BusinessError | LedgerFault]] = {
    "PS001": BalanceInsufficient,
    "PS002": AccountBlocked,
    "PS003": AccountClosed,
    "PS004": TryAfterCancel,
    "PS005": LedgerConflict,
    "PS006": UnknownAccount,
    "PS007": UnbalancedPosting,
    "PS008": CurrencyMismatch,
    "PS009": AccountNotEmpty,
    "PS010": DayNotOver,
}


def refusal(error: DBAPIError) -> BusinessError | LedgerFault | None:
    """The refusal that the book raised; None when it was something else, such as a lost connection."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    kind = BY_SQLSTATE.get(sqlstate or "")
    # The driver's own error stands behind SQLAlchemy's, and carries the server's words alone.
    return kind(str(error.orig.__cause__)) if kind and error.orig else None
