"""Ports and restarts: what is refused, and in which words."""

import socket

import pytest

from devstack.errors import PortError, RestartsError
from devstack.port_check import check_ports, ports
from devstack.ports import free_port
from devstack.restarts import Restarts
from settings import Settings


def free_settings(**chosen: int) -> Settings:
    names = ("api_port", "temporal_port", "temporal_ui_port", "simulator_port", "sink_port")
    return Settings.model_validate({**{name: free_port() for name in names}, **chosen})


def test_a_taken_port_names_the_variable_that_moves_it() -> None:
    """Nobody should have to search for which setting to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = free_settings(temporal_ui_port=taken.getsockname()[1])
        with pytest.raises(PortError, match="PAYSAGA_TEMPORAL_UI_PORT"):
            check_ports(settings, patient=False)


def test_one_port_for_two_servers_is_refused() -> None:
    """Both variables are named."""
    port = free_port()
    with pytest.raises(PortError, match="PAYSAGA_API_PORT and PAYSAGA_SINK_PORT"):
        check_ports(free_settings(api_port=port, sink_port=port), patient=False)


def test_free_ports_are_accepted() -> None:
    """Nothing is raised where everything is free."""
    check_ports(free_settings(), patient=False)


def test_a_temporal_server_of_the_users_needs_no_port_here() -> None:
    """Where ours is not started, its ports do not matter."""
    settings = Settings.model_validate({"temporal_address": "temporal.example:7233"})
    assert {"PAYSAGA_API_PORT", "PAYSAGA_SIMULATOR_PORT", "PAYSAGA_SINK_PORT"} == set(ports(settings))


def test_restarts_are_bounded() -> None:
    """A process that ends again and again is given up; others are counted apart."""
    restarts = Restarts(restarts_max=2, window_s=60)
    restarts.count("worker")
    restarts.count("worker")
    restarts.count("api")
    with pytest.raises(RestartsError, match="worker ended 3 times"):
        restarts.count("worker")


def test_old_restarts_are_forgotten() -> None:
    """Ends that lie apart by more than the window are no loop."""
    restarts = Restarts(restarts_max=1, window_s=0)
    restarts.count("worker")
    restarts.count("worker")
