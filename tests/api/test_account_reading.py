"""What an account holds, held, and how it came to it."""

import csv
from datetime import UTC, datetime, timedelta

import pytest

from domain.ids import AccountId, new_id
from domain.money import Currency
from ledger.book import PostRequest, post
from ledger.chart import PLATFORM, AccountKind, system_account_id
from ledger.days import ZONE
from ledger.legs import Leg, StepKey
from tests.support.centre import OPERATOR_KEY, Centre
from tests.support.shop import WALLET_MINOR, Shop, operator


async def _succeeded(shop: Shop, amount_minor: int) -> None:
    started = await shop.pay(amount_minor=amount_minor)
    await shop.payer_pays(started["out_no"])
    await shop.until(started["id"], "succeeded")


async def test_a_merchant_lists_its_own_accounts(centre: Centre, shop: Shop) -> None:
    """Its payers' wallets and its own, each once over the pages; nobody else's."""
    await _succeeded(shop, 10_000)
    other = await Shop.open(centre)
    first = await shop.get("/v1/accounts?limit=1")
    rest = await shop.get(f"/v1/accounts?after={first['next']}")
    listed = {one["id"]: one["kind"] for one in first["items"] + rest["items"]}
    assert {"wallet", "merchant_pending"} == set(listed.values())
    assert (2, False) == (len(listed), other.wallet_id in listed)
    assert 404 == (await shop.call("GET", f"/v1/accounts?merchant_id={other.merchant_id}")).status_code


async def test_accounts_are_found_by_kind_and_owner(centre: Centre, shop: Shop) -> None:
    """The operator names the merchant; a kind that does not exist is refused."""
    await shop.post("/v1/accounts", {"owner": "payer-9", "currency": "CNY"})
    found = await operator(centre, "GET", f"/v1/accounts?merchant_id={shop.merchant_id}&kind=wallet&owner=payer-9")
    assert ["payer-9"] == [one["owner"] for one in found["items"]]
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    assert 422 == (await centre.http.get("/v1/accounts", headers=headers)).status_code
    assert 422 == (await shop.call("GET", "/v1/accounts?kind=purse")).status_code


async def test_a_merchants_own_account_is_read_by_its_id(shop: Shop) -> None:
    """Pending money after the fee, entry by entry."""
    await _succeeded(shop, 10_000)
    path = f"/v1/accounts/merchant_pending:{shop.merchant_id}:CNY"
    assert 9_940 == (await shop.get(path))["total_minor"]
    entries = (await shop.get(f"{path}/statement"))["items"]
    assert [("fee", -60, 9_940), ("payment", 10_000, 10_000)] == [
        (one["kind"], one["amount_minor"], one["balance_minor"]) for one in entries
    ]


async def test_a_balance_is_told_for_any_time(shop: Shop) -> None:
    """A moment by what was written until then, a day by what is booked on it."""
    before = datetime.now(UTC)
    await shop.pay(amount_minor=300, balance_minor=300)
    today = datetime.now(ZONE).date()
    path = f"/v1/accounts/{shop.wallet_id}/balance"
    told = [
        (await shop.get(f"{path}{when}"))["balance_minor"]
        for when in ("", f"?at={_moment(before)}", f"?on={today}", f"?on={today - timedelta(days=1)}")
    ]
    assert [WALLET_MINOR - 300, WALLET_MINOR, WALLET_MINOR - 300, 0] == told
    both = await shop.call("GET", f"{path}?on={today}&at={_moment(before)}")
    assert (422, "invalid_request") == (both.status_code, both.json()["code"])


@pytest.mark.parametrize("when", ["at=yesterday", "at=2026-01-01T00:00:00", "at=9999-12-31T23:59:59.999999Z", "on=1"])
async def test_a_time_that_is_none_is_refused(shop: Shop, when: str) -> None:
    """A moment has a zone, and lies within what a book can cover."""
    answer = await shop.call("GET", f"/v1/accounts/{shop.wallet_id}/balance?{when}")
    assert (422, "invalid_request") == (answer.status_code, answer.json()["code"])


async def test_a_statement_covers_the_days_asked_for(shop: Shop) -> None:
    """The balance after an entry counts what the range leaves out."""
    await _credit(shop, 1, "yesterday", days_ago=1)
    await shop.pay(amount_minor=300, balance_minor=300)
    today = datetime.now(ZONE).date()
    path = f"/v1/accounts/{shop.wallet_id}/statement"
    ranges = (f"?from={today}", f"?to={today - timedelta(days=1)}", f"?from={today + timedelta(days=1)}")
    read = [(await shop.get(f"{path}{days}"))["items"] for days in ranges]
    of_today = [(-300, WALLET_MINOR - 299), (WALLET_MINOR, WALLET_MINOR)]
    assert [of_today, [(1, WALLET_MINOR + 1)], []] == [
        [(one["amount_minor"], one["balance_minor"]) for one in items] for items in read
    ]
    assert (str(today), None) == (read[0][0]["booked_on"], read[0][0]["belongs_to"])


async def test_a_statement_is_exported_as_csv(shop: Shop) -> None:
    """A header, one line an entry, integers as they are; the days asked for and no others."""
    await _credit(shop, 1, "yesterday", days_ago=1)
    await shop.pay(amount_minor=300, balance_minor=300)
    today = datetime.now(ZONE).date()
    answer = await shop.call("GET", f"/v1/accounts/{shop.wallet_id}/statement.csv?from={today}")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert (200, True) == (answer.status_code, answer.headers["content-type"].startswith("text/csv"))
    assert [
        ("-300", str(WALLET_MINOR - 299), "CNY", str(today)),
        (str(WALLET_MINOR), str(WALLET_MINOR), "CNY", str(today)),
    ] == [(row["amount_minor"], row["balance_minor"], row["currency"], row["booked_on"]) for row in rows]


async def test_an_export_has_every_entry_once(shop: Shop) -> None:
    """Also when it is longer than a page of its own reads."""
    await _credit(shop, 600, "many")
    answer = await shop.call("GET", f"/v1/accounts/{shop.wallet_id}/statement.csv")
    balances = [int(row["balance_minor"]) for row in csv.DictReader(answer.text.splitlines())]
    assert [WALLET_MINOR + 600 - at for at in range(601)] == balances


async def test_text_in_a_csv_never_runs_as_a_formula(shop: Shop) -> None:
    """What begins like a formula is quoted."""
    await _credit(shop, 1, "=1+1")
    answer = await shop.call("GET", f"/v1/accounts/{shop.wallet_id}/statement.csv")
    assert "'=1+1" == next(csv.DictReader(answer.text.splitlines()))["object_id"]


async def test_another_merchants_history_does_not_exist(centre: Centre, shop: Shop) -> None:
    """Neither a past balance nor an export nor a summary."""
    other = await Shop.open(centre)
    paths = (f"/v1/accounts/{other.wallet_id}/balance", f"/v1/accounts/{other.wallet_id}/statement.csv")
    codes = [(await shop.call("GET", path)).json()["code"] for path in paths]
    assert ["unknown_account", "unknown_account"] == codes
    assert 404 == (await shop.call("GET", f"/v1/merchants/{other.merchant_id}/balances")).status_code


async def test_a_merchant_sees_what_it_has_and_owes(centre: Centre, shop: Shop) -> None:
    """By currency; what it owes is positive."""
    await _succeeded(shop, 10_000)
    body = {"kind": "merchant_available", "owner": shop.merchant_id, "merchant_id": shop.merchant_id}
    await operator(centre, "POST", "/v1/accounts", {**body, "currency": "CNY", "opening_balance_minor": 500})
    balances = (await shop.get(f"/v1/merchants/{shop.merchant_id}/balances"))["balances"]
    names = ("currency", "available_minor", "frozen_minor", "pending_minor", "debt_minor", "fee_owed_minor")
    assert [("CNY", 500, 0, 9_940, 0, 0)] == [tuple(one[name] for name in names) for one in balances]


async def test_fees_of_money_that_the_merchant_holds_are_owed(centre: Centre) -> None:
    """The channel pays the merchant; our fee is a debt that it can see."""
    shop = await Shop.open(centre, funds_holder="merchant")
    await _succeeded(shop, 10_000)
    (balances,) = (await shop.get(f"/v1/merchants/{shop.merchant_id}/balances"))["balances"]
    assert (60, 10_000, 0) == (balances["fee_owed_minor"], balances["direct_minor"], balances["pending_minor"])


@pytest.mark.parametrize("owner", ["somebody else", None])
async def test_only_an_operator_opens_a_merchants_own_account(shop: Shop, owner: str | None) -> None:
    """For the merchant itself; a merchant makes itself no money."""
    body = {"kind": "merchant_available", "currency": "CNY", "owner": owner or shop.merchant_id}
    if owner is None:
        refused = await shop.call("POST", "/v1/accounts", body)
    else:
        headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
        body |= {"merchant_id": shop.merchant_id}
        refused = await shop.centre.http.post("/v1/accounts", json=body, headers=headers)
    assert (422, "invalid_request") == (refused.status_code, refused.json()["code"])


async def test_an_account_is_not_closed_while_a_payment_refers_to_it(centre: Centre, shop: Shop) -> None:
    """The object that runs is named."""
    body = {"owner": new_id("payer"), "currency": "CNY", "merchant_id": shop.merchant_id}
    wallet = await operator(centre, "POST", "/v1/accounts", {**body, "opening_balance_minor": 100})
    payer = {"payer": {"account_id": wallet["id"]}}
    started = await shop.post("/v1/payments", shop.order(amount_minor=200, balance_minor=100) | payer)
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    path = f"/v1/accounts/{wallet['id']}/close"
    refused = await centre.http.post(path, json={"reason": "asked for it"}, headers=headers)
    assert (409, "account_not_empty") == (refused.status_code, refused.json()["code"])
    assert started["id"] in refused.json()["detail"]


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


async def _credit(shop: Shop, count: int, object_id: str, *, days_ago: int = 0) -> None:
    """One posting gives the wallet that many entries of one minor unit."""
    opening = system_account_id(AccountKind.OPENING, PLATFORM, Currency.CNY)
    legs = [_leg(AccountId(shop.wallet_id), AccountKind.WALLET, 1, object_id) for _ in range(count)]
    legs.append(_leg(opening, AccountKind.OPENING, -count, object_id))
    key = StepKey(biz_type="test", biz_id=new_id("test"), step="credit")
    happened_at = datetime.now(UTC) - timedelta(days=days_ago)
    async with shop.centre.database.transaction("test.credit") as session:
        await post(session, key, PostRequest(merchant_id=None, event_at=happened_at, legs=tuple(legs)))


def _leg(account_id: AccountId, kind: AccountKind, amount_minor: int, object_id: str) -> Leg:
    owner = None if kind is AccountKind.WALLET else PLATFORM
    return Leg(
        account_id=account_id,
        account_kind=kind,
        owner=owner,
        currency=Currency.CNY,
        amount_minor=amount_minor,
        kind="test",
        object_id=object_id,
    )
