"""The compose file cannot be started in a test, so what it says is checked against the code and against itself."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
JOBS = {"migrate", "prepare", "temporal-schema", "temporal-namespace"}
WITHOUT_HEALTH = JOBS | {"temporal-ui"}  # its image has nothing to ask it with, and nothing waits for it

WORDS = {"type": "array", "items": {"type": "string"}}
DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}
HEALTH = {
    "type": "object",
    "additionalProperties": False,
    "required": ["test", "interval", "timeout", "retries"],
    "properties": {
        "test": {**WORDS, "minItems": 2},
        "interval": DURATION,
        "timeout": DURATION,
        "start_period": DURATION,
        "retries": {"type": "integer", "minimum": 1},
    },
}
DEPENDS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["condition"],
        "properties": {"condition": {"enum": ["service_healthy", "service_completed_successfully"]}},
    },
}
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image"],
    "properties": {
        "image": {"type": "string"},
        "build": {"type": "object", "required": ["context", "dockerfile"]},
        "init": {"type": "boolean"},
        "restart": {"type": "string", "pattern": r"^(unless-stopped|on-failure:\d+)$"},
        "stop_grace_period": DURATION,
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "depends_on": DEPENDS,
        "healthcheck": HEALTH,
        "volumes": WORDS,
        "ports": WORDS,
        "profiles": WORDS,
        "network_mode": {"type": "string", "pattern": "^service:[a-z-]+$"},
        "entrypoint": WORDS,
        "command": WORDS,
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "services"],
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object"},
    },
}


def test_the_file_has_the_shape_of_the_compose_specification() -> None:
    """Only the keys of the specification that we use, each with its type; a misspelt key fails here."""
    jsonschema.validate(COMPOSE, SCHEMA)


@pytest.mark.parametrize("name", SERVICES)
def test_it_depends_on_services_that_can_meet_the_condition(name: str) -> None:
    """A job completes, a server becomes healthy; waiting for the other one would wait for ever."""
    for other, dependency in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in JOBS else "service_healthy"
        assert expected == dependency["condition"]
        assert other in JOBS or "healthcheck" in SERVICES[other]


def test_nothing_waits_in_a_circle() -> None:
    """There is an order in which everything can start."""
    started: set[str] = set()
    while ready := {
        name for name in SERVICES.keys() - started if SERVICES[name].get("depends_on", {}).keys() <= started
    }:
        started |= ready
    assert SERVICES.keys() == started


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - WITHOUT_HEALTH))
def test_every_server_says_whether_it_is_healthy(name: str) -> None:
    """What runs for long can be asked."""
    assert "healthcheck" in SERVICES[name]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str) -> None:
    """A variable that no process reads would be a setting that does nothing."""
    known = {f"PAYSAGA_{field.upper()}" for field in Settings.model_fields}
    assert set(OURS[name].get("environment", {})) <= known


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    """Each runs a module or a file of the tree, which the image contains."""
    _python, *words = OURS[name]["command"]
    target = words[1].replace(".", "/") if words[0] == "-m" else words[0].removesuffix(".py")
    candidates = [ROOT / f"{target}.py", ROOT / target / "__main__.py"]
    assert any(candidate.exists() for candidate in candidates)
    assert target.split("/")[0] in image_contents()


def test_the_workers_serve_every_queue_and_loop_once() -> None:
    """Split by queue, nothing is forgotten."""
    commands = [service["command"] for name, service in OURS.items() if name.startswith("worker-")]
    queues = [option(command, "--queues") for command in commands]
    loops = [option(command, "--loops") for command in commands if "--loops" in command]
    assert ["channel-sim,payout-sim", "notify", "reconcile", "saga"] == sorted(queues)
    assert ["events", "fold"] == sorted(loops)


def test_only_migrations_know_the_owner() -> None:
    """All else runs as the application role, which can neither change the schema nor write money past the functions."""
    knowing = {name for name, service in OURS.items() if "PAYSAGA_OWNER_DATABASE_URL" in service.get("environment", {})}
    assert {"migrate"} == knowing


def test_no_secret_has_a_default() -> None:
    """A secret that is not set stops the start with its name; it never becomes a known one."""
    text = (ROOT / "docker-compose.yml").read_text()
    secret = re.findall(r"\$\{(\w*(?:PASSWORD|_KEY))([^}]*)\}", text)
    assert secret
    assert {":?"} == {rest for _name, rest in secret}


def test_ports_are_published_on_loopback_alone() -> None:
    """Who may reach the payment centre from outside is decided in front of it."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_mounted_files_exist_and_can_be_run() -> None:
    """The scripts that containers run from the tree are there, and executable."""
    mounted = [
        volume for service in SERVICES.values() for volume in service.get("volumes", []) if volume.startswith("./")
    ]
    folders = [list((ROOT / volume.split(":")[0]).iterdir()) for volume in mounted]
    assert all(folders)
    scripts = [file for folder in folders for file in folder if file.suffix == ".sh"]
    assert scripts
    assert all(script.stat().st_mode & 0o111 for script in scripts)


def test_the_image_does_not_run_as_root() -> None:
    """The last USER of the Dockerfile is an unprivileged one, and dependencies are checked by hash."""
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    assert "USER paysaga" == [line for line in lines if line.startswith("USER")][-1]
    assert any("--require-hashes" in line for line in lines)


def test_the_build_context_holds_just_what_the_image_copies() -> None:
    """Neither state, keys nor the repository's history travel to the builder."""
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert "**" == ignored[0]
    assert image_contents() | {"requirements"} == {Path(line[1:]).stem for line in ignored if line.startswith("!")}


def image_contents() -> set[str]:
    """The names, without suffix, of what the Dockerfile copies from the tree."""
    copied = re.findall(
        r"^COPY (?!--from|requirements)(.+) \S+$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE
    )
    return {Path(name).stem for names in copied for name in names.split()}


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]
