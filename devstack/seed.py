"""The demo merchant, made once over REST and kept in `demo.json`."""

import base64
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from devstack.plan import Addresses, Plan
from devstack.rest import Rest

DEMO_FILE = "demo.json"
SKU = "demo-tea"
CURRENCY = "CNY"
UNIT_PRICE_MINOR = 2_000
ON_HAND = 100
WALLET_MINOR = 100_000
FEE = {"rate_bps": 60, "fixed_minor": 0, "cap_minor": None}


async def seeded(plan: Plan) -> dict[str, Any]:
    """What `demo.json` says: of an earlier run where its merchant still works here, else of a new one."""
    kept = plan.state.read(DEMO_FILE)
    if kept and await _still_works(plan.addresses, kept):
        merchant = kept
        if kept["sink"] != plan.addresses.sink:
            await _move_webhook(plan, kept)
    else:
        merchant = await new_merchant(plan)
    demo = {**merchant, **_addresses(plan)}
    plan.state.write(DEMO_FILE, demo)
    return demo


def _addresses(plan: Plan) -> dict[str, Any]:
    addresses = plan.addresses
    return {
        "api": addresses.api,
        "operator_key": plan.keys.operator_key,
        "temporal": addresses.temporal,
        "temporal_namespace": plan.settings.temporal_namespace,
        "temporal_ui": addresses.temporal_ui,
        "database_url": addresses.database_url,
        "simulator": addresses.simulator,
        "sink": addresses.sink,
    }


async def _still_works(addresses: Addresses, kept: dict[str, Any]) -> bool:
    """A channel that moved needs a new contract; another database does not know the key."""
    if kept["simulator"] != addresses.simulator:
        return False
    async with Rest(addresses.api, kept["api_key"]) as api:
        return await api.find(f"/v1/accounts/{kept['wallet_id']}") is not None


async def _move_webhook(plan: Plan, kept: dict[str, Any]) -> None:
    """The merchant is told at the sink's new address, signed with the secret that it has."""
    async with Rest(plan.addresses.api, plan.keys.operator_key) as operator:
        await operator.put(f"/v1/merchants/{kept['merchant_id']}/webhook", _webhook(plan.addresses))


async def new_merchant(plan: Plan) -> dict[str, Any]:
    """A merchant with a key, a contract at the channel, a webhook to the sink, a payer's wallet and the product."""
    addresses = plan.addresses
    async with Rest(addresses.api, plan.keys.operator_key) as operator:
        merchant = await operator.post("/v1/merchants", {"name": "Demo Tea House"})
        path = f"/v1/merchants/{merchant['id']}"
        key = await operator.post(f"{path}/keys", {})
        await operator.post(f"{path}/channels", await channel_contract(addresses))
        webhook = await operator.put(f"{path}/webhook", _webhook(addresses))
        wallet = await operator.post("/v1/accounts", {**_wallet(), "merchant_id": merchant["id"]})
    async with Rest(addresses.api, key["api_key"]) as api:
        await stock_up(api, SKU, on_hand=ON_HAND)
    async with Rest(addresses.sink) as sink:
        await sink.post("/secret", {"secret": webhook["secret"]})
    return {
        "api_key": key["api_key"],
        "merchant_id": merchant["id"],
        "wallet_id": wallet["id"],
        "sku": SKU,
        "webhook_secret": webhook["secret"],
    }


async def stock_up(api: Rest, sku: str, *, on_hand: int) -> None:
    """The product is on sale, with that many pieces in the main warehouse."""
    product = {"sku": sku, "name": sku.removeprefix("demo-").title(), "currency": CURRENCY}
    await api.post("/v1/skus", {**product, "unit_price_minor": UNIT_PRICE_MINOR, "on_sale": True})
    await api.put(f"/v1/skus/{sku}/stock", {"warehouse": "main", "on_hand": on_hand})


async def channel_contract(addresses: Addresses) -> dict[str, Any]:
    """The merchant is registered at the channel; answers what we must know to speak for it."""
    private = Ed25519PrivateKey.generate()
    app_id = f"demo-{secrets.token_hex(6)}"
    async with Rest(addresses.simulator) as simulator:
        public_key = _base64(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        registered = await simulator.post("/_sim/apps", {"app_id": app_id, "public_key": public_key})
    raw_private = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return {
        "channel": "sim",
        "funds_holder": "platform",
        "currency": CURRENCY,
        "fee": FEE,
        "config": {
            "base_url": f"{addresses.simulator}/sim",
            "app_id": app_id,
            "close_proof": "final",
            "call_timeout_s": 3,
        },
        "secrets": {"private_key": _base64(raw_private), "channel_public_key": registered["channel_public_key"]},
    }


def _webhook(addresses: Addresses) -> dict[str, Any]:
    return {"url": f"{addresses.sink}/hook", "events": ["*"]}


def _wallet() -> dict[str, Any]:
    return {"kind": "wallet", "owner": "payer-demo", "currency": CURRENCY, "opening_balance_minor": WALLET_MINOR}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
