"""The REST API, composed."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from api import (
    accounts,
    audit,
    callbacks,
    events,
    findings,
    health,
    merchants,
    payments,
    payouts,
    refunds,
    rules,
    skus,
    suspense_items,
    top_ups,
    transfers,
)
from api.by_turns import by_turns
from api.docs_page import install_docs
from api.documentation import describe
from api.problems import install_problems
from api.requests import AroundRequests
from api.services import Services

VERSION = "1.0.0"
MONEY = (payments, refunds, top_ups, payouts, transfers)
CALLED = (*MONEY, accounts, suspense_items, skus, merchants, rules, events, audit, findings)
ROUTERS = (*CALLED, callbacks, health)


def create_app(services: Services) -> FastAPI:
    """The application over these services, which it closes when it ends."""
    app = FastAPI(
        title="paysaga",
        version=VERSION,
        lifespan=_lifespan(services),
        docs_url=None,
        redoc_url=None,
        strict_content_type=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.services = services
    for module in ROUTERS:
        app.include_router(module.router, dependencies=[Depends(by_turns)] if module in CALLED else [])
    install_docs(app)
    install_problems(app)
    app.add_middleware(AroundRequests)
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _lifespan(services: Services) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await services.guard.close()
        await services.database.close()

    return lifespan
