"""The environment: read once, documented in full, and refused where it would be dangerous."""

import pytest
from pydantic import ValidationError

from settings import Settings


def _settings(**fields: object) -> Settings:
    return Settings.model_validate(fields)


def test_failpoints_need_development() -> None:
    """A production process cannot be stopped by a variable."""
    with pytest.raises(ValidationError, match="PAYSAGA_DEVELOPMENT"):
        _settings(failpoints="payment.open:after=kill")
    assert _settings(failpoints="payment.open:after=kill", development=True).failpoints


def test_failpoints_of_the_environment_need_development_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule holds for the way in which processes really read it."""
    monkeypatch.setenv("PAYSAGA_FAILPOINTS", "payment.open:after=kill")
    monkeypatch.delenv("PAYSAGA_DEVELOPMENT", raising=False)
    with pytest.raises(ValidationError, match="PAYSAGA_DEVELOPMENT"):
        Settings()
    monkeypatch.setenv("PAYSAGA_DEVELOPMENT", "1")
    assert "payment.open:after=kill" == Settings().failpoints


@pytest.mark.parametrize("field", ["database_url", "owner_database_url", "temporal_address", "secret_key"])
def test_a_missing_variable_is_named(field: str) -> None:
    """Whoever starts a process reads which variable to set."""
    with pytest.raises(ValueError, match=f"PAYSAGA_{field.upper()} is not set"):
        getattr(Settings.model_construct(**dict.fromkeys(Settings.model_fields)), f"require_{field}")()


@pytest.mark.parametrize("field", ["secret_key", "operator_key"])
def test_keys_are_never_printed(field: str) -> None:
    """Settings may end in a log line."""
    assert "hidden-words" not in repr(_settings(**{field: "hidden-words"}))


@pytest.mark.parametrize("wrong", [{"api_port": 0}, {"api_port": 70_000}, {"database_pool_size": 11}])
def test_a_value_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    """At the start, not at the first use."""
    with pytest.raises(ValidationError):
        _settings(**wrong)
