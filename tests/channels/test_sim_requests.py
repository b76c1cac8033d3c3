"""What is signed and sent, against the protocol's page with `cryptography` alone."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from channels.errors import Unknown
from channels.http import Call, make_client
from channels.registry import Channels
from channels.sim_account import read_contract
from channels.sim_requests import (
    Stamp,
    Unsigned,
    build_close,
    build_pay,
    build_query,
    build_refund,
    build_transfer,
    signed,
)
from domain.states import Invoke
from tests.channels.parties import a_refund, a_transfer, an_account, an_order
from tests.channels.wire_peer import ChannelKey, Peer, answers

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
AT = datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)
NONCE = "nonce_0123456789"


def stamped(unsigned: Unsigned) -> Call:
    """The request signed with fixed key, time and nonce."""
    account = an_account(KEY, ChannelKey().public, base_url="http://127.0.0.1:9100/sim")
    return signed(read_contract(account), unsigned, Stamp(nonce=NONCE, at=AT, ends_at=0.0))


def test_the_signature_covers_method_path_time_nonce_and_body() -> None:
    """Ed25519 is deterministic: the header is exactly the signature that the page describes."""
    body = b"{}"
    covered = b"POST\n/sim/v1/orders/OUTNO00001/close\n1767323045\n" + NONCE.encode() + b"\n" + body + b"\n"
    call = stamped(build_close("OUTNO00001"))
    assert base64.b64encode(KEY.sign(covered)).decode() == call.headers["Sim-Signature"]
    assert ("app_test", "1767323045", NONCE) == tuple(
        call.headers[name] for name in ("Sim-App", "Sim-Timestamp", "Sim-Nonce")
    )


def test_an_empty_body_is_zero_bytes_under_the_signature() -> None:
    """A query ends in two line feeds: the nonce's and the body's."""
    call = stamped(build_query("OUTNO00001"))
    covered = b"GET\n/sim/v1/orders/OUTNO00001\n1767323045\n" + NONCE.encode() + b"\n\n"
    assert (b"", base64.b64encode(KEY.sign(covered)).decode()) == (call.body, call.headers["Sim-Signature"])


def test_equal_orders_give_equal_bytes() -> None:
    """A repeat is the same order also when its expiry is written in another zone."""
    order = an_order(expires_at=AT)
    elsewhere = order.model_copy(update={"expires_at": AT.astimezone(timezone(timedelta(hours=8)))})
    assert build_pay(order).body == build_pay(elsewhere).body
    assert "2026-01-02T03:04:05.999Z" == json.loads(build_pay(order).body)["expire_at"]


def test_absent_fields_are_not_sent() -> None:
    """Optional fields appear only when they are set."""
    assert {"auth_code", "return_url"}.isdisjoint(json.loads(build_pay(an_order()).body))
    barcode = json.loads(build_pay(an_order(invoke=Invoke.BARCODE, auth_code="28pay1234")).body)
    assert ("barcode", "28pay1234") == (barcode["invoke"], barcode["auth_code"])
    assert "notify_url" not in json.loads(build_refund(a_refund("OUTNO00001", 1)).body)
    assert {"name", "memo", "notify_url"}.isdisjoint(json.loads(build_transfer(a_transfer(1)).body))


def test_amounts_are_integers_on_the_wire() -> None:
    """No float and no string ever carries money (law 1)."""
    assert b'"amount_minor":10000,' in build_pay(an_order()).body
    assert b'"amount_minor":4000,' in build_refund(a_refund("OUTNO00001", 4_000)).body
    assert b'"amount_minor":4000,' in build_transfer(a_transfer(4_000)).body


async def test_the_bytes_on_the_wire_are_the_bytes_that_were_signed() -> None:
    """Path, headers and body reach the peer as they were signed, subject in any script included."""
    order = an_order(subject='茶 "é" \\ \n', return_url="https://shop.example/?a=b&c=%20")
    async with make_client() as client, Peer(answers(200, b"{}")).listening() as peer:
        account = an_account(KEY, ChannelKey().public, base_url=f"{peer.url}/sim")
        with pytest.raises(Unknown):
            await Channels(client).channel("sim").pay(account, order)
    [seen] = peer.seen
    timestamp, nonce = seen.headers["sim-timestamp"], seen.headers["sim-nonce"]
    covered = f"{seen.method}\n{seen.target}\n{timestamp}\n{nonce}\n".encode() + seen.body + b"\n"
    KEY.public_key().verify(base64.b64decode(seen.headers["sim-signature"]), covered)
    assert ("POST", "/sim/v1/orders") == (seen.method, seen.target)
    assert order.subject == json.loads(seen.body)["subject"]
