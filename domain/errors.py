"""Everything a caller can act on, one class and one stable code each.

    BusinessError
    ├── Refused                  a validated request that became an object and ended `failed` (the saga compensates)
    │   ├── OutOfStock · SkuOffSale · BalanceInsufficient · AccountBlocked · AccountClosed · FeeAboveAmount
    │   ├── ChannelDeclined · ChannelRejected · ChannelUnavailable · SendForbidden
    │   ├── ApprovalRejected · ApprovalExpired
    │   └── TryAfterCancel       a try that arrived after its cancel (law 3)
    └── RequestProblem           a request that never became an object (a 4xx or 503)
        ├── 400-422              InvalidJson · InvalidRequest · UnsupportedField · IdempotencyKeyReused · …
        ├── 401-404              Unauthorized · Forbidden · NotFound
        ├── 409                  OrderNoTaken · NumberTaken · SwitchUnsafe · RefundAboveRefundable · …
        └── 413, 429, 5xx        BodyTooLarge · RateLimited · InternalError · Unavailable

A database or an engine that is down is none of these: it decides nothing (law 7).
"""

from collections.abc import Iterator

from domain.business_error import (
    Advice,
    BusinessError,
)
from domain.problems import (
    AccountNotEmpty,
    AlreadyExists,
    AmountAboveMaximum,
    AmountBelowMinimum,
    AmountMismatch,
    BodyTooLarge,
    ChannelNotConfigured,
    CurrencyMismatch,
    DailyLimitExceeded,
    Forbidden,
    IdempotencyInProgress,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InternalError,
    InvalidJson,
    InvalidRequest,
    ItemEnded,
    MerchantFundsInsufficient,
    MerchantHasDebt,
    MethodNotAllowed,
    NotAwaitingApproval,
    NotFound,
    NumberTaken,
    OrderNoTaken,
    PaymentAlreadyPaid,
    PaymentEnded,
    PaymentNotRefundable,
    RateLimited,
    RefundAboveRefundable,
    RequestProblem,
    RuleContradiction,
    StockBelowCommitments,
    SwitchUnsafe,
    ToolNotAllowed,
    TransferToSelf,
    Unauthorized,
    Unavailable,
    UnknownAccount,
    UnknownSku,
    UnsupportedField,
    WebhookUrlRefused,
)
from domain.refusals import (
    AccountBlocked,
    AccountClosed,
    ApprovalExpired,
    ApprovalRejected,
    BalanceInsufficient,
    ChannelDeclined,
    ChannelRejected,
    ChannelUnavailable,
    FeeAboveAmount,
    OutOfStock,
    Refused,
    SendForbidden,
    SkuOffSale,
    TryAfterCancel,
)

__all__ = [
    "BY_CODE",
    "AccountBlocked",
    "AccountClosed",
    "AccountNotEmpty",
    "Advice",
    "AlreadyExists",
    "AmountAboveMaximum",
    "AmountBelowMinimum",
    "AmountMismatch",
    "ApprovalExpired",
    "ApprovalRejected",
    "BalanceInsufficient",
    "BodyTooLarge",
    "BusinessError",
    "ChannelDeclined",
    "ChannelNotConfigured",
    "ChannelRejected",
    "ChannelUnavailable",
    "CurrencyMismatch",
    "DailyLimitExceeded",
    "FeeAboveAmount",
    "Forbidden",
    "IdempotencyInProgress",
    "IdempotencyKeyInvalid",
    "IdempotencyKeyMissing",
    "IdempotencyKeyReused",
    "InternalError",
    "InvalidJson",
    "InvalidRequest",
    "ItemEnded",
    "MerchantFundsInsufficient",
    "MerchantHasDebt",
    "MethodNotAllowed",
    "NotAwaitingApproval",
    "NotFound",
    "NumberTaken",
    "OrderNoTaken",
    "OutOfStock",
    "PaymentAlreadyPaid",
    "PaymentEnded",
    "PaymentNotRefundable",
    "RateLimited",
    "RefundAboveRefundable",
    "Refused",
    "RequestProblem",
    "RuleContradiction",
    "SendForbidden",
    "SkuOffSale",
    "StockBelowCommitments",
    "SwitchUnsafe",
    "ToolNotAllowed",
    "TransferToSelf",
    "TryAfterCancel",
    "Unauthorized",
    "Unavailable",
    "UnknownAccount",
    "UnknownSku",
    "UnsupportedField",
    "WebhookUrlRefused",
    "is_refusal",
]


def _leaves(root: type[BusinessError]) -> Iterator[type[BusinessError]]:
    for child in root.__subclasses__():
        yield from _leaves(child)
        if child.code:
            yield child


#: Every stable code and its class: the vocabulary of `failure.code`, of problem documents and of law 7.
BY_CODE: dict[str, type[BusinessError]] = {error.code: error for error in _leaves(BusinessError)}


def is_refusal(code: str | None) -> bool:
    """True when a failure of this type compensates (law 7): it is in the business error tree."""
    return code in BY_CODE
