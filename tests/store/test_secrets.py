"""Secrets at rest."""

import pytest
from cryptography.fernet import Fernet, InvalidToken

from store.secrets import SecretBox, key_hash

SECRET = {"private_key": "s3cr3t-words", "nested": {"kept": [1, 2]}}


def test_what_was_sealed_is_opened_with_the_same_key() -> None:
    """Also by another process with that key."""
    key = Fernet.generate_key().decode()
    assert SECRET == SecretBox(key).open(SecretBox(key).seal(SECRET))


def test_ciphertext_shows_nothing_and_never_repeats() -> None:
    """Neither the words, nor that two rows hold the same."""
    box = SecretBox(Fernet.generate_key().decode())
    one, two = box.seal(SECRET), box.seal(SECRET)
    assert b"s3cr3t-words" not in one
    assert one != two


def test_another_key_or_a_changed_byte_opens_nothing() -> None:
    """Ciphertext is authenticated."""
    box = SecretBox(Fernet.generate_key().decode())
    sealed = box.seal(SECRET)
    with pytest.raises(InvalidToken):
        SecretBox(Fernet.generate_key().decode()).open(sealed)
    with pytest.raises(InvalidToken):
        box.open(sealed[:-2] + bytes([sealed[-2] ^ 1]) + sealed[-1:])


def test_a_bearer_key_is_kept_as_its_hash() -> None:
    """The same key is found again; nothing of it can be read."""
    assert key_hash("sk_live") == key_hash("sk_live")
    assert key_hash("sk_live") != key_hash("sk_live2")
    assert b"sk_live" not in key_hash("sk_live")
