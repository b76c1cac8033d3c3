"""Standard Webhooks (standardwebhooks.com): how the business knows that an event is ours and was not changed."""

import base64
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from standardwebhooks import Webhook

from activities.webhook_call import SignedBody
from store.secrets import SecretBox

SECRET_BYTES = 32
_PREFIX = "whsec_"
_FIELD = "secret"


def new_webhook_secret() -> str:
    """A new signing secret: `whsec_` and 32 random bytes in Base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def seal_webhook_secret(box: SecretBox, secret: str) -> bytes:
    """The secret as its endpoint's row keeps it."""
    return box.seal({_FIELD: secret})


def open_webhook_secret(box: SecretBox, sealed: bytes) -> str:
    """The secret again."""
    secret: str = box.open(sealed)[_FIELD]
    return secret


def signed(event_id: str, body: str, keys: Iterable[str], *, at: datetime) -> SignedBody:
    """The body and its headers, signed by each key as of `at`: during a rotation either secret verifies it."""
    at = at.astimezone(UTC)  # the library signs the hands of the clock, whatever its zone
    signatures = [Webhook(key).sign(event_id, at, body) for key in keys]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "paysaga-webhooks/1",
        "Webhook-Id": event_id,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": " ".join(signatures),
    }
    return SignedBody(headers, body.encode())
