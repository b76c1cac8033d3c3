"""Every refusal the simulator can answer with.

RefusedError
├── ParamError                400  a field is missing or out of range
├── SignError                 401  unknown app, bad signature, timestamp out of range
├── OrderNotFoundError        404
├── RefundNotFoundError       404
├── TransferNotFoundError     404
├── ChannelNotFoundError      404  control API only
├── DuplicateMismatchError    409  the number exists with other fields
├── OrderPaidError            409
├── OrderClosedError          409  control API only
├── OrderDeclinedError        409
├── OrderNotPaidError         409
├── RefundExceedsError        409
├── RefundEndedError          409  control API only
├── RefundNotSucceededError   409  control API only
├── TransferEndedError        409  control API only
├── TransferNotSucceededError 409 control API only
├── PayeeRefusedError         409
├── AppBalanceError           409
├── RateLimitedError          429
└── SystemFailureError        500  outcome unknown
"""

from typing import ClassVar


class RefusedError(Exception):
    """An answer `{code, message}` with a status; nothing was written when it was raised."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "PARAM_ERROR"

    def answer(self) -> dict[str, str]:
        """Give the body that goes with the status."""
        return {"code": self.code, "message": str(self)}


class ParamError(RefusedError):
    """A field is missing or out of range."""


class SignError(RefusedError):
    """The caller did not prove who it is."""

    status, code = 401, "SIGN_ERROR"


class OrderNotFoundError(RefusedError):
    """The app has no order of this number."""

    status, code = 404, "ORDER_NOT_FOUND"


class RefundNotFoundError(RefusedError):
    """The app has no refund of this number."""

    status, code = 404, "REFUND_NOT_FOUND"


class TransferNotFoundError(RefusedError):
    """The app has no transfer of this number."""

    status, code = 404, "TRANSFER_NOT_FOUND"


class ChannelNotFoundError(RefusedError):
    """No channel of this name is simulated."""

    status, code = 404, "CHANNEL_NOT_FOUND"


class DuplicateMismatchError(RefusedError):
    """The number exists with other fields."""

    status, code = 409, "DUPLICATE_MISMATCH"


class OrderPaidError(RefusedError):
    """The order is paid, so it can be neither closed nor paid again."""

    status, code = 409, "ORDER_PAID"


class OrderClosedError(RefusedError):
    """The order is closed, so the payer cannot pay it."""

    status, code = 409, "ORDER_CLOSED"


class OrderDeclinedError(RefusedError):
    """The order is declined for good."""

    status, code = 409, "ORDER_DECLINED"


class OrderNotPaidError(RefusedError):
    """An order that nobody paid cannot be refunded."""

    status, code = 409, "ORDER_NOT_PAID"


class RefundExceedsError(RefusedError):
    """The refund is above what is left of the paid amount."""

    status, code = 409, "REFUND_EXCEEDS"


class RefundEndedError(RefusedError):
    """The refund has succeeded or failed already."""

    status, code = 409, "REFUND_ENDED"


class RefundNotSucceededError(RefusedError):
    """Only a refund that the payer had can bounce."""

    status, code = 409, "REFUND_NOT_SUCCEEDED"


class TransferEndedError(RefusedError):
    """The transfer has succeeded or failed already."""

    status, code = 409, "TRANSFER_ENDED"


class TransferNotSucceededError(RefusedError):
    """Only a transfer that the payee had can be returned."""

    status, code = 409, "TRANSFER_NOT_SUCCEEDED"


class PayeeRefusedError(RefusedError):
    """The account takes no money; nothing was done."""

    status, code = 409, "PAYEE_REFUSED"


class AppBalanceError(RefusedError):
    """The merchant's balance at the channel does not cover the refund or transfer."""

    status, code = 409, "APP_BALANCE_NOT_ENOUGH"


class RateLimitedError(RefusedError):
    """Not executed; the same number may be sent again."""

    status, code = 429, "RATE_LIMITED"


class SystemFailureError(RefusedError):
    """The channel stumbled; the caller cannot know whether it executed."""

    status, code = 500, "SYSTEM_ERROR"
