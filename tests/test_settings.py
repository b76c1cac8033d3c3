"""The environment: read once, documented in full, and refused where it would be dangerous."""

import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from settings import Settings
from tests.support.servers import ROOT


def _settings(**fields: object) -> Settings:
    return Settings.model_validate(fields)


def test_failpoints_need_development() -> None:
    """A production process cannot be stopped by a variable."""
    with pytest.raises(ValidationError, match="PAYSAGA_DEVELOPMENT"):
        _settings(failpoints="payment.open:after=kill")
    with pytest.raises(ValidationError, match="PAYSAGA_FAILPOINTS_FILE needs PAYSAGA_DEVELOPMENT"):
        _settings(failpoints_file="points")
    assert _settings(failpoints="payment.open:after=kill", development=True).failpoints
    assert _settings(failpoints_file="points", development=True).failpoints_file


@pytest.mark.parametrize("variable", ["PAYSAGA_FAILPOINTS", "PAYSAGA_FAILPOINTS_FILE"])
@pytest.mark.parametrize(("development", "refused"), [("", True), ("1", False)])
def test_failpoints_of_the_environment_need_development_too(variable: str, development: str, *, refused: bool) -> None:
    """The rule holds for the way in which processes really read it; an empty variable is none."""
    variables = {variable: "payment.open:after=kill", "PAYSAGA_DEVELOPMENT": development}
    read = [sys.executable, "-c", "from settings import Settings; Settings()"]
    ended = subprocess.run(read, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, check=False)
    assert refused == (f"{variable} needs PAYSAGA_DEVELOPMENT=1".encode() in ended.stderr)
    assert refused == (ended.returncode != 0)


@pytest.mark.parametrize("field", ["database_url", "owner_database_url", "temporal_address", "secret_key"])
def test_a_missing_variable_is_named(field: str) -> None:
    """Whoever starts a process reads which variable to set."""
    with pytest.raises(ValueError, match=f"PAYSAGA_{field.upper()} is not set"):
        getattr(_settings(**{field: None}), f"require_{field}")()


@pytest.mark.parametrize("field", ["secret_key", "operator_key"])
def test_keys_are_never_printed(field: str) -> None:
    """Settings may end in a log line."""
    assert "hidden-words" not in repr(_settings(**{field: "hidden-words"}))


@pytest.mark.parametrize("wrong", [{"api_port": 0}, {"api_port": 70_000}, {"database_pool_size": 11}])
def test_a_value_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    """At the start, not at the first use."""
    with pytest.raises(ValidationError):
        _settings(**wrong)
