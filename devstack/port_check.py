"""Before anything starts: the ports must be ours to take."""

import time

from devstack.errors import PortError
from devstack.ports import HOST, port_is_free
from settings import Settings

GRACE_S = 5.0


def ports(settings: Settings) -> dict[str, int]:
    """The ports this stack will listen on, by the variable that moves each."""
    wanted = {
        "PAYSAGA_API_PORT": settings.api_port,
        "PAYSAGA_SIMULATOR_PORT": settings.simulator_port,
        "PAYSAGA_SINK_PORT": settings.sink_port,
        "PAYSAGA_WORKER_METRICS_PORT": settings.worker_metrics_port,
    }
    if not settings.temporal_address:
        wanted["PAYSAGA_TEMPORAL_PORT"] = settings.temporal_port
        wanted["PAYSAGA_TEMPORAL_UI_PORT"] = settings.temporal_ui_port
        wanted["PAYSAGA_TEMPORAL_METRICS_PORT"] = settings.temporal_metrics_port
    return {variable: port for variable, port in wanted.items() if port}


def check_ports(settings: Settings, *, patient: bool) -> None:
    """All ports are free. `patient` waits a moment for the processes of a run that was killed. Raises `PortError`."""
    wanted = ports(settings)
    for variable, port in wanted.items():
        twin = next((other for other, number in wanted.items() if number == port and other != variable), None)
        if twin:
            raise PortError(f"{variable} and {twin} both name port {port}. Give each a port of its own.")
    deadline = time.monotonic() + (GRACE_S if patient else 0)
    for variable, port in wanted.items():
        host = settings.api_host if variable == "PAYSAGA_API_PORT" else HOST
        while not port_is_free(port, host):
            if time.monotonic() > deadline:
                raise PortError(f"Port {port} is in use. Stop what listens there, or set {variable} to another port.")
            time.sleep(0.1)
