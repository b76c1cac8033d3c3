"""The environment, read once by composition roots (`api/__main__.py`, `worker.py`, `store/migrate.py`, `devstack`)."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65_535)]


class Settings(BaseSettings):
    """Every variable that changes what a process does; each is `PAYSAGA_` and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix="PAYSAGA_", env_ignore_empty=True, extra="ignore")

    home: Path = Field(default=Path(".paysaga"), description="Folder for everything that `make up` keeps.")
    database_url: str | None = Field(
        default=None, description="PostgreSQL as the application role, `postgresql+asyncpg://…`; unset: embedded."
    )
    owner_database_url: str | None = Field(
        default=None, description="PostgreSQL as the owner role; used by migrations only."
    )
    database_pool_size: int = Field(default=16, ge=12, le=200, description="Connections of one process.")
    writes_at_once: int = Field(
        default=16, ge=1, le=10_000, description="Calls that change something, worked on at once by one API process."
    )
    writes_waiting: int = Field(
        default=64, ge=1, le=10_000, description="Such calls of one merchant that wait for a turn; more are 429."
    )
    temporal_address: str | None = Field(default=None, description="host:port of Temporal; unset: embedded.")
    temporal_namespace: str = Field(default="default", description="The Temporal namespace of all workflows.")
    worker_version: str | None = Field(
        default=None, description="Build id for worker versioning; unset: no versioning (changes go in with `patched`)."
    )
    api_host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    api_port: Port = Field(default=8080, description="Port of the API.")
    temporal_port: Port = Field(default=7233, description="Port of the embedded Temporal server.")
    temporal_ui_port: Port = Field(default=8233, description="Port of the embedded Temporal UI.")
    simulator_port: Port = Field(default=9100, description="Port of the channel simulator.")
    sink_port: Port = Field(default=9200, description="Port of the webhook sink.")
    temporal_metrics_port: Port | None = Field(default=None, description="Metrics of the embedded Temporal server.")
    worker_metrics_port: Port | None = Field(default=None, description="Metrics of the worker, Prometheus format.")
    public_url: str = Field(
        default="http://127.0.0.1:8080", description="Where channels reach the API; callback URLs begin with it."
    )
    operator_key: SecretStr | None = Field(default=None, description="Bearer key of the operator; unset: none works.")
    secret_key: SecretStr | None = Field(
        default=None, description="32 bytes in URL-safe Base64 that encrypt channel and webhook secrets at rest."
    )
    development: bool = Field(
        default=False, description="Allows webhooks and channels on loopback, and failpoints. Never in production."
    )
    failpoints: str | None = Field(
        default=None, description="Named points where this process stops, `name=park|kill|kill:N,…`; development only."
    )
    failpoints_file: Path | None = Field(
        default=None, description="File with such points instead, read again when it changes; development only."
    )
    log_level: str = Field(default="info", description="debug, info, warning or error.")
    watch_every_s: int = Field(default=30, ge=1, description="Period of the watch of unproven attempts.")
    sweep_every_s: int = Field(default=60, ge=1, description="Period of the sweeper.")
    sweep_grace_s: int = Field(default=120, ge=0, description="The sweeper leaves younger objects alone.")
    payouts_per_second: int = Field(
        default=20, ge=1, le=10_000, description="Payouts sent to one channel in a second, by all workers together."
    )
    sim_channels: str = Field(
        default="sim", description="Names of channels that speak the simulator's protocol, comma-separated."
    )
    seal_every_s: int = Field(default=300, ge=1, description="Period of the seal of the audit and of ended days.")
    verify_every_s: int = Field(default=60, ge=1, description="Period of the check of what changed; nightly all.")
    verify_overlap_s: int = Field(
        default=3_600, ge=60, description="How long before its last run that check looks again at what changed."
    )
    partition_days: int = Field(default=30, ge=1, le=366, description="Days of each partition that is made ahead.")
    partition_retention_days: int | None = Field(
        default=None, ge=93, description="Older partitions are detached into the schema `archive`; unset: none is."
    )
    ready_file: Path | None = Field(default=None, description="The worker touches it when it polls.")

    @model_validator(mode="after")
    def _failpoints_only_in_development(self) -> Self:
        for field in ("failpoints", "failpoints_file"):
            if getattr(self, field) and not self.development:
                raise ValueError(f"PAYSAGA_{field.upper()} needs PAYSAGA_DEVELOPMENT=1; it is refused in production")
        return self

    @property
    def sim_names(self) -> list[str]:
        """The channels that speak the simulator's protocol."""
        return [name for name in self.sim_channels.split(",") if name]

    def require_database_url(self) -> str:
        """The application role's URL; ValueError that names the variable when it is unset."""
        return _required(self.database_url, "PAYSAGA_DATABASE_URL")

    def require_owner_database_url(self) -> str:
        """The owner role's URL; ValueError that names the variable when it is unset."""
        return _required(self.owner_database_url, "PAYSAGA_OWNER_DATABASE_URL")

    def require_temporal_address(self) -> str:
        """Temporal's address; ValueError that names the variable when it is unset."""
        return _required(self.temporal_address, "PAYSAGA_TEMPORAL_ADDRESS")

    def require_secret_key(self) -> str:
        """The key that encrypts secrets at rest; ValueError that names the variable when it is unset."""
        return _required(self.secret_key.get_secret_value() if self.secret_key else None, "PAYSAGA_SECRET_KEY")


def _required(value: str | None, variable: str) -> str:
    if not value:
        raise ValueError(f"{variable} is not set")
    return value
