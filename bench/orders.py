"""The payments that a load asks for: mixed ones, with lines, a balance part and a channel part."""

import itertools
import random
from typing import Any

import orjson

from bench.plans import LoadPlan, Shop

QUANTITY = 2
BALANCE_MINOR = 1_000
DECLINED = {"invoke": "barcode", "auth_code": "28decline"}


class Orders:
    """One after another; the same plan always asks for the same."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._numbers = itertools.count()
        self._random = random.Random(plan.seed)  # noqa: S311 - which payment fails is no secret
        self._failures = itertools.cycle(("sold_out", "without_balance", "declined"))

    def next(self) -> tuple[Shop, bytes]:
        """Whose the next payment is, and the body of its POST."""
        number = next(self._numbers)
        shop = self._plan.shops[number % len(self._plan.shops)]
        failure = next(self._failures) if self._random.random() < self._plan.failing_share else None
        return shop, orjson.dumps(self._body(shop, number, failure))

    def _body(self, shop: Shop, number: int, failure: str | None) -> dict[str, Any]:
        turn = number // len(self._plan.shops)
        sku = shop.sold_out_sku if failure == "sold_out" else shop.skus[turn % len(shop.skus)]
        wallet_id = shop.wallet_ids[turn % len(shop.wallet_ids)]
        declined = failure == "declined"
        return {
            "order_no": f"{self._plan.name}-{number}",
            "amount_minor": QUANTITY * shop.unit_price_minor,
            "balance_minor": BALANCE_MINOR,
            "currency": shop.currency,
            "subject": "Two packets of tea",
            "channel": shop.channel,
            "invoke": DECLINED["invoke"] if declined else "qr",
            "payer": {
                "account_id": shop.empty_wallet_id if failure == "without_balance" else wallet_id,
                **({"auth_code": DECLINED["auth_code"]} if declined else {}),
            },
            "lines": [{"sku": sku, "quantity": QUANTITY, "unit_price_minor": shop.unit_price_minor}],
        }
