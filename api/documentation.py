"""What OpenAPI says of errors: for each route every status with its codes, and the one shape they share."""

from collections import defaultdict
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api.problems import MEDIA_TYPE, RETRY_AFTER_S, Problem
from domain.errors import (
    BY_CODE,
    AccountClosed,
    AmountMismatch,
    BodyTooLarge,
    BusinessError,
    ChannelNotConfigured,
    CurrencyMismatch,
    Forbidden,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InternalError,
    InvalidJson,
    InvalidRequest,
    NotFound,
    NumberTaken,
    OrderNoTaken,
    PaymentAlreadyPaid,
    PaymentEnded,
    RateLimited,
    SwitchUnsafe,
    ToolNotAllowed,
    Unauthorized,
    Unavailable,
    UnknownAccount,
    UnknownSku,
    UnsupportedField,
    WebhookUrlRefused,
)

Errors = tuple[type[BusinessError], ...]

DESCRIPTION = """
Start payments, follow them, and be told how they end.

Amounts are integers in minor units. Times are RFC 3339 in UTC. Every error is an RFC 9457 problem document whose `code`
is stable. A POST may carry an `Idempotency-Key`: the same key with the same body is the same call, however often it is
sent. Fulfil an order on the event or on `GET`, never on `return_url`.
"""

_ALWAYS: Errors = (
    InvalidJson,
    Unauthorized,
    Forbidden,
    BodyTooLarge,
    InvalidRequest,
    RateLimited,
    InternalError,
    Unavailable,
)
FOR_A_KEY: Errors = (IdempotencyKeyInvalid, IdempotencyKeyReused)
FOR_A_REQUIRED_KEY: Errors = (*FOR_A_KEY, IdempotencyKeyMissing)
FOR_A_PAYMENT: Errors = (
    *FOR_A_KEY,
    UnsupportedField,
    AmountMismatch,
    UnknownSku,
    UnknownAccount,
    CurrencyMismatch,
    ChannelNotConfigured,
    OrderNoTaken,
    WebhookUrlRefused,
)

FOR_A_TOP_UP: Errors = (
    *FOR_A_KEY,
    UnknownAccount,
    AccountClosed,
    CurrencyMismatch,
    ChannelNotConfigured,
    NumberTaken,
    WebhookUrlRefused,
)
FOR_A_SWITCH: Errors = (
    *FOR_A_KEY,
    NotFound,
    PaymentAlreadyPaid,
    PaymentEnded,
    SwitchUnsafe,
    ToolNotAllowed,
    ChannelNotConfigured,
)


def problems(*errors: type[BusinessError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: these errors beside those that any route may answer with."""
    by_status: dict[int, list[type[BusinessError]]] = defaultdict(list)
    for error in dict.fromkeys((*_ALWAYS, *errors)):
        by_status[error.status].append(error)
    return {status: _response(of_status) for status, of_status in sorted(by_status.items())}


def _response(errors: list[type[BusinessError]]) -> dict[str, Any]:
    codes = [error.code for error in errors]
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"code": {"enum": codes}}}],
    }
    examples = {error.code: {"summary": error.title, "value": _example(error)} for error in errors}
    response: dict[str, Any] = {
        "description": "; ".join(f"`{error.code}`: {error.title} ({error.advice})" for error in errors),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
    if any(code in RETRY_AFTER_S for code in codes):
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return response


def _example(error: type[BusinessError]) -> dict[str, Any]:
    return {
        "type": f"urn:paysaga:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.title,
        "code": error.code,
        "request_id": "req_01k9zr5m3n8q2w4e6r8t0y1ab2",
    }


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
        document["components"]["schemas"] |= _problem_schemas()
        for path, operations in document["paths"].items():
            _without(operations.get("get", {}), "400", "413", "429")
            if path.startswith("/callbacks/"):
                _without(operations["post"], "429")
        app.openapi_schema = document
    return app.openapi_schema


def _without(operation: dict[str, Any], *statuses: str) -> None:
    """A GET has no body that could be too large or not JSON, and waits for no turn; nor does a channel's callback."""
    for status in statuses:
        operation.get("responses", {}).pop(status, None)


def _problem_schemas() -> dict[str, Any]:
    _, definitions = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = definitions["$defs"]
    schemas["Problem"]["properties"]["code"] = {"type": "string", "enum": sorted(BY_CODE)}
    return schemas
