"""Onboarding, capabilities, and what must never be said aloud."""

from datetime import timedelta

import pytest

from channels.base import Channel, ChannelAccount, Op
from channels.errors import ChannelError, Misconfigured, Unsupported
from channels.registry import Channels
from domain.ids import new_out_no
from domain.states import CloseProof, Invoke
from tests.channels.parties import an_account, an_order, key_text
from tests.channels.wire_peer import ChannelKey, Peer, answers, resets

SUPPORTED = {Op.PAY, Op.QUERY, Op.CLOSE, Op.REFUND, Op.REFUND_QUERY, Op.CALLBACK}
SUPPORTED |= {Op.TRANSFER, Op.TRANSFER_QUERY, Op.BALANCE}
OUR_KEY = ChannelKey().key
CHANNEL_KEY = ChannelKey().public
CONFIG = {"base_url": "https://channel.example/sim", "app_id": "app_1"}
SECRETS = {"private_key": key_text(OUR_KEY), "channel_public_key": CHANNEL_KEY}


@pytest.fixture
def sim(channels: Channels) -> Channel:
    return channels.channel("sim")


def test_a_right_account_is_accepted(sim: Channel) -> None:
    """Only base URL, app and the two keys are required."""
    sim.validate_account(CONFIG, SECRETS)


def test_everything_missing_is_named_at_once(sim: Channel) -> None:
    """An operator sees the whole list, not one field at a time."""
    with pytest.raises(Misconfigured) as raised:
        sim.validate_account({}, {})
    for field in ("config.base_url", "config.app_id", "secrets.private_key", "secrets.channel_public_key"):
        assert field in str(raised.value)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"base_url": "http://channel.example/sim"}, "https"),
        ({"base_url": "ftp://127.0.0.1/sim"}, "https"),
        ({"base_url": "https://user:word@channel.example"}, "user"),
        ({"base_url": "https://channel.example/sim?x=1"}, "query"),
        ({"base_url": "/sim"}, "absolute"),
        ({"base_url": "https://[::1/sim"}, "base_url"),
        ({"base_url": "https://channel.example:port/sim"}, "base_url"),
        ({"app_id": "äpp"}, "app_id"),
        ({"app_id": "app\r\nX: y"}, "app_id"),
        ({"close_proof": "perhaps"}, "close_proof"),
        ({"call_timeout_s": 0}, "call_timeout_s"),
        ({"return_window_s": -1}, "return_window_s"),
        ({"refunds_one_at_a_time": "perhaps"}, "refunds_one_at_a_time"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_setting_is_named(sim: Channel, *, config: dict[str, object], named: str) -> None:
    """Each refusal says which field is wrong."""
    with pytest.raises(Misconfigured, match=named):
        sim.validate_account(CONFIG | config, SECRETS)


@pytest.mark.parametrize("host", ["127.0.0.1:9100", "localhost:9100", "[::1]:9100", "127.9.9.9"])
def test_plain_http_stays_on_loopback(sim: Channel, host: str) -> None:
    """Loopback may go without TLS, for the simulator."""
    sim.validate_account(CONFIG | {"base_url": f"http://{host}/sim"}, SECRETS)


@pytest.mark.parametrize("key", ["", "short", "c2hvcnQ=", "ä" * 44, "A" * 88])
def test_a_key_of_the_wrong_form_is_named_and_not_repeated(sim: Channel, key: str) -> None:
    """The message says what a key looks like, never what was entered."""
    with pytest.raises(Misconfigured, match=r"secrets\.private_key") as raised:
        sim.validate_account(CONFIG, SECRETS | {"private_key": key})
    assert not key or key not in str(raised.value).replace("secrets.private_key", "")


@pytest.mark.parametrize("op", sorted(set(Op) - SUPPORTED))
def test_every_other_operation_is_refused_before_any_io(sim: Channel, op: Op) -> None:
    """The one helper refuses what the account's capabilities lack."""
    with pytest.raises(Unsupported, match=op):
        sim.capabilities(an_account(OUR_KEY, CHANNEL_KEY)).require(op)


async def test_a_channel_played_without_proof_has_no_close(sim: Channel) -> None:
    """`close_proof: none` plays a channel that cannot close; the refusal comes before any I/O."""
    async with Peer(answers(200, b"{}")).listening() as peer:
        account = an_account(OUR_KEY, CHANNEL_KEY, close_proof="none", base_url=f"{peer.url}/sim")
        with pytest.raises(Unsupported):
            await sim.close(account, new_out_no())
    assert (CloseProof.NONE, 0) == (sim.capabilities(account).close_proof, peer.accepted)


async def test_nothing_unsupported_reaches_the_channel(sim: Channel) -> None:
    """Ways of paying that the channel lacks, and numbers that are not numbers, open no connection."""
    async with Peer(answers(200, b"{}")).listening() as peer:
        account = an_account(OUR_KEY, CHANNEL_KEY, base_url=f"{peer.url}/sim")
        for invoke in set(Invoke) - {Invoke.QR, Invoke.PAGE, Invoke.BARCODE}:
            with pytest.raises(Unsupported):
                await sim.pay(account, an_order(invoke=invoke))
        for number in ("short", "a" * 33, "../../etc", "OUTNO00001\n"):
            with pytest.raises(Unsupported):
                await sim.query(account, number)
            with pytest.raises(Unsupported):
                await sim.query_transfer(account, number)
    assert 0 == peer.accepted


def test_a_weaker_channel_can_be_played(sim: Channel) -> None:
    """Proof of close and weight of callbacks come from the account's settings."""
    account = an_account(OUR_KEY, CHANNEL_KEY, close_proof="after_expiry", callback_is_proof=False)
    capabilities = sim.capabilities(account)
    assert (CloseProof.AFTER_EXPIRY, False) == (capabilities.close_proof, capabilities.callback_is_proof)
    assert {Op.PAY, Op.REFUND, Op.TRANSFER} <= capabilities.idempotent_ops


def test_what_comes_back_later_has_a_window(sim: Channel) -> None:
    """Seven days and parallel refunds, unless the account's settings say otherwise."""
    plain = sim.capabilities(an_account(OUR_KEY, CHANNEL_KEY))
    strict = sim.capabilities(an_account(OUR_KEY, CHANNEL_KEY, return_window_s=60, refunds_one_at_a_time=True))
    assert (timedelta(days=7), False) == (plain.return_window, plain.refunds_one_at_a_time)
    assert (timedelta(minutes=1), True) == (strict.return_window, strict.refunds_one_at_a_time)


def test_an_unknown_channel_is_named(channels: Channels) -> None:
    """The error says which channels there are."""
    with pytest.raises(Unsupported, match="there are sim"):
        channels.channel("cash")


def test_an_account_does_not_show_its_secrets() -> None:
    """Neither repr, text nor JSON of an account contains a key."""
    account = an_account(OUR_KEY, CHANNEL_KEY)
    for text in (repr(account), str(account), account.model_dump_json(), f"{account.model_dump()}"):
        assert key_text(OUR_KEY) not in text


def test_an_account_that_cannot_be_read_does_not_show_its_secrets() -> None:
    """A validation error does not repeat what was entered."""
    with pytest.raises(ValueError, match="ChannelAccount") as raised:
        ChannelAccount.model_validate({"id": 1, "secrets": {"private_key": ["OUR_KEY"]}})
    assert "OUR_KEY" not in str(raised.value)


async def test_no_error_says_a_secret(sim: Channel) -> None:
    """Text, repr, evidence and the whole chain of causes are free of keys, signatures and payer codes."""
    order = an_order(invoke=Invoke.BARCODE, auth_code="28paySECRETCODE")
    for behaviour in (resets, answers(200, b"<html>"), answers(500, b"")):
        async with Peer(behaviour).listening() as peer:
            account = an_account(OUR_KEY, CHANNEL_KEY, base_url=f"{peer.url}/sim")
            with pytest.raises(ChannelError) as raised:
                await sim.pay(account, order)
        assert raised.value.evidence is not None
        said = _everything_said(raised.value) + raised.value.evidence.model_dump_json()
        for secret in (key_text(OUR_KEY), peer.seen[0].headers["sim-signature"], "28paySECRETCODE"):
            assert secret not in said
    assert "28paySECRETCODE" not in repr(order)


def _everything_said(error: BaseException) -> str:
    chain: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        chain += [str(cause), repr(cause), repr(getattr(cause, "__notes__", ""))]
        cause = cause.__cause__ or cause.__context__
    return "\n".join(chain)
