"""An enemy of the callbacks: it has heard what the channel sent, and has no key.

Whatever it sends, nothing is credited by it. Edited, forged or misdirected notifications are refused; those that it
repeats as they were are acknowledged, as the channel's own repeats are, until their signature is too old. Notifications
that are late, lost or wrong and still properly signed are faults of the simulator.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never
from urllib.parse import urlsplit

import httpx
import orjson

DUPLICATES = 50
OVERSIZED_BYTES = 300 * 1024
_OUR_HEADERS = frozenset({"host", "content-length", "connection", "accept", "accept-encoding", "user-agent"})
_SUCCESS = range(200, 300)


class Attack(StrEnum):
    """What the enemy makes of a notification that it heard."""

    FORGED = "forged"
    UNSIGNED = "unsigned"
    WRONG_AMOUNT = "wrong_amount"
    UNKNOWN_ORDER = "unknown_order"
    ANOTHER_ACCOUNT = "another_account"
    TRUNCATED = "truncated"
    OVERSIZED = "oversized"
    REPEATED = "repeated"

    @property
    def authentic(self) -> bool:
        """Whether the channel itself might have sent it: only then it may be acknowledged."""
        return self is Attack.REPEATED


@dataclass(frozen=True)
class Heard:
    """A notification as it went over the wire; `path` names the channel account."""

    path: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, journal: Iterable[dict[str, Any]]) -> "list[Heard]":
        """What the simulator sent, oldest first, out of its journal (which is newest first)."""
        sent = [entry for entry in journal if entry["direction"] == "out" and entry["status"] is not None]
        return [
            cls(urlsplit(entry["path"]).path, _signed(entry["headers"]), orjson.dumps(entry["body"]))
            for entry in reversed(sent)
        ]

    def turned(self, attack: Attack, *, elsewhere: str) -> "Heard":
        """What the enemy sends; `elsewhere` is the path of an account that it was not meant for."""
        path, headers, body = self.path, self.headers, self.body
        match attack:
            case Attack.FORGED:
                headers = {name: _flipped(value) for name, value in headers.items()}
            case Attack.UNSIGNED:
                headers = {}
            case Attack.WRONG_AMOUNT:
                body = _with(body, amount_minor=1, paid_amount_minor=1)
            case Attack.UNKNOWN_ORDER:
                body = _with(body, out_no="NOBODYS0", out_transfer_no="NOBODYS0")
            case Attack.ANOTHER_ACCOUNT:
                path = elsewhere
            case Attack.TRUNCATED:
                body = body[: len(body) // 2]
            case Attack.OVERSIZED:
                body += b" " * OVERSIZED_BYTES
            case Attack.REPEATED:
                pass
            case _:
                assert_never(attack)
        return Heard(path, headers, body)


@dataclass(frozen=True)
class Shot:
    """One attack and how it was answered; `status` is None when no answer came."""

    attack: Attack
    status: int | None

    @property
    def hit(self) -> bool:
        """Whether something was acknowledged that the channel never sent."""
        return not self.attack.authentic and self.status in _SUCCESS


class Enemy:
    """Shoots at the callbacks of one API."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def attack(self, heard: Sequence[Heard], attacks: Iterable[Attack] = tuple(Attack)) -> list[Shot]:
        """Every attack with every notification, the newest first; repeats come in crowds."""
        paths = sorted({one.path for one in heard})
        shots: list[Shot] = []
        for attack in attacks:
            crowd = DUPLICATES if attack is Attack.REPEATED else 1
            for one in reversed(heard):
                elsewhere = next((path for path in paths if path != one.path), f"{one.path}x")
                turned = one.turned(attack, elsewhere=elsewhere)
                shots += await asyncio.gather(*(self._shoot(attack, turned) for _ in range(crowd)))
        return shots

    async def _shoot(self, attack: Attack, turned: Heard) -> Shot:
        try:
            answer = await self._http.post(turned.path, content=turned.body, headers=turned.headers)
        except httpx.HTTPError:
            return Shot(attack, None)
        return Shot(attack, answer.status_code)


def _signed(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OUR_HEADERS}


def _flipped(value: str) -> str:
    """The same length and alphabet, another meaning."""
    return value[::-1] if value[::-1] != value else f"{value}0"


def _with(body: bytes, **changes: object) -> bytes:
    content = orjson.loads(body)
    inside = content.get("resource", content)
    inside |= {name: value for name, value in changes.items() if name in inside}
    return orjson.dumps(content)
