"""A merchant of a test's own, onboarded through the REST API, and the payer beside it."""

import base64
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.channel import ChannelCalls
from domain.commands import AttemptCommand, PaymentCommand, WatchCommand
from domain.ids import new_id, new_payment_id
from domain.orders import PaymentOrder
from store.requests import PaymentClaim, claim_payment, keep_request
from tests.support.centre import OPERATOR_KEY, Centre, eventually, worker_parts
from worker import WorkerParts
from workflows.payment import PaymentWorkflow
from workflows.watch import WatchWorkflow

PRICE_MINOR = 2_000
STOCK = 100
WALLET_MINOR = 100_000


@dataclass
class Shop:
    """Calls the API as the merchant, and the simulator as the payer."""

    centre: Centre
    merchant_id: str
    api_key: str
    channel_account_id: str
    app_id: str
    sku: str
    wallet_id: str
    orders: int = 0
    simulator: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.simulator = httpx.AsyncClient(base_url=self.centre.addresses.simulator, trust_env=False, timeout=10)

    @classmethod
    async def open(
        cls,
        centre: Centre,
        *,
        funds_holder: str = "platform",
        close_proof: str = "final",
        contract: dict[str, Any] | None = None,
        **merchant: Any,  # noqa: ANN401
    ) -> "Shop":
        """Onboarded: key, channel account, product in stock, wallet with money."""
        created = await operator(centre, "POST", "/v1/merchants", {"name": "Test shop", **merchant})
        merchant_id = created["id"]
        key = await operator(centre, "POST", f"/v1/merchants/{merchant_id}/keys", {})
        app_id, keys = await register_at_channel(centre)
        channel = await operator(
            centre,
            "POST",
            f"/v1/merchants/{merchant_id}/channels",
            {
                "channel": "sim",
                "currency": "CNY",
                "funds_holder": funds_holder,
                "fee": {"rate_bps": 60},
                "config": {
                    "base_url": f"{centre.addresses.simulator}/sim",
                    "app_id": app_id,
                    "close_proof": close_proof,
                    "call_timeout_s": 2,
                    **(contract or {}),
                },
                "secrets": keys,
            },
        )
        shop = cls(centre, merchant_id, key["api_key"], channel["id"], app_id, new_id("sku"), "")
        await shop.post(
            "/v1/skus", {"sku": shop.sku, "name": "Tea", "unit_price_minor": PRICE_MINOR, "currency": "CNY"}
        )
        await shop.call("PUT", f"/v1/skus/{shop.sku}/stock", {"warehouse": "main", "on_hand": STOCK})
        wallet = {"kind": "wallet", "owner": new_id("payer"), "currency": "CNY", "merchant_id": merchant_id}
        opened = await operator(centre, "POST", "/v1/accounts", {**wallet, "opening_balance_minor": WALLET_MINOR})
        shop.wallet_id = opened["id"]
        return shop

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:  # noqa: ANN401
        """The API's answer, whatever it is."""
        bearer = {"Authorization": f"Bearer {self.api_key}"}
        return await self.centre.http.request(method, path, json=body, headers={**bearer, **headers})

    async def post(self, path: str, body: Any, **headers: str) -> dict[str, Any]:  # noqa: ANN401
        """The object that a POST answers; fails on an error."""
        answer = await self.call("POST", path, body, **headers)
        assert answer.status_code in {200, 201}, answer.text
        return dict(answer.json())

    async def get(self, path: str) -> dict[str, Any]:
        """The object that a GET answers; fails on an error."""
        answer = await self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def order(self, amount_minor: int = 2 * PRICE_MINOR, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """The body of a payment for a new order; `lines=True` buys two of the product."""
        self.orders += 1
        body = {
            "order_no": f"order-{self.orders}",
            "amount_minor": amount_minor,
            "currency": "CNY",
            "subject": "Two packets of tea",
        }
        if fields.get("lines") is True:
            del fields["lines"]
            body["lines"] = [{"sku": self.sku, "quantity": 2, "unit_price_minor": PRICE_MINOR}]
        if fields.get("balance_minor"):
            body["payer"] = {"account_id": self.wallet_id}
        return {**body, **fields}

    async def pay(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """A payment that was just started."""
        return await self.post("/v1/payments", self.order(**fields))

    async def payment(self, payment_id: str) -> dict[str, Any]:
        """A payment as it is now."""
        return await self.get(f"/v1/payments/{payment_id}")

    async def until(self, payment_id: str, *states: str) -> dict[str, Any]:
        """The payment once it is in one of these states."""
        found: dict[str, Any] = await eventually(
            lambda: self.payment(payment_id), lambda payment: payment and payment["state"] in states
        )
        return found

    async def payer_pays(self, out_no: str, **fields: Any) -> None:  # noqa: ANN401
        """The payer pays at the channel."""
        await self.control("POST", "/_sim/pay", {"out_no": out_no, **fields})

    async def fault(self, operation: str, kind: str, times: int = 1, **fields: Any) -> None:  # noqa: ANN401
        """The channel misbehaves that often."""
        await self.control("POST", "/_sim/fault", {"op": operation, "do": kind, "times": times, **fields})

    async def control(self, method: str, path: str, body: Any = None) -> Any:  # noqa: ANN401
        """The simulator's control API."""
        answer = await self.simulator.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def fault_at_app(self, operation: str, kind: str, times: int = 1, **fields: Any) -> None:  # noqa: ANN401
        """The channel misbehaves at this shop's next calls alone, so that tests can run side by side."""
        await self.fault(operation, kind, times, app_id=self.app_id, **fields)

    async def start_order(self, *, expires_in_s: int, **fields: Any) -> str:  # noqa: ANN401
        """A payment with an expiry that the API would refuse as too short; answers its id."""
        order = PaymentOrder.model_validate(
            {
                **self.order(**fields),
                "channel": "sim",
                "channel_account_id": self.channel_account_id,
                "invoke": "qr",
                "expires_in_s": expires_in_s,
            }
        )
        payment_id = new_payment_id()
        async with self.centre.database.transaction("test.request") as session:
            await keep_request(session, payment_id, self.merchant_id, order)
        command = PaymentCommand(payment_id=payment_id, merchant_id=self.merchant_id)
        await self.centre.temporal.start_workflow(PaymentWorkflow.run, command, id=payment_id, task_queue="saga")
        await eventually(lambda: self.call("GET", f"/v1/payments/{payment_id}"), lambda got: got.status_code == 200)
        return payment_id

    async def claim_without_starting(self, *, age: timedelta) -> str:
        """What is left when the API dies between its claim and the start, so long ago; answers the payment's id."""
        order = PaymentOrder.model_validate({**self.order(), "channel_account_id": self.channel_account_id})
        claim = PaymentClaim(self.merchant_id, order.order_no, "hash", new_payment_id())
        async with self.centre.database.transaction("test.claim") as session:
            await claim_payment(session, claim)
            await keep_request(session, claim.new_id, self.merchant_id, order)
            for table, column in (("payment_request", "created_at"), ("order_claim", "claimed_at")):
                await session.execute(
                    text(f"UPDATE {table} SET {column} = now() - CAST(:age AS interval) WHERE payment_id = :id"),  # noqa: S608 - fixed
                    {"age": age, "id": claim.new_id},
                )
        return claim.new_id

    async def pivot_by_hand(self, payment_id: str, out_no: str) -> None:
        """The channel is asked by the activity alone, as when the workflow dies right after it."""
        async with worker_parts(self.centre.settings) as parts:
            await ActivityEnvironment().run(self._calls(parts).query, self._about(payment_id, out_no))

    async def send_by_hand(self, payment_id: str, out_no: str) -> None:
        """A sending activity wakes up, however late."""
        async with worker_parts(self.centre.settings) as parts:
            await ActivityEnvironment().run(self._calls(parts).pay, self._about(payment_id, out_no))

    async def close_by_hand(self, payment_id: str, out_no: str) -> None:
        """The channel is asked to close the order by the activity alone, as if it had ended it by itself."""
        async with worker_parts(self.centre.settings) as parts:
            await ActivityEnvironment().run(self._calls(parts).close, self._about(payment_id, out_no))

    def _calls(self, parts: WorkerParts) -> ChannelCalls:
        return ChannelCalls(parts.database, parts.accounts, parts.channels, self.centre.settings.public_url)

    def _about(self, payment_id: str, out_no: str) -> AttemptCommand:
        return AttemptCommand(payment_id=payment_id, out_no=out_no, channel_account_id=self.channel_account_id)

    async def watch_until_returned(self, payment_id: str, kind: str = "payments") -> None:
        """The scheduled watch runs, as often as needed, until the money that came wrongly is back."""

        async def look() -> list[Any]:
            name = new_id("watch")
            await self.centre.temporal.execute_workflow(WatchWorkflow.run, WatchCommand(), id=name, task_queue="saga")
            return list((await self.get(f"/v1/{kind}/{payment_id}"))["attempts"])

        await eventually(look, lambda attempts: any(one["state"] == "returned" for one in attempts))

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """The merchant's events of one type, oldest first, once the feed shows at least one."""
        found = await eventually(lambda: self.get(f"/v1/events?type={kind}"), lambda listed: listed["items"])
        return list(found["items"])

    async def workflow_ids(self) -> list[str]:
        """What the shop has under way or ended, as ids of workflows; at most five of each kind."""
        kinds = ("payments", "top_ups")
        payments = [one["id"] for kind in kinds for one in (await self.get(f"/v1/{kind}?limit=5"))["items"]]
        refunds = [
            one["id"]
            for payment_id in payments
            for one in (await self.get(f"/v1/refunds?payment_id={payment_id}"))["items"]
        ]
        others = [(await self.get(f"/v1/{kind}?limit=5"))["items"] for kind in ("payouts", "transfers")]
        return [*payments, *refunds, *(one["id"] for listed in others for one in listed)]

    async def stock(self) -> tuple[int, int, int]:
        """On hand, reserved, sold."""
        sku = await self.get(f"/v1/skus/{self.sku}")
        return sku["on_hand"], sku["reserved"], sku["sold"]

    async def wallet(self) -> tuple[int, int]:
        """Available, frozen."""
        account = await self.get(f"/v1/accounts/{self.wallet_id}")
        return account["available_minor"], account["frozen_minor"]


async def operator(centre: Centre, method: str, path: str, body: Any = None) -> dict[str, Any]:  # noqa: ANN401
    """An operator's call; fails on an error."""
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}", "Idempotency-Key": new_id("key")}
    answer = await centre.http.request(method, path, json=body, headers=headers)
    assert answer.status_code in {200, 201}, answer.text
    return dict(answer.json())


async def register_at_channel(centre: Centre) -> tuple[str, dict[str, str]]:
    """A new app at the simulated channel, and the keys that we need to speak for it."""
    private = Ed25519PrivateKey.generate()
    app_id = new_id("app")
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    async with httpx.AsyncClient(base_url=centre.addresses.simulator, trust_env=False) as client:
        answer = await client.post("/_sim/apps", json={"app_id": app_id, "public_key": public})
    assert answer.status_code == 200, answer.text
    secret = base64.b64encode(private.private_bytes_raw()).decode()
    return app_id, {"private_key": secret, "channel_public_key": answer.json()["channel_public_key"]}
