"""`python -m api`: the REST API of one process, configured by the environment."""

import httpx
import structlog
import uvicorn

from activities.tracing import Tracing
from activities.webhook_guard import WebhookGuard
from api.admission import Admission
from api.app import create_app
from api.logs import configure_logs
from api.services import Services
from api.temporal import TemporalConnection
from channels.http import make_client
from channels.registry import Channels
from settings import Settings
from store.database import Database
from store.failpoint_file import armed_failpoints
from store.secrets import SecretBox

GRACE_S = 10
CONNECTIONS_WAITING_MAX = 2_048


def services_of(settings: Settings, client: httpx.AsyncClient) -> Services:
    """What the routes work with, as the environment says; nothing is connected yet."""
    return Services(
        database=Database.connect(
            settings.require_database_url(),
            pool_size=settings.database_pool_size,
            failpoints=armed_failpoints(settings.failpoints, settings.failpoints_file),
        ),
        box=SecretBox(settings.require_secret_key()),
        temporal=TemporalConnection(
            settings.require_temporal_address(), settings.temporal_namespace, interceptors=[Tracing()]
        ),
        channels=Channels(client, sims=settings.sim_names),
        guard=WebhookGuard(allow_loopback=settings.development),
        public_url=settings.public_url.rstrip("/"),
        admission=Admission(turns=settings.writes_at_once, line_max=settings.writes_waiting),
        operator_key=settings.operator_key.get_secret_value() if settings.operator_key else None,
    )


def main() -> None:
    """Serves until it is told to stop, and then lets running requests end."""
    settings = Settings()
    configure_logs(settings.log_level)
    structlog.get_logger("api").info("starting", host=settings.api_host, port=settings.api_port)
    uvicorn.run(
        create_app(services_of(settings, make_client())),
        host=settings.api_host,
        port=settings.api_port,
        loop="auto",
        http="auto",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_S,
        backlog=CONNECTIONS_WAITING_MAX,
        server_header=False,
    )


if __name__ == "__main__":
    main()
