"""Ed25519 signatures over the protocol's strings; keys travel as standard Base64 of their raw 32 bytes."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from simulator.refusals import ParamError

KEY_BYTES = 32


class KeyPair:
    """The channel's own pair."""

    def __init__(self, private_key: str) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private_key))
        self.public_key = base64.b64encode(self._private.public_key().public_bytes_raw()).decode()

    def sign(self, text: bytes) -> str:
        """Give the signature in Base64."""
        return base64.b64encode(self._private.sign(text)).decode()


def new_private_key() -> str:
    """Make a private key, in Base64."""
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def read_public_key(public_key: str) -> Ed25519PublicKey:
    """Read a merchant's public key or raise `ParamError`."""
    try:
        raw = base64.b64decode(public_key, validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ParamError("public_key must be the Base64 of 32 bytes")
    return Ed25519PublicKey.from_public_bytes(raw)


def verifies(key: Ed25519PublicKey, signature: str, text: bytes) -> bool:
    """Tell whether the key signed the text."""
    try:
        key.verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def request_text(method: str, target: str, *, timestamp: str, nonce: str, body: bytes) -> bytes:
    """Give what a request's signature covers; `target` is path and query as on the wire."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def answer_text(status: int, *, timestamp: str, nonce: str, body: bytes) -> bytes:
    """Give what an answer's signature covers."""
    return f"{status}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def spoiled(signature: str) -> str:
    """Give a signature of the right form that does not verify."""
    raw = base64.b64decode(signature)
    return base64.b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode()
