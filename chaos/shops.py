"""The businesses of one seed, onboarded over REST before anything breaks."""

import base64
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chaos.customers import PRICE_MINOR, Merchant
from chaos.stack import Stack
from devstack.rest import Rest

CURRENCY = "CNY"
ON_HAND = 1_000
WALLET_MINOR, AVAILABLE_MINOR, AT_CHANNEL_MINOR = 60_000, 12_000, 10_000_000
#: A limit that nobody meets: what is counted takes another way.
DAILY_MINOR = 1_000_000_000
CALL_TIMEOUT_S = 1
FEE = {"rate_bps": 60, "fixed_minor": 1, "cap_minor": None}


@dataclass(frozen=True)
class Shop:
    """One merchant, and what its clients and its judge know of it."""

    funds_holder: str
    merchant_id: str
    api_key: str
    app_id: str
    channel_account_id: str
    sku: str
    wallet_id: str
    available_id: str | None
    webhook_secret: str
    webhook_url: str


class Onboarding:
    """Opens the shops of a seed."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def open(self, merchant: Merchant, mark: str) -> Shop:
        """Key, contract with the channel, webhook, product in stock, and money where the business needs it."""
        addresses = self._stack.plan.addresses
        async with Rest(addresses.api, self._stack.plan.keys.operator_key) as operator:
            made = await operator.post("/v1/merchants", {"name": f"{merchant.name} {mark}"})
            path = f"/v1/merchants/{made['id']}"
            api_key = (await operator.post(f"{path}/keys", {}))["api_key"]
            app_id, contract = await self._contract(merchant)
            channel = await operator.post(f"{path}/channels", contract)
            url = f"{self._stack.routes.sink}/hook/{made['id']}"
            secret = (await operator.put(f"{path}/webhook", {"url": url, "events": ["*"]}))["secret"]
            wallet = await operator.post("/v1/accounts", _account("wallet", mark, made["id"], WALLET_MINOR))
            if merchant.limited:
                await operator.put(f"{path}/rules/payment/{CURRENCY}", {"daily_minor": DAILY_MINOR})
            available = None
            if merchant.funds_holder == "platform":
                opening = _account("merchant_available", made["id"], made["id"], AVAILABLE_MINOR)
                available = (await operator.post("/v1/accounts", opening))["id"]
        async with Rest(addresses.api, api_key) as api:
            await api.post("/v1/skus", _product(mark))
            await api.put(f"/v1/skus/tea-{mark}/stock", {"warehouse": "main", "on_hand": ON_HAND})
        return Shop(
            funds_holder=merchant.funds_holder,
            merchant_id=made["id"],
            api_key=api_key,
            app_id=app_id,
            channel_account_id=channel["id"],
            sku=f"tea-{mark}",
            wallet_id=wallet["id"],
            available_id=available,
            webhook_secret=secret,
            webhook_url=url,
        )

    async def _contract(self, merchant: Merchant) -> tuple[str, dict[str, Any]]:
        """The merchant is registered at the channel, and has money there; answers its app and the contract."""
        private, app_id = Ed25519PrivateKey.generate(), f"chaos-{secrets.token_hex(6)}"
        public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
        async with Rest(self._stack.plan.addresses.simulator) as simulator:
            registered = await simulator.post("/_sim/apps", {"app_id": app_id, "public_key": public})
            funds = {"app_id": app_id, "currency": CURRENCY, "amount_minor": -AT_CHANNEL_MINOR}
            await simulator.post("/_sim/withdraw", funds)
        config = {"base_url": f"{self._stack.routes.simulator}/sim", "app_id": app_id, "close_proof": "final"}
        private_key = base64.b64encode(private.private_bytes_raw()).decode()
        return app_id, {
            "channel": "sim",
            "funds_holder": merchant.funds_holder,
            "currency": CURRENCY,
            "fee": FEE,
            "config": {**config, "close_proof": merchant.close_proof, "call_timeout_s": CALL_TIMEOUT_S},
            "secrets": {"private_key": private_key, "channel_public_key": registered["channel_public_key"]},
        }


def _account(kind: str, owner: str, merchant_id: str, opening_minor: int) -> dict[str, Any]:
    named = {"kind": kind, "owner": owner, "currency": CURRENCY, "merchant_id": merchant_id}
    return {**named, "opening_balance_minor": opening_minor}


def _product(mark: str) -> dict[str, Any]:
    return {"sku": f"tea-{mark}", "name": "Tea", "currency": CURRENCY, "unit_price_minor": PRICE_MINOR, "on_sale": True}
