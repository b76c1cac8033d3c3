"""Whether the process lives, whether it can work, and what it counts."""

import asyncio

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from api.answers import answer
from api.finding_metrics import read_findings
from api.metrics import TurnCollector, registry_for
from api.services import FromServices, Services
from store.revision import HEAD, revision

READY_LIMIT_S = 4

router = APIRouter(tags=["operations"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """True for what answers now."""

    postgresql: bool
    temporal: bool


@router.get("/healthz", response_model=Alive)
async def healthz() -> Response:
    """Tell that the process lives; asks nobody else."""
    return answer(Alive())


@router.get("/readyz", response_model=Ready, responses={503: {"model": Ready, "description": "Something is away."}})
async def readyz(services: FromServices) -> Response:
    """Tell whether PostgreSQL and Temporal answer."""
    postgresql, temporal = await asyncio.gather(_postgresql_answers(services), services.temporal.ready())
    ready = Ready(postgresql=postgresql, temporal=temporal)
    return answer(ready, 200 if postgresql and temporal else 503)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(services: FromServices) -> Response:
    """Counts for Prometheus."""
    findings = await read_findings(services.database)
    registry = registry_for(services.database, TurnCollector(services.admission), findings)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _postgresql_answers(services: Services) -> bool:
    """PostgreSQL answers in time, and has the schema of this code."""
    try:
        async with asyncio.timeout(READY_LIMIT_S):
            return await revision(services.database) == HEAD
    except TimeoutError:
        return False
