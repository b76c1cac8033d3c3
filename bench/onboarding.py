"""The merchants of the measurement: many products and many payers, so that no row is hotter than a shop's would be."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

from bench.plans import Shop
from bench.stack import SLOW_CHANNEL
from devstack.plan import Plan
from devstack.rest import Rest
from devstack.seed import CURRENCY, UNIT_PRICE_MINOR, channel_contract, new_merchant, seeded, stock_up

ON_HAND = 1_000_000
WALLET_MINOR = 10_000_000_000
SOLD_OUT = "bench-sold-out"


@dataclass(frozen=True)
class Size:
    """How many products a merchant sells, and how many payers it has."""

    skus: int
    wallets: int


LARGE, SMALL = Size(skus=20, wallets=50), Size(skus=1, wallets=2)


async def onboarded(plan: Plan) -> Shop:
    """A merchant with a channel account, products in stock, payers with money, and every event told to the sink."""
    return await _shop(plan, await seeded(plan), LARGE)


async def another(plan: Plan) -> Shop:
    """One more merchant, of one product and two payers."""
    return await _shop(plan, await new_merchant(plan), SMALL)


async def through_slow_channel(plan: Plan, shop: Shop) -> tuple[Shop, str]:
    """The shop with a second contract, at the channel that can be slowed down; and the name it has there."""
    contract = await channel_contract(plan.addresses) | {"channel": SLOW_CHANNEL}
    async with Rest(plan.addresses.api, plan.keys.operator_key) as operator:
        await operator.post(f"/v1/merchants/{shop.merchant_id}/channels", contract)
    return shop.model_copy(update={"channel": SLOW_CHANNEL}), str(contract["config"]["app_id"])


async def pay_after(plan: Plan, wait_ms: int) -> None:
    """At the simulator each payer pays by itself, so long after the order exists."""
    async with Rest(plan.addresses.simulator) as simulator:
        await simulator.post("/_sim/mode", {"auto_pay_ms": wait_ms})


async def slow_down(plan: Plan, app_id: str, delay_s: float) -> None:
    """The channel takes so many seconds to answer each new order of that merchant, from now on."""
    fault = {"op": "pay", "do": "slow", "times": 1_000_000, "app_id": app_id, "delay_s": delay_s}
    async with Rest(plan.addresses.simulator) as simulator:
        await simulator.post("/_sim/fault", fault)


async def _shop(plan: Plan, merchant: dict[str, Any], size: Size) -> Shop:
    merchant_id, mark = merchant["merchant_id"], secrets.token_hex(4)
    skus = [f"bench-tea-{number}" for number in range(size.skus)]
    async with Rest(plan.addresses.api, merchant["api_key"]) as api:
        await asyncio.gather(*(stock_up(api, sku, on_hand=ON_HAND) for sku in skus), stock_up(api, SOLD_OUT, on_hand=0))
    async with Rest(plan.addresses.api, plan.keys.operator_key) as operator:
        payers = (f"payer-{mark}-{number}" for number in range(size.wallets))
        wallet_ids = await asyncio.gather(*(_wallet(operator, merchant_id, payer, WALLET_MINOR) for payer in payers))
        empty_wallet_id = await _wallet(operator, merchant_id, f"payer-{mark}-empty", 0)
    return Shop(
        api=plan.addresses.api,
        api_key=merchant["api_key"],
        merchant_id=merchant_id,
        skus=skus,
        unit_price_minor=UNIT_PRICE_MINOR,
        currency=CURRENCY,
        wallet_ids=list(wallet_ids),
        sold_out_sku=SOLD_OUT,
        empty_wallet_id=empty_wallet_id,
    )


async def _wallet(operator: Rest, merchant_id: str, payer: str, balance_minor: int) -> str:
    body = {"kind": "wallet", "owner": payer, "currency": CURRENCY, "merchant_id": merchant_id}
    opening = {"opening_balance_minor": balance_minor} if balance_minor else {}
    account = await operator.post("/v1/accounts", {**body, **opening})
    return str(account["id"])
