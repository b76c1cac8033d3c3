"""The way out: what a peer that misbehaves on a real socket does to the class of a call."""

import asyncio
import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from channels.errors import ChannelError, Misconfigured, NotSent, Unknown
from channels.http import ANSWER_BYTES_MAX, make_client
from channels.registry import Channels
from domain.ids import new_out_no
from tests.channels.parties import an_account, an_order
from tests.channels.wire_peer import (
    Behaviour,
    ChannelKey,
    Peer,
    answers,
    drips,
    floods,
    never_answers,
    resets,
    says_half,
    signed_answer,
)

ORDER = b'{"out_no":"%s","channel_no":"SIM1","state":"waiting","amount_minor":10000,"paid_amount_minor":null,'
ORDER += b'"currency":"CNY","invoke":"qr","expire_at":"2030-01-01T00:00:00Z","paid_at":null,"qr_text":"q","url":null}'
HTML = b"<html><body>502 Bad Gateway</body></html>"


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (resets, "connection_lost"),
        (says_half, "connection_lost"),
        (never_answers, "call_timeout"),
        (drips, "call_timeout"),
        (floods, "answer_too_large"),
        (answers(200, HTML), "bad_signature"),
        (answers(200, ORDER), "bad_signature"),
        (answers(502, HTML), "bad_signature"),
        (answers(302, b"", Location="http://127.0.0.1:1/elsewhere"), "bad_signature"),
    ],
)
async def test_a_peer_that_misbehaves_after_the_request_left_is_unknown(
    channels: Channels, channel_key: ChannelKey, *, behaviour: Behaviour, code: str
) -> None:
    """Whatever comes back that the channel did not sign decides nothing, and is told within the call's time."""
    async with Peer(behaviour).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim", call_timeout_s=0.5)
        began = datetime.now(UTC)
        with pytest.raises(Unknown, match=code) as raised:
            await channels.channel("sim").pay(account, an_order())
    assert datetime.now(UTC) - began < timedelta(seconds=1.5)
    assert raised.value.evidence is not None
    assert ("pay", code) == (raised.value.evidence.op, raised.value.evidence.code)
    assert 1 == peer.accepted


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        ORDER % b"ANOTHERORDER",
        (ORDER % b"OUTNO00001").replace(b'"waiting"', b'"frozen"'),
        (ORDER % b"OUTNO00001").replace(b'"waiting"', b'"paid"'),
        (ORDER % b"OUTNO00001").replace(b"10000", b"10001"),
        (ORDER % b"OUTNO00001").replace(b"10000", b"10000.0"),
        (ORDER % b"OUTNO00001").replace(b"CNY", b"USD"),
    ],
)
async def test_a_signed_answer_that_is_not_our_order_is_unknown(
    channels: Channels, channel_key: ChannelKey, body: bytes
) -> None:
    """Signed is not enough: it must be readable, our number, our amount as an integer, and our currency."""
    async with Peer(signed_answer(channel_key, 200, body)).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim")
        with pytest.raises(Unknown, match=r"answer_(unreadable|mismatch)"):
            await channels.channel("sim").pay(account, an_order(out_no="OUTNO00001"))


async def test_an_answer_to_another_request_is_unknown(channels: Channels, channel_key: ChannelKey) -> None:
    """An answer that was signed for another nonce cannot be played again for this request."""
    body = ORDER % b"OUTNO00001"
    replayed = channel_key.answer_headers(200, "another_nonce_000", body)
    async with Peer(answers(200, body, **replayed)).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim")
        with pytest.raises(Unknown, match="answer_not_ours"):
            await channels.channel("sim").query(account, "OUTNO00001")


@pytest.mark.parametrize("off_s", [-400, 400])
async def test_an_answer_of_another_time_is_unknown(channels: Channels, channel_key: ChannelKey, off_s: int) -> None:
    """The channel's clock may be 300 s off ours, on either side, and no more."""
    behaviour = signed_answer(channel_key, 200, ORDER % b"OUTNO00001", at=datetime.now(UTC) + timedelta(seconds=off_s))
    async with Peer(behaviour).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim")
        with pytest.raises(Unknown, match="answer_not_ours"):
            await channels.channel("sim").query(account, "OUTNO00001")


async def test_a_status_that_was_changed_on_the_way_is_unknown(channels: Channels, channel_key: ChannelKey) -> None:
    """The status is under the signature: a 404 made of a 200 proves nothing."""
    body = b'{"code":"ORDER_NOT_FOUND","message":""}'

    async with Peer(signed_answer(channel_key, 200, body)).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim")
        with pytest.raises(Unknown, match="answer_unreadable"):
            await channels.channel("sim").query(account, new_out_no())


async def test_the_cap_leaves_room_for_a_long_answer(channels: Channels, channel_key: ChannelKey) -> None:
    """An answer up to the cap is read whole."""
    body = (ORDER % b"OUTNO00001").replace(b'"q"', b'"' + b"q" * (ANSWER_BYTES_MAX - 1_000) + b'"')
    async with Peer(signed_answer(channel_key, 200, body)).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim")
        answer = await channels.channel("sim").query(account, "OUTNO00001")
    assert answer.pay is not None
    assert len(answer.evidence.raw) < 5_000


async def test_cookies_and_proxies_of_the_environment_are_ignored(
    channel_key: ChannelKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One merchant's channel leaves nothing behind for another's, and the environment cannot reroute money."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    behaviour = signed_answer(channel_key, 200, ORDER % b"OUTNO00001", Set_Cookie="session=1; Path=/")
    async with make_client() as client, Peer(behaviour).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim")
        for _ in range(2):
            await Channels(client).channel("sim").query(account, "OUTNO00001")
    assert [False, False] == ["cookie" in seen.headers for seen in peer.seen]


async def test_a_handshake_that_does_not_end_was_never_a_request(channels: Channels, channel_key: ChannelKey) -> None:
    """A peer that accepts and never speaks TLS was sent nothing; we know before the call's time is over."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base_url = f"https://127.0.0.1:{silent.getsockname()[1]}/sim"
        account = an_account(ChannelKey().key, channel_key.public, base_url=base_url, call_timeout_s=0.5)
        with pytest.raises(NotSent, match="connect_timeout"):
            await channels.channel("sim").pay(account, an_order())


async def test_a_call_that_finds_no_free_connection_was_not_sent(channel_key: ChannelKey) -> None:
    """Of two calls over one connection that is held, the second never left us."""
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client, Peer(never_answers).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim", call_timeout_s=0.5)
        sim = Channels(client).channel("sim")
        calls = [sim.pay(account, an_order()) for _ in range(2)]
        failures = await asyncio.gather(*calls, return_exceptions=True)
    assert {(Unknown, "call_timeout"), (NotSent, "no_free_connection")} == {
        (type(failure), failure.code) for failure in failures if isinstance(failure, ChannelError)
    }
    assert len(peer.seen) == 1


async def test_a_certificate_that_is_not_the_channels_is_misconfigured(
    channels: Channels, channel_key: ChannelKey, tmp_path: Path
) -> None:
    """TLS is verified: a peer that cannot prove its name is never sent the request."""
    async with Peer(resets).listening(_self_signed(tmp_path)) as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim")
        with pytest.raises(Misconfigured, match="certificate_refused"):
            await channels.channel("sim").pay(account, an_order())
    assert [] == peer.seen


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return context
