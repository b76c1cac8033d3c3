import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activities.webhook_call import SignedBody
from activities.webhook_guard import WebhookGuard, WebhookUnreachable
from tests.activities.receiver import Receiver, receiving

NAME = "shop.example"
SENT = SignedBody({}, b"{}")


async def on_this_machine(host: str, port: int) -> list[str]:  # noqa: ARG001 - every name leads here
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "shop.pem"
    path.write_bytes(key.private_bytes(*plain) + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
async def receiver(certificate: Path) -> AsyncIterator[Receiver]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    async with receiving(tls) as receiver:
        yield receiver


@pytest.fixture
def guard(certificate: Path) -> WebhookGuard:
    trusting = ssl.create_default_context(cafile=str(certificate))
    return WebhookGuard(allow_loopback=True, resolve=on_this_machine, tls=trusting)


async def test_the_certificate_is_checked_against_the_name_and_not_the_address(
    receiver: Receiver, guard: WebhookGuard
) -> None:
    """We dial an address, and still want proof of the name in the URL."""
    got = await guard.post(f"https://{NAME}:{receiver.port}/hook", SENT)
    assert (200, f"{NAME}:{receiver.port}") == (got.status, receiver.calls[0].headers["host"])


async def test_another_name_on_the_same_address_is_refused(receiver: Receiver, guard: WebhookGuard) -> None:
    """Also right after a good call to that address: no connection is shared between names."""
    await guard.post(f"https://{NAME}:{receiver.port}/hook", SENT)
    with pytest.raises(WebhookUnreachable, match="connect"):
        await guard.post(f"https://other.example:{receiver.port}/hook", SENT)
    assert 1 == len(receiver.calls)


async def test_a_certificate_that_nobody_vouches_for_is_refused(receiver: Receiver) -> None:
    """Loopback is no excuse: https means a checked certificate."""
    guard = WebhookGuard(allow_loopback=True, resolve=on_this_machine)
    with pytest.raises(WebhookUnreachable, match="connect"):
        await guard.post(f"https://{NAME}:{receiver.port}/hook", SENT)
