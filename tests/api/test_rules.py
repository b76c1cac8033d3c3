"""Rules over REST: the operator's to write, the merchant's to read, refused when they contradict themselves."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.support.centre import OPERATOR_KEY, Centre
from tests.support.shop import Shop, operator


async def _put(shop: Shop, operation: str, rule: dict[str, Any], merchant_id: str = "") -> httpx.Response:
    path = f"/v1/merchants/{merchant_id or shop.merchant_id}/rules/{operation}/CNY"
    return await shop.centre.http.put(path, json=rule, headers={"Authorization": f"Bearer {OPERATOR_KEY}"})


async def test_a_rule_is_replaced_as_a_whole_and_its_version_grows(shop: Shop) -> None:
    """What the new rule leaves out does not limit any more."""
    first = await _put(shop, "payout", {"maximum_minor": 9_000, "fee": {"rate_bps": 10}, "tools": ["sim"]})
    second = await _put(shop, "payout", {"minimum_minor": 500, "fee": {"fixed_minor": 5}})
    shown = second.json()
    assert (200, 1, 2) == (first.status_code, first.json()["version"], shown["version"])
    assert (500, None, None) == (shown["minimum_minor"], shown["maximum_minor"], shown["tools"])
    assert {"rate_bps": 0, "fixed_minor": 5, "cap_minor": None} == shown["fee"]
    assert shown == await shop.get(f"/v1/merchants/{shop.merchant_id}/rules/payout/CNY")


async def test_a_merchant_reads_its_rules_and_writes_none(shop: Shop) -> None:
    """They are part of its contract: shown, and the operator's to change."""
    await _put(shop, "top_up", {"maximum_minor": 9_000})
    await _put(shop, "payment", {"tools": ["sim"]})
    path = f"/v1/merchants/{shop.merchant_id}/rules"
    assert ["payment", "top_up"] == [one["operation"] for one in (await shop.get(path))["items"]]
    for method, body in (("PUT", {}), ("DELETE", None)):
        refused = await shop.call(method, f"{path}/payment/CNY", body)
        assert (403, "forbidden") == (refused.status_code, refused.json()["code"])


async def test_a_removed_rule_is_answered_once(centre: Centre, shop: Shop) -> None:
    """Afterwards there is none; a new one begins anew."""
    await _put(shop, "payment", {"maximum_minor": 9_000})
    path = f"/v1/merchants/{shop.merchant_id}/rules/payment/CNY"
    assert 9_000 == (await operator(centre, "DELETE", path))["maximum_minor"]
    for method in ("GET", "DELETE"):
        gone = await centre.http.request(method, path, headers={"Authorization": f"Bearer {OPERATOR_KEY}"})
        assert (404, "not_found") == (gone.status_code, gone.json()["code"])
    assert 1 == (await _put(shop, "payment", {})).json()["version"]


@pytest.mark.parametrize(
    ("operation", "rule", "fields"),
    [
        ("payment", {"minimum_minor": 2, "maximum_minor": 1, "tools": ["nowhere"]}, {"maximum_minor", "tools"}),
        ("top_up", {"tools": ["balance"]}, {"tools"}),
        ("payout", {"minimum_minor": 5, "fee": {"fixed_minor": 5}}, {"fee"}),
    ],
)
async def test_a_contradiction_is_refused_when_it_is_saved(
    shop: Shop, operation: str, rule: dict[str, Any], fields: set[str]
) -> None:
    """422 `rule_contradiction` with each field that is wrong; the rule of before stands."""
    await _put(shop, operation, {})
    refused = await _put(shop, operation, rule)
    assert (422, "rule_contradiction") == (refused.status_code, refused.json()["code"])
    assert fields == {error["field"] for error in refused.json()["errors"]}
    assert 1 == (await shop.get(f"/v1/merchants/{shop.merchant_id}/rules/{operation}/CNY"))["version"]


@pytest.mark.parametrize("rule", [{"minimum_minor": 0}, {"maximum_minor": 1.5}, {"limit": 3}, {"tools": "sim"}])
async def test_a_rule_that_is_not_one_is_refused(shop: Shop, rule: dict[str, Any]) -> None:
    """Whole minor units above zero, and no field that would silently limit nothing."""
    refused = await _put(shop, "payment", rule)
    assert (422, "invalid_request") == (refused.status_code, refused.json()["code"])


async def test_nobody_elses_rules_are_seen_and_none_are_made_for_nobody(centre: Centre, shop: Shop) -> None:
    """Another merchant's, and those of one that does not exist, are 404."""
    other = await Shop.open(centre)
    await _put(other, "payment", {})
    for path in ("", "/payment/CNY"):
        answer = await shop.call("GET", f"/v1/merchants/{other.merchant_id}/rules{path}")
        assert (404, "not_found") == (answer.status_code, answer.json()["code"])
    assert 404 == (await _put(shop, "payment", {}, "mer_nobody")).status_code


async def test_each_change_of_a_rule_is_an_operators_action(centre: Centre, shop: Shop) -> None:
    """Who changed the terms is on record."""
    await _put(shop, "payment", {})
    await operator(centre, "DELETE", f"/v1/merchants/{shop.merchant_id}/rules/payment/CNY")
    wanted = text("SELECT action FROM operator_action WHERE object_id = :id ORDER BY created_at")
    async with centre.database.reading() as session:
        actions = await session.scalars(wanted, {"id": f"{shop.merchant_id}/payment/CNY"})
        assert ["rule.put", "rule.remove"] == list(actions)
