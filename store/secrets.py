"""Secrets at rest: what must be read back (channel keys, webhook secrets) is encrypted, what need not be is hashed."""

import hashlib
import json
from typing import Any

from cryptography.fernet import Fernet


class SecretBox:
    """Encrypts with one key of the process (`PAYSAGA_SECRET_KEY`); Fernet: AES-128-CBC with HMAC-SHA256."""

    def __init__(self, key: str) -> None:
        self._fernet = Fernet(key.encode())

    def seal(self, secret: dict[str, Any]) -> bytes:
        """Ciphertext of a JSON object."""
        return self._fernet.encrypt(json.dumps(secret).encode())

    def open(self, sealed: bytes) -> dict[str, Any]:
        """The object again; cryptography.fernet.InvalidToken when the key is another."""
        opened: dict[str, Any] = json.loads(self._fernet.decrypt(sealed))
        return opened


def key_hash(bearer: str) -> bytes:
    """What is kept of a bearer key: its SHA-256 (the key itself has 160 random bits, so no salt is needed)."""
    return hashlib.sha256(bearer.encode()).digest()
