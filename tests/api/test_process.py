"""The API as its own process, the way it runs: configured by the environment, told to stop by a signal."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.support.centre import OPERATOR_KEY
from tests.support.servers import Addresses, free_port

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 30


@asynccontextmanager
async def _api_running(addresses: Addresses, port: int, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PAYSAGA_")}
    environment |= {
        "PAYSAGA_DATABASE_URL": addresses.database_url,
        "PAYSAGA_TEMPORAL_ADDRESS": addresses.temporal,
        "PAYSAGA_OPERATOR_KEY": OPERATOR_KEY,
        "PAYSAGA_SECRET_KEY": addresses.secret_key,
        "PAYSAGA_API_PORT": str(port),
    }
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "api", cwd=ROOT, env=environment, stdout=written, stderr=written
        )
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _until_ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            try:
                if (await http.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)


async def test_the_process_serves_logs_json_and_stops_when_told(addresses: Addresses, tmp_path: Path) -> None:
    """Every line is JSON with the request's id; no key and no body is in it; SIGTERM ends it in order."""
    port, log = free_port(), tmp_path / "api.log"
    async with _api_running(addresses, port, log) as process:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            await _until_ready(http)
            headers = {
                "Authorization": f"Bearer {OPERATOR_KEY}",
                "Request-Id": "callers-id-123",
                "Idempotency-Key": "k",
            }
            made = await http.post("/v1/merchants", json={"name": "planted name"}, headers=headers)
            await http.get("/v1/payments", headers={"Authorization": "Bearer psk_planted"})
        process.send_signal(signal.SIGTERM)
        assert -signal.SIGTERM == await asyncio.wait_for(process.wait(), START_TIMEOUT_S)
    text = log.read_text()
    assert "Application shutdown complete." in text
    lines = [json.loads(line) for line in text.splitlines()]
    asked = [line for line in lines if line.get("request_id") == "callers-id-123"]
    assert [("request", "POST", "/v1/merchants", 201)] == [
        (line["event"], line["method"], line["path"], line["status"]) for line in asked
    ]
    assert (201, False, False) == (made.status_code, "planted" in text, OPERATOR_KEY in text)
