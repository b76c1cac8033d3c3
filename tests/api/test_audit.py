"""What an operator does by hand is kept in the transaction of the act, and never rewritten."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import make_url

from api import auth
from api.app import ROUTERS
from domain.ids import new_id
from store import audit
from tests.support.centre import OPERATOR_KEY, Centre
from tests.support.payee import pay_out, set_rule
from tests.support.refunds import Refunds
from tests.support.shop import Shop, operator, register_at_channel
from tests.support.suspense import Suspense
from tests.support.top_ups import Purse

Route = tuple[str, str]

#: For each route that an operator can change something by: the action that it leaves, and a body that it accepts.
ACTS: dict[Route, tuple[str, dict[str, Any]]] = {
    ("POST", "/v1/merchants"): ("merchant.add", {"name": "Tea House"}),
    ("POST", "/v1/merchants/{merchant_id}/channels"): ("channel.add", {}),
    ("POST", "/v1/merchants/{merchant_id}/keys"): ("key.add", {}),
    ("DELETE", "/v1/merchants/{merchant_id}/keys/{key_id}"): ("key.revoke", {}),
    ("PUT", "/v1/merchants/{merchant_id}/webhook"): ("webhook.put", {}),
    ("POST", "/v1/accounts"): ("account.open", {"currency": "CNY", "opening_balance_minor": 500}),
    ("POST", "/v1/accounts/{account_id}/block"): ("account.block", {"reason": "reported stolen"}),
    ("POST", "/v1/accounts/{account_id}/unblock"): ("account.unblock", {"reason": "found again"}),
    ("POST", "/v1/accounts/{account_id}/close"): ("account.close", {"reason": "asked for it"}),
    ("POST", "/v1/payments/{payment_id}/close"): ("payment.close", {}),
    ("POST", "/v1/payments/{payment_id}/switch"): ("payment.switch", {"channel": "sim", "invoke": "qr"}),
    ("POST", "/v1/refunds/{refund_id}/decision"): ("refund.approve", {"decision": "approve"}),
    ("POST", "/v1/top_ups/{top_up_id}/close"): ("top_up.close", {}),
    ("POST", "/v1/top_ups/{top_up_id}/switch"): ("top_up.switch", {"channel": "sim", "invoke": "qr"}),
    ("PUT", "/v1/merchants/{merchant_id}/rules/{operation}/{currency}"): ("rule.put", {"maximum_minor": 9_000}),
    ("DELETE", "/v1/merchants/{merchant_id}/rules/{operation}/{currency}"): ("rule.remove", {}),
    ("POST", "/v1/events/{event_id}/resend"): ("event.resend", {}),
    ("POST", "/v1/payouts/{payout_id}/decision"): ("payout.approve", {"decision": "approve"}),
    ("POST", "/v1/suspense_items/{item_id}/resolve"): ("suspense_item.resolve", {"how": "wallet"}),
    ("POST", "/v1/transfers"): ("transfer.make", {"transfer_no": "t-1", "amount_minor": 5, "currency": "CNY"}),
}


def test_every_route_of_an_operator_is_tested_here() -> None:
    """A route that is added leaves an action, or this fails."""
    assert set(ACTS) == set(_routes_of_operators())


@pytest.mark.parametrize("route", ACTS, ids=" ".join)
async def test_an_operators_act_leaves_one_action(centre: Centre, shop: Shop, route: Route) -> None:
    """With the operator's fingerprint, the request's id, and nothing of the key."""
    method, path = route
    action, body = ACTS[route]
    path, body = await _ready(shop, path, body)
    request_id = new_id("req")
    headers = {
        "Authorization": f"Bearer {OPERATOR_KEY}",
        "Idempotency-Key": new_id("key"),
        "Request-Id": request_id,
    }
    sent = None if method == "DELETE" else body
    answer = await centre.http.request(method, path, json=sent, headers=headers)
    assert answer.status_code < 500, answer.text
    listed = await operator(centre, "GET", f"/v1/audit?action={action}&limit=100")
    found = [one for one in listed["items"] if one["request_id"] == request_id]
    assert [action] == [one["action"] for one in found], answer.text
    assert (True, False) == (found[0]["actor"].startswith("operator:"), OPERATOR_KEY in str(found))


async def test_a_merchants_act_leaves_nothing(centre: Centre, shop: Shop) -> None:
    """The audit is about those who may do it to anybody."""
    opened = await shop.post("/v1/accounts", {"owner": "payer-1", "currency": "CNY"})
    assert [] == (await operator(centre, "GET", f"/v1/audit?object_id={opened['id']}"))["items"]


async def test_the_audit_is_listed_newest_first_for_operators_alone(centre: Centre, shop: Shop) -> None:
    """Every action is on exactly one page; a merchant sees none."""
    path = f"/v1/accounts/{shop.wallet_id}"
    for act in ("block", "unblock"):
        await operator(centre, "POST", f"{path}/{act}", {"reason": f"why {act}"})
    asked = f"/v1/audit?object_id={shop.wallet_id}&limit=2"
    first = await operator(centre, "GET", asked)
    rest = await operator(centre, "GET", f"{asked}&after={first['next']}")
    acts = [(one["action"], one["reason"]) for one in first["items"] + rest["items"]]
    assert [("account.unblock", "why unblock"), ("account.block", "why block"), ("account.open", None)] == acts
    assert 403 == (await shop.call("GET", "/v1/audit")).status_code


async def test_a_wrong_cursor_of_the_audit_is_refused(centre: Centre) -> None:
    """A cursor belongs to its list."""
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    for cursor in ("opa_1", "9" * 30):
        answer = await centre.http.get(f"/v1/audit?after={cursor}", headers=headers)
        assert (422, "invalid_request") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("table", ["operator_action", "audit_block"])
async def test_not_even_the_owner_rewrites_the_audit(centre: Centre, shop: Shop, table: str) -> None:
    """A trigger refuses what rights would allow."""
    assert shop.wallet_id  # its opening is an action
    async with centre.database.transaction("test.seal") as session:
        await audit.seal(session)
    owner = make_url(centre.addresses.owner_url).set(drivername="postgresql")
    connection = await asyncpg.connect(owner.render_as_string(hide_password=False))
    for change in (f"DELETE FROM {table}", f"TRUNCATE {table}"):  # noqa: S608 - names of the test
        with pytest.raises(asyncpg.PostgresError, match="appended only"):
            await connection.execute(change)
    await connection.close()


async def _ready(shop: Shop, path: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The path and body with real objects in them."""
    body = await _body(shop, path, body)
    for named, make in MAKERS.items():
        if named in path:
            path = path.replace(named, await make(shop))
    return path.replace("{merchant_id}", shop.merchant_id), body


async def _body(shop: Shop, path: str, body: dict[str, Any]) -> dict[str, Any]:
    match path.split("/")[2:]:
        case ["merchants", _, "channels"]:
            return await _contract(shop)
        case ["merchants", _, "webhook"]:
            return {"url": f"{shop.centre.addresses.sink}/hook"}
        case ["accounts"]:
            return body | {"owner": new_id("payer"), "merchant_id": shop.merchant_id}
        case ["suspense_items", *_]:
            return body | {"account_id": shop.wallet_id}
        case ["transfers"]:
            return body | {"from_account_id": shop.wallet_id, "to_account_id": await _empty_account(shop)}
        case _:
            return body


async def _empty_account(shop: Shop) -> str:
    return str((await shop.post("/v1/accounts", {"owner": new_id("payer"), "currency": "CNY"}))["id"])


async def _payment(shop: Shop) -> str:
    return str((await shop.pay())["id"])


async def _top_up(shop: Shop) -> str:
    return str((await (await Purse.open(shop)).top_up())["id"])


async def _payout_to_approve(shop: Shop) -> str:
    await set_rule(shop, "payout", approval_above_minor=1)
    return str((await pay_out(shop))["id"])


async def _awaited_refund(shop: Shop) -> str:
    """A refund that waits for its approval."""
    refunds = Refunds(shop)
    await refunds.rule(approval_above_minor=0)
    refund = await refunds.start((await refunds.paid())["id"], 100)
    return str(refund["id"])


async def _item(shop: Shop) -> str:
    return await Suspense(shop).place()


async def _key(shop: Shop) -> str:
    return str((await operator(shop.centre, "POST", f"/v1/merchants/{shop.merchant_id}/keys", {}))["id"])


async def _rule(shop: Shop) -> str:
    await operator(shop.centre, "PUT", f"/v1/merchants/{shop.merchant_id}/rules/payment/CNY", {})
    return "payment/CNY"


async def _event(shop: Shop) -> str:
    await shop.pay()
    return str((await shop.events("payment.awaiting_payer"))[0]["id"])


MAKERS: dict[str, Callable[[Shop], Awaitable[str]]] = {
    "{payout_id}": _payout_to_approve,
    "{refund_id}": _awaited_refund,
    "{item_id}": _item,
    "{key_id}": _key,
    "{account_id}": _empty_account,
    "{payment_id}": _payment,
    "{top_up_id}": _top_up,
    "{operation}/{currency}": _rule,
    "{event_id}": _event,
}


async def _contract(shop: Shop) -> dict[str, Any]:
    app_id, keys = await register_at_channel(shop.centre)
    config = {"base_url": f"{shop.centre.addresses.simulator}/sim", "app_id": app_id}
    return {"channel": "sim", "currency": "CNY", "funds_holder": "platform", "config": config, "secrets": keys}


def _routes_of_operators() -> Iterator[Route]:
    """Every route that changes something and does not refuse an operator."""
    for module in ROUTERS:
        for route in module.router.routes:
            if not isinstance(route, APIRoute):
                continue
            asks = set(_asks(route.dependant))
            if auth._caller in asks and auth._merchant not in asks:  # noqa: SLF001
                yield from ((method, route.path) for method in sorted((route.methods or set()) - {"GET"}))


def _asks(dependant: Dependant) -> Iterator[Any]:
    """Whatever the route depends on, however deep."""
    for one in dependant.dependencies:
        yield one.call
        yield from _asks(one)
