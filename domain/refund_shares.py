"""What a refund gives back by which tool: cumulative shares, so that full refunds give every part back exactly.

Every share is `floor(share × refunded so far ÷ paid)` less what was given already; the channel gives the rest, so that
the parts always sum to the refund.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Paid:
    """What a payment was made of, in minor units; `paid_minor` is what the payer paid.

    `fee_minor` is the part of the fee that goes back: the proportional one, never the fixed one.
    """

    paid_minor: int
    balance_minor: int
    coupon_minor: int
    fee_minor: int

    @property
    def channel_minor(self) -> int:
        """What came by the channel."""
        return self.paid_minor - self.balance_minor


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The parts of one refund, or of several together, in minor units: `amount_minor = channel_minor + balance_minor`.

    `coupon_minor` goes back to whoever paid the coupon, `fee_minor` to the merchant.
    """

    amount_minor: int = 0
    balance_minor: int = 0
    coupon_minor: int = 0
    fee_minor: int = 0

    @property
    def channel_minor(self) -> int:
        """What goes back by the channel."""
        return self.amount_minor - self.balance_minor


def returnable_fee_minor(fee_minor: int, fixed_minor: int) -> int:
    """The proportional part of a fee in minor units; a capped fee is proportional above its fixed part."""
    return max(fee_minor - fixed_minor, 0)


def next_shares(paid: Paid, given: Shares, amount_minor: int) -> Shares:
    """The parts of a refund of that amount after `given`; ValueError above what is left.

    A refund that failed leaves `given` smaller than a floor would have it: the parts are kept within what each tool
    has left.
    """
    left_minor = paid.paid_minor - given.amount_minor
    if not 0 < amount_minor <= left_minor:
        raise ValueError(f"{amount_minor} is not within the {left_minor} that are left")
    refunded_minor = given.amount_minor + amount_minor
    channel_left_minor = paid.channel_minor - given.channel_minor
    balance_left_minor = paid.balance_minor - given.balance_minor
    due_minor = _due(paid, paid.balance_minor, refunded_minor) - given.balance_minor
    return Shares(
        amount_minor=amount_minor,
        balance_minor=_within(due_minor, amount_minor - channel_left_minor, min(amount_minor, balance_left_minor)),
        coupon_minor=_share(paid, paid.coupon_minor, given.coupon_minor, refunded_minor=refunded_minor),
        fee_minor=_share(paid, paid.fee_minor, given.fee_minor, refunded_minor=refunded_minor),
    )


def _share(paid: Paid, share_minor: int, given_minor: int, *, refunded_minor: int) -> int:
    return _within(_due(paid, share_minor, refunded_minor) - given_minor, 0, share_minor - given_minor)


def _due(paid: Paid, share_minor: int, refunded_minor: int) -> int:
    """What of the share is due when so much was refunded in all."""
    return share_minor * refunded_minor // paid.paid_minor


def _within(value: int, lowest: int, highest: int) -> int:
    return min(max(value, lowest, 0), highest)
