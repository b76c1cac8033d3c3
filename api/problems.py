"""Errors as RFC 9457 problem documents: a stable code, a sentence, the fields that are wrong, never their values."""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from temporalio.service import RPCError

from api.invalid import as_problem
from api.post_limit import passes
from domain.errors import (
    BusinessError,
    IdempotencyInProgress,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    RequestProblem,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = {Unavailable.code: "2", RateLimited.code: "2", IdempotencyInProgress.code: "1"}

_log = structlog.get_logger("api")


class FieldError(BaseModel):
    """One field and what is wrong with it."""

    field: str = Field(examples=["lines[0].quantity"])
    message: str = Field(examples=["Input should be greater than or equal to 1"])


class Problem(BaseModel):
    """What went wrong; act on `code`, show `detail` to a person, quote `request_id` when you ask us."""

    type: str = Field(examples=["urn:paysaga:problem:order_no_taken"])
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] | None = Field(None, description="The fields that are wrong, for a 422.")
    payment_id: str | None = Field(None, description="The payment that stands in the way, for `order_no_taken`.")


def problem_response(error: BusinessError, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """The error as an answer; 429, 503 and calls in progress say when to come back."""
    problem = Problem(
        type=f"urn:paysaga:problem:{error.code}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        request_id=request_id,
    ).model_dump(exclude_none=True)
    sent = {**(headers or {}), "Request-Id": request_id}
    if error.code in RETRY_AFTER_S:
        sent["Retry-After"] = RETRY_AFTER_S[error.code]
    if error.status == 401:  # noqa: PLR2004 - RFC 9110: a 401 names its scheme
        sent["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(problem | _extensions(error))
    return Response(body, status_code=error.status, headers=sent, media_type=MEDIA_TYPE)


def install_problems(app: FastAPI) -> None:
    """Every error of the app is answered as a problem document."""
    app.add_exception_handler(BusinessError, _business)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _database)
    for away in (PoolTimeout, OSError, RPCError):
        app.add_exception_handler(away, _away)
    app.add_exception_handler(Exception, _fault)


def _extensions(error: BusinessError) -> dict[str, Any]:
    if not isinstance(error, RequestProblem):
        return {}
    fields = [{"field": field, "message": message} for field, message in error.fields.items()]
    extensions = {"errors": fields or None, "payment_id": error.payment_id}
    return {name: value for name, value in extensions.items() if value is not None}


def _answer(request: Request, error: BusinessError) -> Response:
    structlog.contextvars.bind_contextvars(code=error.code)
    return problem_response(error, request.state.request_id)


async def _business(request: Request, error: Exception) -> Response:
    return _answer(request, error if isinstance(error, BusinessError) else InternalError())


async def _invalid(request: Request, error: Exception) -> Response:
    return _answer(request, as_problem(error.errors() if isinstance(error, RequestValidationError) else []))


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    known: dict[int, BusinessError] = {404: NotFound(), 405: MethodNotAllowed()}
    headers = error.headers if isinstance(error, HTTPException) else None
    return problem_response(known.get(status, InvalidRequest()), request.state.request_id, headers)


async def _database(request: Request, error: Exception) -> Response:
    """A lost connection or a lock that was not had in time is 503; a refused statement is a fault of ours."""
    if isinstance(error, DBAPIError) and not passes(error):
        return await _fault(request, error)
    return await _away(request, error)


async def _away(request: Request, error: Exception) -> Response:
    _log.warning("unavailable", reason=type(error).__name__, detail=_kind(error))
    return _answer(request, Unavailable())


def _kind(error: Exception) -> str:
    """Which failure it was, without the text of a statement or its parameters."""
    origin = getattr(error, "orig", None) or error
    return getattr(origin, "sqlstate", None) or type(origin).__name__


async def _fault(request: Request, error: Exception) -> Response:
    _log.error("fault", error=type(error).__name__, detail=_kind(error), exc_info=_without_parameters(error))
    return _answer(request, InternalError())


def _without_parameters(error: Exception) -> Exception:
    """A database error prints its parameters, which may be secrets; its origin does not."""
    return error.orig if isinstance(error, DBAPIError) and isinstance(error.orig, Exception) else error
