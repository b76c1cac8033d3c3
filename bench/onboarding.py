"""The merchant of the measurement: many products and many payers, so that no row is hotter than a shop's would be."""

import asyncio
import secrets

from bench.plans import Shop
from devstack.plan import Plan
from devstack.rest import Rest
from devstack.seed import CURRENCY, UNIT_PRICE_MINOR, seeded, stock_up

SKUS, ON_HAND = 20, 1_000_000
WALLETS, WALLET_MINOR = 50, 10_000_000_000


async def onboarded(plan: Plan) -> Shop:
    """A merchant with a channel account, products in stock, payers with money, and every event told to the sink."""
    demo = await seeded(plan)
    merchant_id, mark = demo["merchant_id"], secrets.token_hex(4)
    skus = [f"bench-tea-{number}" for number in range(SKUS)]
    async with Rest(plan.addresses.api, demo["api_key"]) as api:
        await asyncio.gather(*(stock_up(api, sku, on_hand=ON_HAND) for sku in skus))
    async with Rest(plan.addresses.api, plan.keys.operator_key) as operator:
        payers = (f"payer-{mark}-{number}" for number in range(WALLETS))
        wallet_ids = await asyncio.gather(*(_wallet(operator, merchant_id, payer) for payer in payers))
    return Shop(
        api=plan.addresses.api,
        api_key=demo["api_key"],
        merchant_id=merchant_id,
        skus=skus,
        unit_price_minor=UNIT_PRICE_MINOR,
        currency=CURRENCY,
        wallet_ids=list(wallet_ids),
    )


async def pay_after(plan: Plan, wait_ms: int) -> None:
    """At the simulator each payer pays by itself, so long after the order exists."""
    async with Rest(plan.addresses.simulator) as simulator:
        await simulator.post("/_sim/mode", {"auto_pay_ms": wait_ms})


async def _wallet(operator: Rest, merchant_id: str, payer: str) -> str:
    body = {"kind": "wallet", "owner": payer, "currency": CURRENCY, "opening_balance_minor": WALLET_MINOR}
    account = await operator.post("/v1/accounts", {**body, "merchant_id": merchant_id})
    return str(account["id"])
