"""The states of every object that money passes through, and which of them end it."""

from enum import StrEnum


class PaymentState(StrEnum):
    """Where a payment stands; a closed workflow means one of the terminal states (law 11)."""

    PENDING = "pending"
    IN_REVIEW = "in_review"
    AWAITING_PAYER = "awaiting_payer"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    CAPTURING = "capturing"
    CLOSING = "closing"
    CONFIRMING = "confirming"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """True when nothing moves the payment any more."""
        return self in PAYMENT_TERMINAL

    @property
    def before_pivot(self) -> bool:
        """True while the payment can still be undone: its pivot is the committed move to `confirming`."""
        return self not in PAYMENT_TERMINAL and self is not PaymentState.CONFIRMING


PAYMENT_TERMINAL = frozenset({PaymentState.SUCCEEDED, PaymentState.CLOSED, PaymentState.FAILED})


class CloseReason(StrEnum):
    """Why a payment ended without being paid."""

    EXPIRED = "expired"
    REQUESTED = "requested"
    VOIDED = "voided"
    AMOUNT_MISMATCH = "amount_mismatch"
    AUTHORIZATION_EXPIRED = "authorization_expired"


class AttemptState(StrEnum):
    """One try of a payment at one channel; its row is the record of intent and of evidence (law 4)."""

    INTENT = "intent"
    NEVER_SENT = "never_sent"
    SENT = "sent"
    WAITING = "waiting"
    AUTHORIZED = "authorized"
    PAID = "paid"
    DECLINED = "declined"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    CLOSED = "closed"
    PRESUMED_CLOSED = "presumed_closed"
    VOIDED = "voided"
    PAID_LATE = "paid_late"
    PAID_TWICE = "paid_twice"
    PAID_MISMATCH = "paid_mismatch"
    RETURNED = "returned"
    APPLIED = "applied"

    @property
    def open(self) -> bool:
        """True while the payer may still pay by this attempt, as far as we know."""
        return self in ATTEMPT_OPEN

    @property
    def received_money(self) -> bool:
        """True when the channel told us that money came in by this attempt."""
        return self in ATTEMPT_RECEIVED


ATTEMPT_OPEN = frozenset(
    {AttemptState.INTENT, AttemptState.SENT, AttemptState.WAITING, AttemptState.AUTHORIZED, AttemptState.UNKNOWN}
)
ATTEMPT_RECEIVED = frozenset(
    {
        AttemptState.PAID,
        AttemptState.PAID_LATE,
        AttemptState.PAID_TWICE,
        AttemptState.PAID_MISMATCH,
        AttemptState.RETURNED,
        AttemptState.APPLIED,
    }
)


class RefundState(StrEnum):
    """Where a refund stands; only the channel's proof makes it failed."""

    PENDING = "pending"
    RETURNING_SPLITS = "returning_splits"
    PROCESSING = "processing"
    NEEDS_ACTION = "needs_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BOUNCED = "bounced"

    @property
    def terminal(self) -> bool:
        """True when the refund's workflow has ended."""
        return self in {RefundState.SUCCEEDED, RefundState.FAILED, RefundState.BOUNCED}


class LegState(StrEnum):
    """The intent-first record of one call to a channel (law 4); `none` where the channel has no part in it."""

    NONE = "none"
    INTENT = "intent"
    SENT = "sent"
    KNOWN_OK = "known_ok"
    KNOWN_FAIL = "known_fail"
    UNKNOWN = "unknown"


class RefundOrigin(StrEnum):
    """Who caused a refund; all but `merchant` stand outside the payment's refundable amount (law 9)."""

    MERCHANT = "merchant"
    LATE = "late"
    DUPLICATE = "duplicate"
    MISMATCH = "mismatch"
    BOUNCE = "bounce"  # a refund that came back to us is given back again


class PayoutState(StrEnum):
    """Where a payout stands; `returned` replaces `succeeded` when it bounced days later."""

    PENDING = "pending"
    AWAITING_APPROVAL = "awaiting_approval"
    PROCESSING = "processing"
    NEEDS_ACTION = "needs_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RETURNED = "returned"

    @property
    def terminal(self) -> bool:
        """True when the payout's workflow has ended."""
        return self in PAYOUT_TERMINAL


PAYOUT_TERMINAL = frozenset(
    {
        PayoutState.SUCCEEDED,
        PayoutState.FAILED,
        PayoutState.REJECTED,
        PayoutState.EXPIRED,
        PayoutState.RETURNED,
    }
)


class TransferState(StrEnum):
    """Where a transfer stands: it is one transaction, so that only its end is ever seen."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Approval(StrEnum):
    """What was decided of an object that needs a second pair of eyes; none is needed where it is absent."""

    AWAITED = "awaited"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Purpose(StrEnum):
    """What a payment is for: goods of the merchant, or money in a wallet."""

    PAYMENT = "payment"
    TOP_UP = "top_up"

    @property
    def in_words(self) -> str:
        """As people call it."""
        return self.replace("_", "-")


class Operation(StrEnum):
    """What a merchant's rules are about, and what has a number of the business's own (law 12)."""

    PAYMENT = "payment"
    TOP_UP = "top_up"
    REFUND = "refund"
    PAYOUT = "payout"
    TRANSFER = "transfer"


class ItemState(StrEnum):
    """Where a suspense item stands; `ending` while a refund or payout takes its money out."""

    OPEN = "open"
    ENDING = "ending"
    ENDED = "ended"


class Resolution(StrEnum):
    """How a suspense item ends: back to the payer by its channel, into a wallet, or paid out to a payee."""

    REFUND = "refund"
    WALLET = "wallet"
    PAYOUT = "payout"


class ReservationState(StrEnum):
    """A hold in the ledger or a reservation of stock; a tombstone is `released` without a try."""

    HELD = "held"
    CONFIRMED = "confirmed"
    RELEASED = "released"


class Certainty(StrEnum):
    """How well we know: `waiting` means the channel has it, unpaid; `unknown` that we do not know whether it has it."""

    SURE = "sure"
    WAITING = "waiting"
    UNKNOWN = "unknown"


class CloseProof(StrEnum):
    """What proves at a channel that an attempt can no longer be paid (law 5)."""

    FINAL = "final"
    AFTER_EXPIRY = "after_expiry"
    NONE = "none"


class FundsHolder(StrEnum):
    """Whose account at the channel the payer's money reaches; fixed when the channel account is made."""

    PLATFORM = "platform"
    MERCHANT = "merchant"


class Invoke(StrEnum):
    """How the payer meets the channel."""

    QR = "qr"
    PAGE = "page"
    WAP = "wap"
    APP = "app"
    JSAPI = "jsapi"
    MINI = "mini"
    BARCODE = "barcode"
    CARD = "card"
    AGREEMENT = "agreement"

    @property
    def takes_money_at_once(self) -> bool:
        """True when the sending call itself may take the payer's money."""
        return self in {Invoke.BARCODE, Invoke.CARD, Invoke.AGREEMENT}
