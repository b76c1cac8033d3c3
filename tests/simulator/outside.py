"""A merchant and its callback receiver, written from `docs/sim-protocol.md` alone, and the simulator as a process."""

import asyncio
import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ROOT = Path(__file__).parents[2]
PATIENCE_S = 5.0


def new_number() -> str:
    """A number that fits every channel and was never used."""
    return secrets.token_hex(12)


def in_minutes(minutes: float) -> str:
    """An RFC 3339 time from now."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def verifies(public_key: str, signature: str, text: bytes) -> bool:
    """Whether the key signed the text."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)).verify(base64.b64decode(signature), text)
    except InvalidSignature:
        return False
    return True


class SimulatorProcess:
    """The real process on free ports; `kill` is a crash, `terminate` a polite end."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def start(self) -> None:
        """Return once both ports accept."""
        command = [sys.executable, "-m", "simulator", "--home", str(self.home), "--port", "0", "--sink-port", "0"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url, self.sink_url = ready["simulator"], ready["sink"]
        self.client = httpx.AsyncClient(base_url=self.url, trust_env=False)

    def kill(self) -> None:
        """Crash it."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """End it and give its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        assert self._process.stdout is not None
        if self._process.poll() is None:
            os.kill(self._process.pid, how)
        status = self._process.wait(PATIENCE_S)
        self._process.stdout.close()
        return status

    async def call(self, name: str, **body: object) -> dict[str, Any]:
        """POST to the control API; it must succeed."""
        answer = await self.client.post(f"/_sim/{name}", json=body)
        assert answer.status_code == 200, answer.text
        changed: dict[str, Any] = answer.json()
        return changed

    async def read(self, name: str, **query: str | int) -> Any:  # noqa: ANN401 - an object or a list
        """GET from the control API."""
        return (await self.client.get(f"/_sim/{name}", params=query)).json()

    async def journal_of(self, number: str, direction: str) -> list[dict[str, Any]]:
        """The journal's entries of one order or refund, newest first."""
        entries = await self.read("journal", out_no=number)
        return [entry for entry in entries if entry["direction"] == direction]


@dataclass(frozen=True)
class Answer:
    """What came back, and whether the channel's signature verifies."""

    status: int
    body: dict[str, Any]
    verified: bool


class Merchant:
    """A client that signs as the protocol says."""

    def __init__(self, simulator: SimulatorProcess, notify_url: str) -> None:
        self.app_id = f"app_{secrets.token_hex(6)}"
        self.notify_url = notify_url
        self.simulator = simulator
        self.key = Ed25519PrivateKey.generate()
        self.channel_public_key = ""
        self.ahead_s = 0

    async def register(self) -> None:
        """Exchange keys."""
        public_key = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        answer = await self.simulator.call("apps", app_id=self.app_id, public_key=public_key)
        self.channel_public_key = answer["channel_public_key"]

    def signed_headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        """The four headers of a request."""
        timestamp, nonce = str(int(time.time()) + self.ahead_s), secrets.token_hex(16)
        text = b"%s\n%s\n%s\n%s\n%s\n" % (method.encode(), target.encode(), timestamp.encode(), nonce.encode(), body)
        signature = base64.b64encode(self.key.sign(text)).decode()
        signed = {"Sim-App": self.app_id, "Sim-Timestamp": timestamp, "Sim-Nonce": nonce, "Sim-Signature": signature}
        return signed | {"Content-Type": "application/json"}

    async def send(
        self, method: str, target: str, body: dict[str, Any] | None = None, *, timeout_s: float = 5.0, **headers: str
    ) -> Answer:
        """Send one signed request; keyword headers (`Sim_Nonce=…`) replace signed ones."""
        sent = b"" if body is None else json.dumps(body).encode()
        signed = self.signed_headers(method, target, sent)
        signed |= {name.replace("_", "-"): value for name, value in headers.items()}
        client = self.simulator.client
        answer = await client.request(method, target, content=sent, headers=signed, timeout=timeout_s)
        return Answer(answer.status_code, answer.json(), self._verified(answer, signed["Sim-Nonce"]))

    def _verified(self, answer: httpx.Response, nonce: str) -> bool:
        head = f"{answer.status_code}\n{answer.headers['Sim-Timestamp']}\n{nonce}\n".encode()
        return answer.headers["Sim-Nonce"] == nonce and verifies(
            self.channel_public_key, answer.headers["Sim-Signature"], head + answer.content + b"\n"
        )

    def order_body(self, **changes: object) -> dict[str, Any]:
        """The body of an order of 100.00 CNY by QR code."""
        body = {
            "out_no": new_number(),
            "amount_minor": 10000,
            "currency": "CNY",
            "subject": "tea",
            "invoke": "qr",
            "expire_at": in_minutes(15),
            "notify_url": self.notify_url,
        }
        return {**body, **changes}

    async def place(self, **changes: object) -> dict[str, Any]:
        """Make an order and give it."""
        answer = await self.send("POST", "/sim/v1/orders", self.order_body(**changes))
        assert answer.status == 200, answer.body
        return answer.body

    async def query(self, out_no: str) -> Answer:
        """Ask for an order."""
        return await self.send("GET", f"/sim/v1/orders/{out_no}")

    async def close(self, out_no: str) -> Answer:
        """Close an order."""
        return await self.send("POST", f"/sim/v1/orders/{out_no}/close", {})

    async def place_paid(self, **changes: object) -> str:
        """Make an order, have it paid, and give its number."""
        out_no: str = (await self.place(**changes))["out_no"]
        await self.simulator.call("pay", out_no=out_no)
        return out_no

    async def refund(self, out_no: str, amount_minor: int, **changes: object) -> Answer:
        """Ask for a refund."""
        body = {"out_refund_no": new_number(), "out_no": out_no, "amount_minor": amount_minor, "currency": "CNY"}
        return await self.send("POST", "/sim/v1/refunds", {**body, "reason": "returned", **changes})

    async def transfer(self, amount_minor: int, /, **changes: object) -> Answer:
        """Send money to a payee."""
        body = {"out_transfer_no": new_number(), "amount_minor": amount_minor, "currency": "CNY", "account": "payee-1"}
        return await self.send("POST", "/sim/v1/transfers", {**body, **changes})

    async def query_transfer(self, out_transfer_no: str) -> Answer:
        """Ask for a transfer."""
        return await self.send("GET", f"/sim/v1/transfers/{out_transfer_no}")

    async def balance_minor(self) -> int:
        """What the channel holds for this merchant in CNY."""
        available_minor: int = (await self.send("GET", "/sim/v1/balance?currency=CNY")).body["available_minor"]
        return available_minor


@dataclass
class Callback:
    """One callback as it came over the wire."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        """The parsed body."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    def verifies(self, channel_public_key: str) -> bool:
        """Whether the channel signed it."""
        timestamp, nonce = self.headers["sim-timestamp"], self.headers["sim-nonce"]
        text = f"POST\n{self.target}\n{timestamp}\n{nonce}\n".encode() + self.body + b"\n"
        return verifies(channel_public_key, self.headers["sim-signature"], text)


ACKNOWLEDGED = (200, b'{"code":"OK"}')


@dataclass
class Receiver:
    """A merchant's HTTP server; it gives the next of `answers`, and acknowledges when there are no more."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    received: asyncio.Queue[Callback] = field(default_factory=asyncio.Queue)
    url: str = ""

    async def open(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callbacks/sim?account=1"
        return server

    async def next(self) -> Callback:
        """The next callback, as soon as it comes."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.received.get()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        status, answer = self.answers.pop(0) if self.answers else ACKNOWLEDGED
        writer.write(
            b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(answer)) + answer
        )
        await writer.drain()
        self.received.put_nowait(Callback(head[0].split(" ")[1], headers, body))
        writer.close()
