"""Ed25519 over the bytes of `docs/sim-protocol.md`; keys travel as standard Base64 of their raw 32 bytes."""

import base64
import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEYS_CACHED_MAX = 1024


def request_bytes(method: str, target: str, *, timestamp: str, nonce: str, body: bytes) -> bytes:
    """What the signature of a request or a callback covers; `target` is path and query as on the wire."""
    return b"\n".join((method.encode(), target.encode(), timestamp.encode(), nonce.encode(), body, b""))


def answer_bytes(status: int, *, timestamp: str, nonce: str, body: bytes) -> bytes:
    """What the signature of an answer covers."""
    return b"\n".join((str(status).encode(), timestamp.encode(), nonce.encode(), body, b""))


def sign(private_key: str, signed: bytes) -> str:
    """The signature in Base64."""
    return base64.b64encode(read_private_key(private_key).sign(signed)).decode()


def verifies(public_key: str, signature: str, signed: bytes) -> bool:
    """True when the key signed these bytes; a signature of no valid form is simply false."""
    try:
        read_public_key(public_key).verify(base64.b64decode(signature, validate=True), signed)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@lru_cache(maxsize=KEYS_CACHED_MAX)
def read_private_key(text: str) -> Ed25519PrivateKey:
    """The key; ValueError that does not repeat the text."""
    return Ed25519PrivateKey.from_private_bytes(_raw(text))


@lru_cache(maxsize=KEYS_CACHED_MAX)
def read_public_key(text: str) -> Ed25519PublicKey:
    """The key; ValueError that does not repeat the text."""
    return Ed25519PublicKey.from_public_bytes(_raw(text))


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the key must be the Base64 of 32 bytes") from None
