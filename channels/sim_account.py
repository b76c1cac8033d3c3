"""A merchant's contract with the `sim` channel, read from its account."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from channels.addresses import require_safe_url
from channels.base import ChannelAccount
from channels.errors import Misconfigured
from channels.operations import Capabilities, Op
from channels.sim_signing import read_private_key, read_public_key
from domain.money import AMOUNT_MINOR_MAX, Currency
from domain.states import CloseProof, Invoke

OPS = frozenset(
    {
        Op.PAY,
        Op.QUERY,
        Op.CLOSE,
        Op.REFUND,
        Op.REFUND_QUERY,
        Op.TRANSFER,
        Op.TRANSFER_QUERY,
        Op.BALANCE,
        Op.CALLBACK,
    }
)
CALL_TIMEOUT_S_DEFAULT = 5.0
CLOSE_MARGIN_S = 5
REFUND_FIRST_QUERY_AFTER_S = 1
TRANSFER_FIRST_QUERY_AFTER_S = 1
RETURN_WINDOW_S_DEFAULT = 7 * 24 * 3600
RETURN_WINDOW_S_MAX = 366 * 24 * 3600
CONTRACTS_CACHED_MAX = 1024


Part = TypeVar("Part", bound=BaseModel)


def _private_key(text: SecretStr) -> SecretStr:
    read_private_key(text.get_secret_value())
    return text


def _public_key(text: SecretStr) -> SecretStr:
    read_public_key(text.get_secret_value())
    return text


class SimConfig(BaseModel):
    """What an operator enters. `close_proof` and `callback_is_proof` may be lowered to play a weaker channel.

    With `close_proof: none` the channel has no close at all. `refunds_one_at_a_time` plays a channel that wants it so,
    `return_window_s` is how long after success a transfer may come back and a refund bounce.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(require_safe_url)]
    app_id: str = Field(pattern=r"^[!-~]{1,64}$")
    close_proof: CloseProof = CloseProof.FINAL
    callback_is_proof: bool = True
    call_timeout_s: float = Field(default=CALL_TIMEOUT_S_DEFAULT, gt=0, le=60)
    refunds_one_at_a_time: bool = False
    return_window_s: int = Field(default=RETURN_WINDOW_S_DEFAULT, ge=0, le=RETURN_WINDOW_S_MAX)


class SimSecrets(BaseModel):
    """Our private key and the key that the channel signs with."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    private_key: Annotated[SecretStr, AfterValidator(_private_key)]
    channel_public_key: Annotated[SecretStr, AfterValidator(_public_key)]


@dataclass(frozen=True, slots=True)
class SimContract:
    """Both halves of an account, validated."""

    config: SimConfig
    secrets: SimSecrets

    @property
    def private_key(self) -> str:
        """Our key in Base64."""
        return self.secrets.private_key.get_secret_value()

    @property
    def channel_public_key(self) -> str:
        """The channel's key in Base64."""
        return self.secrets.channel_public_key.get_secret_value()

    def capabilities(self, currency: Currency) -> Capabilities:
        """What an account with this contract can do."""
        return _capabilities(self.config, currency)


def read_contract(account: ChannelAccount) -> SimContract:
    """The account's contract; `Misconfigured` names everything missing or wrong."""
    return _cached_contract(tuple(account.config.items()), tuple(account.secrets.items()))


def contract_of(config: Mapping[str, object], secrets: Mapping[str, str | SecretStr]) -> SimContract:
    """The contract made of both; `Misconfigured` names everything missing or wrong, never a value."""
    problems: list[str] = []
    read_config = _read(SimConfig, config, "config", problems=problems)
    read_secrets = _read(SimSecrets, secrets, "secrets", problems=problems)
    if read_config is None or read_secrets is None:
        raise Misconfigured("account_invalid", "; ".join(problems))
    return SimContract(read_config, read_secrets)


@lru_cache(maxsize=CONTRACTS_CACHED_MAX)
def _cached_contract(config: tuple[tuple[str, object], ...], secrets: tuple[tuple[str, SecretStr], ...]) -> SimContract:
    return contract_of(dict(config), dict(secrets))


@lru_cache(maxsize=CONTRACTS_CACHED_MAX)
def _capabilities(config: SimConfig, currency: Currency) -> Capabilities:
    ops = OPS - {Op.CLOSE} if config.close_proof is CloseProof.NONE else OPS
    return Capabilities(
        ops=ops,
        invokes=frozenset({Invoke.QR, Invoke.PAGE, Invoke.BARCODE}),
        currencies=frozenset({currency}),
        amount_minor_min=1,
        amount_minor_max=AMOUNT_MINOR_MAX,
        close_proof=config.close_proof,
        idempotent_ops=ops,
        callback_is_proof=config.callback_is_proof,
        call_timeout_s=config.call_timeout_s,
        refund_first_query_after_s=REFUND_FIRST_QUERY_AFTER_S,
        transfer_first_query_after_s=TRANSFER_FIRST_QUERY_AFTER_S,
        close_margin_s=CLOSE_MARGIN_S,
        refunds_one_at_a_time=config.refunds_one_at_a_time,
        return_window_s=config.return_window_s,
    )


def _read(model: type[Part], fields: Mapping[str, object], place: str, *, problems: list[str]) -> Part | None:
    try:
        return model.model_validate(dict(fields))
    except ValidationError as invalid:
        problems += [
            f"{place}.{error['loc'][0]}: {error['msg'].removeprefix('Value error, ')}"
            for error in invalid.errors(include_input=False, include_url=False, include_context=False)
        ]
        return None
