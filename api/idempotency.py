"""The caller's own key for a POST, and what makes two requests equal (law 12)."""

import hashlib
import re
from typing import Annotated

import orjson
from fastapi import Depends, Header
from pydantic import BaseModel

from domain.errors import IdempotencyKeyInvalid, IdempotencyKeyMissing

REPLAYED = {"Idempotent-Replayed": "true"}
_VALID = re.compile(r"^[!-~]{1,255}\Z")


async def _key(
    idempotency_key: Annotated[
        str | None,
        Header(description="1 to 255 visible ASCII characters; the same key with the same body is the same call."),
    ] = None,
) -> str | None:
    """IdempotencyKeyInvalid when it is there and not valid."""
    if idempotency_key is not None and not _VALID.match(idempotency_key):
        raise IdempotencyKeyInvalid
    return idempotency_key


async def _required_key(key: Annotated[str | None, Depends(_key)]) -> str:
    """IdempotencyKeyMissing without one: the body has no business number that would make a repeat recognisable."""
    if key is None:
        raise IdempotencyKeyMissing
    return key


RequiredIdempotencyKey = Annotated[str, Depends(_required_key)]
IdempotencyKey = Annotated[str | None, Depends(_key)]


def request_hash(body: BaseModel) -> str:
    """SHA-256 of the validated request, defaults filled in, names sorted: spelling and order do not matter."""
    canonical = orjson.dumps(body.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()
