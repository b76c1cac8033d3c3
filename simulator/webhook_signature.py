"""Standard Webhooks signatures, read with nothing but the standard library."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from simulator.clock import wall
from simulator.refusals import ParamError

TIMESTAMP_TOLERANCE_S = 300
_PREFIX = "whsec_"


def secret_bytes(secret: str) -> bytes:
    """Read a secret `whsec_` + Base64, or raise `ParamError`."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key or not secret.startswith(_PREFIX):
        raise ParamError("secret must be whsec_ followed by Base64")
    return key


def verifies(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether one of the signatures is by this secret and the timestamp is fresh."""
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(int(timestamp) - wall()) > TIMESTAMP_TOLERANCE_S:
        return False
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()).decode()
    offered = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in offered)
