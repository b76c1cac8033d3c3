import secrets
import socket

HOST = "127.0.0.1"

# Below what systems choose from for outgoing connections.
QUIET_PORTS_FROM, QUIET_PORTS_TO = 20_000, 32_000


def port_is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended do not count
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def port_answers(port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """A port that was free a moment ago, and that the system does not hand out to anybody by itself."""
    while True:
        port = QUIET_PORTS_FROM + secrets.randbelow(QUIET_PORTS_TO - QUIET_PORTS_FROM)
        if port_is_free(port):
            return port
