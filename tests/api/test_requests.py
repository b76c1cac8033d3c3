"""What holds around every request."""

import json

import pytest

from tests.support.centre import Centre
from tests.support.shop import Shop


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("PATCH", "/v1/payments", 405, "method_not_allowed"),
        ("GET", "/v1/payments/%00", 422, "invalid_request"),
        ("GET", "/v1/payments/pay_none", 404, "not_found"),
        ("GET", "/v1/skus/%F0%9F%98%80", 422, "invalid_request"),
    ],
)
async def test_every_error_is_a_problem_document(shop: Shop, method: str, path: str, status: int, code: str) -> None:
    """RFC 9457, with a stable code and the request's id, also where no route answers."""
    answer = await shop.call(method, path)
    problem = answer.json()
    assert (status, code, status) == (answer.status_code, problem["code"], problem["status"])
    assert "application/problem+json" == answer.headers["Content-Type"]
    assert f"urn:paysaga:problem:{code}" == problem["type"]
    assert answer.headers["Request-Id"] == problem["request_id"]


async def test_a_method_that_a_path_has_not_names_those_it_has(shop: Shop) -> None:
    """RFC 9110: 405 says what is allowed."""
    assert {"GET", "POST"} & {*(await shop.call("PATCH", "/v1/payments")).headers["Allow"].split(", ")}


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "has blanks in it"])
async def test_a_sane_request_id_is_kept_and_any_other_is_replaced(centre: Centre, given: str) -> None:
    """The caller's own id goes through our logs; nothing else does."""
    kept = await centre.http.get("/healthz", headers={"Request-Id": "callers-id-123"})
    replaced = await centre.http.get("/healthz", headers={"Request-Id": given})
    assert ("callers-id-123", True) == (kept.headers["Request-Id"], replaced.headers["Request-Id"].startswith("req_"))


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "streamed"])
async def test_a_body_above_one_megabyte_is_refused(shop: Shop, declared: bool) -> None:  # noqa: FBT001 - a case
    """413, whether the length was told before or not; nobody needs to be known for it."""
    body = b'{"subject": "' + b"x" * 1_000_000 + b'"}'

    async def pieces() -> object:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    headers = {"Authorization": f"Bearer {shop.api_key}"}
    content = body if declared else pieces()
    answer = await shop.centre.http.post("/v1/payments", content=content, headers=headers)  # type: ignore[arg-type]
    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])


async def test_a_body_is_json_whether_it_says_so_or_not(shop: Shop) -> None:
    """Nobody is refused for a forgotten header."""
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    content = json.dumps(shop.order()).encode()
    answer = await shop.centre.http.post("/v1/payments", content=content, headers=headers)
    assert 201 == answer.status_code


async def test_metrics_count_requests_by_route_and_commits_by_step(shop: Shop) -> None:
    """Ids make no series."""
    payment = await shop.pay()
    await shop.payment(payment["id"])
    told = (await shop.centre.http.get("/metrics")).text
    assert 'paysaga_http_requests_total{method="GET",route="/v1/payments/{payment_id}",status="200"}' in told
    assert 'paysaga_database_commits_total{step="payment.claim"}' in told
    assert payment["id"] not in told
