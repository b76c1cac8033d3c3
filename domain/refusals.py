"""Why a validated request ends `failed`: the saga compensates (law 7). The tree is drawn in `domain/errors.py`."""

from domain.business_error import Advice, BusinessError


class Refused(BusinessError):
    """A participant refused; the object exists, ends `failed` and carries this code."""

    advice = Advice.START_AGAIN


class OutOfStock(Refused):
    """Fewer are sellable than were asked for."""

    code, title = "out_of_stock", "Not enough stock"


class SkuOffSale(Refused):
    """The product is not on sale."""

    code, title = "sku_off_sale", "The product is not on sale"


class BalanceInsufficient(Refused):
    """The account's available balance does not cover the hold or debit."""

    code, title = "balance_insufficient", "The balance does not cover it"


class AccountBlocked(Refused):
    """An operator blocked the account: it takes no new hold or debit."""

    code, title, advice = "account_blocked", "The account is blocked", Advice.TELL


class AccountClosed(Refused):
    """The account is closed."""

    code, title = "account_closed", "The account is closed"


class FeeAboveAmount(Refused):
    """The merchant's fee rule exceeds the amount."""

    code, title, advice = "fee_above_amount", "The fee is above the amount", Advice.TELL


class ChannelDeclined(Refused):
    """The channel declined for good."""

    code, title = "channel_declined", "The channel declined the payment"


class ChannelRejected(Refused):
    """The channel refused the order; it never existed there."""

    code, title, advice = "channel_rejected", "The channel rejected the order", Advice.TELL


class ChannelUnavailable(Refused):
    """The channel could not be reached while the order might be sent; nothing was sent."""

    code, title = "channel_unavailable", "The channel could not be reached"


class SendForbidden(Refused):
    """The send came after its cancel or after `send_before`; nothing was sent."""

    code, title = "send_forbidden", "The send came too late"


class TryAfterCancel(Refused):
    """A try arrived after its cancel."""

    code, title = "try_after_cancel", "Cancelled before it was tried"


class ApprovalRejected(Refused):
    """An operator looked at it and refused."""

    code, title, advice = "approval_rejected", "It was not approved", Advice.TELL


class ApprovalExpired(Refused):
    """Nobody approved it in time."""

    code, title, advice = "approval_expired", "Nobody approved it in time", Advice.TELL
