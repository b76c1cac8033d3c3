"""Generated requests over the OpenAPI document: whatever is sent, the answer is one that the document promises."""

import asyncio
from typing import Any

import pytest
import schemathesis
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from tests.support.centre import OPERATOR_KEY, centre_settings, make_services
from tests.support.servers import Addresses
from tests.support.shop import Shop
from tests.support.suspense import Suspense
from tests.support.top_ups import Purse

EXAMPLES = 12
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def _document() -> dict[str, Any]:
    """The document alone, of an application that is connected to nothing."""
    nowhere = Addresses(
        database_url="postgresql+asyncpg://nobody@/none",
        owner_url="",
        temporal="127.0.0.1:1",
        temporal_metrics="",
        simulator="",
        sink="",
        secret_key=Fernet.generate_key().decode(),
    )
    return create_app(make_services(centre_settings(nowhere, namespace="none", api_port=1))).openapi()


OPERATIONS = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_dict(_document()).get_all_operations()
    if isinstance(found, Ok)
}


@pytest.mark.parametrize("label", [label for label in OPERATIONS if "/docs" not in label])
async def test_no_request_breaks_the_promises(shop: Shop, label: str) -> None:
    """No 5xx; status, content type and body as documented; for the merchant and the operator, known ids and others."""
    payment = await shop.pay()
    known = {
        "payment_id": payment["id"],
        "top_up_id": (await (await Purse.open(shop)).top_up())["id"],
        "item_id": await Suspense(shop).place(),
        "operation": "payment",
        "currency": "CNY",
        "account_id": shop.wallet_id,
        "merchant_id": shop.merchant_id,
        "sku": shop.sku,
    }
    await asyncio.to_thread(_fuzz, label, shop, known)


def _fuzz(label: str, shop: Shop, known: dict[str, str]) -> None:
    base_url = shop.centre.settings.public_url

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(), key=st.sampled_from([shop.api_key, OPERATOR_KEY]), real=st.booleans())
    def check(case: Case[Any], key: str, *, real: bool) -> None:
        if real:
            case.path_parameters = {
                name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        answer = case.call(base_url=base_url, headers={"Authorization": f"Bearer {key}"})
        case.validate_response(answer, checks=CHECKS)

    check()
