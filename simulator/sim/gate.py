"""The door of the sim channel: who calls, and how its answers and callbacks are signed."""

import re
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.requests import Request

from simulator.clock import wall
from simulator.database import Database
from simulator.faults import Operation
from simulator.refusals import SignError
from simulator.sim import signing

TIMESTAMP_TOLERANCE_S = 300
_NONCE = re.compile(r"[!-~]{16,64}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it came over the wire; `number` is the one in its path."""

    op: Operation
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    number: str

    @classmethod
    async def read(cls, op: Operation, request: Request) -> "Call":
        """Read the request to its end."""
        query = request.scope["query_string"]
        return cls(
            op=op,
            method=request.method,
            target=(request.scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1"),
            headers=dict(request.headers),
            body=await request.body(),
            number=request.path_params.get("number", ""),
        )

    def nonce(self) -> str:
        """Give the request's nonce, empty when it has none of the right form."""
        nonce = self.headers.get("sim-nonce", "")
        return nonce if _NONCE.fullmatch(nonce) else ""


class Gate:
    """Knows the merchants' keys and holds the channel's own, which it makes once and keeps in the book."""

    def __init__(self, database: Database, channel: str) -> None:
        self._database = database
        self._channel = channel
        self._known: dict[str, Ed25519PublicKey] = {}
        self._keys = signing.KeyPair(self._own_private_key())
        for app in database.rows("SELECT app_id, public_key FROM apps WHERE channel = ?", channel):
            self._known[app["app_id"]] = signing.read_public_key(app["public_key"])

    def register(self, app_id: str, public_key: str) -> str:
        """Know the merchant by this key alone and give the channel's public key."""
        key = signing.read_public_key(public_key)
        statement = "INSERT INTO apps VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET public_key = excluded.public_key"
        with self._database.transaction():
            self._database.execute(statement, self._channel, app_id, public_key)
        self._known[app_id] = key
        return self._keys.public_key

    def admit(self, call: Call) -> str:
        """Give the caller's `app_id`, or raise `SignError`."""
        headers = call.headers
        key = self._known.get(headers.get("sim-app", ""))
        if key is None:
            raise SignError("unknown Sim-App")
        timestamp, nonce = headers.get("sim-timestamp", ""), call.nonce()
        if not nonce:
            raise SignError("Sim-Nonce must be 16 to 64 visible ASCII characters")
        if not _TIMESTAMP.fullmatch(timestamp) or abs(int(timestamp) - wall()) > TIMESTAMP_TOLERANCE_S:
            raise SignError("Sim-Timestamp is not within 300 s of the channel's time")
        text = signing.request_text(call.method, call.target, timestamp=timestamp, nonce=nonce, body=call.body)
        if not signing.verifies(key, headers.get("sim-signature", ""), text):
            raise SignError("Sim-Signature does not verify")
        return headers["sim-app"]

    def answer_headers(self, call: Call, status: int, body: bytes) -> dict[str, str]:
        """Sign an answer, bound to the request by its nonce."""
        timestamp, nonce = str(int(wall())), call.nonce()
        signature = self._keys.sign(signing.answer_text(status, timestamp=timestamp, nonce=nonce, body=body))
        return {"Sim-Timestamp": timestamp, "Sim-Nonce": nonce, "Sim-Signature": signature}

    def callback_headers(self, app_id: str, target: str, body: bytes) -> dict[str, str]:
        """Sign a callback with a nonce of its own."""
        timestamp, nonce = str(int(wall())), secrets.token_hex(16)
        text = signing.request_text("POST", target, timestamp=timestamp, nonce=nonce, body=body)
        signed: dict[str, Any] = {"Sim-App": app_id, "Sim-Timestamp": timestamp, "Sim-Nonce": nonce}
        return {**signed, "Sim-Signature": self._keys.sign(text), "Content-Type": "application/json"}

    def _own_private_key(self) -> str:
        row = self._database.one("SELECT private_key FROM channel_keys WHERE channel = ?", self._channel)
        if row is not None:
            return str(row["private_key"])
        private_key = signing.new_private_key()
        with self._database.transaction():
            self._database.insert("channel_keys", {"channel": self._channel, "private_key": private_key})
        return private_key
