"""Why a request never became an object. The tree is drawn in `domain/errors.py`."""

from collections.abc import Mapping

from domain.business_error import Advice, BusinessError


class RequestProblem(BusinessError):
    """The request never became an object; nothing was started and nothing is held.

    `fields` maps a field's path to what is wrong with it; `payment_id` names the payment that stands in the way.
    """

    def __init__(
        self, detail: str = "", *, fields: Mapping[str, str] | None = None, payment_id: str | None = None
    ) -> None:
        super().__init__(detail)
        self.fields = dict(fields or {})
        self.payment_id = payment_id


class InvalidJson(RequestProblem):
    """The body is not JSON."""

    code, status, title = "invalid_json", 400, "The body is not valid JSON"


class InvalidRequest(RequestProblem):
    """A field is missing, unknown, of the wrong type or out of range."""

    code, status, title = "invalid_request", 422, "The request is not valid"


class UnsupportedField(RequestProblem):
    """The field exists in the contract, its feature is not built yet."""

    code, status, title = "unsupported_field", 422, "The field is not supported yet"


class AmountMismatch(RequestProblem):
    """The amounts do not add up."""

    code, status, title = "amount_mismatch", 422, "The amounts do not add up"


class UnknownSku(RequestProblem):
    """The merchant has no such product."""

    code, status, title = "unknown_sku", 422, "Unknown product"


class UnknownAccount(RequestProblem):
    """The body names an account that the merchant does not have."""

    code, status, title = "unknown_account", 404, "Unknown account"


class CurrencyMismatch(RequestProblem):
    """Two things that must share a currency do not."""

    code, status, title = "currency_mismatch", 422, "The currencies differ"


class ChannelNotConfigured(RequestProblem):
    """The merchant has no account at a channel that can do this."""

    code, status, title, advice = "channel_not_configured", 422, "No channel can do this", Advice.TELL


class IdempotencyKeyReused(RequestProblem):
    """The key was used with another body."""

    code, status, title = "idempotency_key_reused", 422, "The idempotency key was used with another body"


class IdempotencyKeyMissing(RequestProblem):
    """The body has no business number, so a key is required."""

    code, status, title = "idempotency_key_missing", 422, "An Idempotency-Key header is required"


class IdempotencyKeyInvalid(RequestProblem):
    """The key is not 1 to 255 visible ASCII characters."""

    code, status, title = "idempotency_key_invalid", 422, "The idempotency key is not valid"


class IdempotencyInProgress(RequestProblem):
    """The first call with this key still runs."""

    code, status, title, advice = "idempotency_in_progress", 409, "The first call still runs", Advice.RETRY


class Unauthorized(RequestProblem):
    """No key, or one that is not ours."""

    code, status, title = "unauthorized", 401, "A valid API key is required"


class Forbidden(RequestProblem):
    """A merchant's key on an operator's route."""

    code, status, title = "forbidden", 403, "An operator key is required"


class NotFound(RequestProblem):
    """There is no such object, or it is another merchant's."""

    code, status, title = "not_found", 404, "Not found"


class OrderNoTaken(RequestProblem):
    """A live or succeeded payment has this order number and another body."""

    code, status, title = "order_no_taken", 409, "The order number is taken"


class PaymentAlreadyPaid(RequestProblem):
    """The payment is paid, so it cannot be closed or switched."""

    code, status, title, advice = "payment_already_paid", 409, "The payment is already paid", Advice.ASK_LATER


class PaymentEnded(RequestProblem):
    """The payment is closed or failed, so it cannot be switched."""

    code, status, title, advice = "payment_ended", 409, "The payment has ended", Advice.START_AGAIN


class SwitchUnsafe(RequestProblem):
    """The previous attempt is not proven unpayable, or another request has replaced it (law 10)."""

    code, status, title, advice = "switch_unsafe", 409, "The previous attempt may still be paid", Advice.ASK_LATER


class StockBelowCommitments(RequestProblem):
    """`on_hand` would fall below reserved + sold."""

    code, status, title = "stock_below_commitments", 409, "Stock below what is reserved and sold"


class AlreadyExists(RequestProblem):
    """An object with this key exists and differs."""

    code, status, title = "already_exists", 409, "It exists already, with other fields"


class AccountNotEmpty(RequestProblem):
    """Closing is refused while a balance, a hold or an open object remains."""

    code, status, title = "account_not_empty", 409, "The account is not empty"


class WebhookUrlRefused(RequestProblem):
    """The URL is not https, or does not lead to a public address."""

    code, status, title = "webhook_url_refused", 422, "The webhook URL is refused"


class NumberTaken(RequestProblem):
    """The merchant has used this number for another request; such numbers are unique for ever."""

    code, status, title = "number_taken", 409, "The number is taken"


class PaymentNotRefundable(RequestProblem):
    """The payment is not paid, so nothing of it can be given back."""

    code, status, title = "payment_not_refundable", 409, "The payment is not paid"


class RefundAboveRefundable(RequestProblem):
    """The refund is above what is left of the payment, refunds under way counted."""

    code, status, title = "refund_above_refundable", 409, "The refund is above what is left"


class MerchantFundsInsufficient(RequestProblem):
    """What the merchant has with us, and may owe us, does not cover the refund."""

    code, status, title, advice = (
        "merchant_funds_insufficient",
        409,
        "The merchant's funds do not cover the refund",
        Advice.ASK_LATER,
    )


class MerchantHasDebt(RequestProblem):
    """The merchant owes us: none of its available money leaves before that is settled."""

    code, status, title, advice = "merchant_has_debt", 409, "The merchant has debt", Advice.ASK_LATER


class TransferToSelf(RequestProblem):
    """Both accounts are the same."""

    code, status, title = "transfer_to_self", 422, "Both accounts are the same"


class AmountBelowMinimum(RequestProblem):
    """The amount is below what the merchant's rule allows."""

    code, status, title = "amount_below_minimum", 422, "The amount is below the minimum"


class AmountAboveMaximum(RequestProblem):
    """The amount is above what the merchant's rule allows."""

    code, status, title = "amount_above_maximum", 422, "The amount is above the maximum"


class DailyLimitExceeded(RequestProblem):
    """With this amount the day's total would be above the merchant's limit."""

    code, status, title, advice = "daily_limit_exceeded", 409, "Above the daily limit", Advice.ASK_LATER


class ToolNotAllowed(RequestProblem):
    """The merchant's rule does not allow this way of paying for the operation."""

    code, status, title = "tool_not_allowed", 422, "The rule does not allow this way"


class RuleContradiction(RequestProblem):
    """The rule contradicts itself: no amount, or no way, could ever satisfy it."""

    code, status, title = "rule_contradiction", 422, "The rule contradicts itself"


class NotAwaitingApproval(RequestProblem):
    """Nobody's decision is awaited: it was made, it expired, or none was needed."""

    code, status, title = "not_awaiting_approval", 409, "No decision is awaited"


class ItemEnded(RequestProblem):
    """The suspense item was resolved already, or its resolution is under way."""

    code, status, title = "item_ended", 409, "The item has ended"


class MethodNotAllowed(RequestProblem):
    """The path exists, the method does not."""

    code, status, title = "method_not_allowed", 405, "Method not allowed"


class BodyTooLarge(RequestProblem):
    """The body is above 1 MB."""

    code, status, title = "body_too_large", 413, "The body is above 1 MB"


class RateLimited(RequestProblem):
    """As many calls of the merchant wait for a turn as one may have; nothing was claimed."""

    code, status, title, advice = "rate_limited", 429, "Too many calls", Advice.RETRY


class InternalError(RequestProblem):
    """A fault of ours; nothing was decided by it."""

    code, status, title, advice = "internal_error", 500, "A fault of ours", Advice.TELL


class Unavailable(RequestProblem):
    """PostgreSQL or Temporal does not answer; nothing is half-done, the same key works later."""

    code, status, title, advice = "unavailable", 503, "Temporarily unavailable", Advice.RETRY
