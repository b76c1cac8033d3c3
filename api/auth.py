"""Who calls: a merchant by one of its keys, or the operator by the one of the environment."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import select

from api.services import FromServices, Services
from domain.errors import Forbidden, NotFound, Unauthorized
from store.secrets import key_hash
from store.tables.merchants import ApiKey

_BEARER = HTTPBearer(auto_error=False, description="An API key of a merchant, or the operator's key.")
BEARER_BYTES_MAX = 512
FINGERPRINT_DIGITS = 12


@dataclass(frozen=True)
class Caller:
    """`merchant_id` is None for the operator, who sees every merchant's objects; `actor` names the operator's key."""

    merchant_id: str | None
    actor: str = ""
    request_id: str | None = None

    @property
    def is_operator(self) -> bool:
        """True for the operator's key."""
        return self.merchant_id is None

    def require_self(self, merchant_id: str) -> None:
        """Nothing when the caller is that merchant or the operator; NotFound otherwise."""
        if self.merchant_id not in {None, merchant_id}:
            raise NotFound


async def _caller(
    request: Request,
    services: FromServices,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Caller:
    """Unauthorized without a key, or with one that is not ours or no longer."""
    bearer = credentials.credentials if credentials else ""
    if not bearer or len(bearer) > BEARER_BYTES_MAX:
        raise Unauthorized
    if services.operator_key and hmac.compare_digest(bearer.encode(), services.operator_key.encode()):
        return Caller(merchant_id=None, actor=_fingerprint(bearer), request_id=request.state.request_id)
    hashed = key_hash(bearer)
    merchant_id = await services.key_owners.get(hashed, lambda: _owner_of(services, hashed))
    if merchant_id is None:
        raise Unauthorized
    structlog.contextvars.bind_contextvars(merchant_id=merchant_id)
    return Caller(merchant_id=merchant_id)


def _fingerprint(operator_key: str) -> str:
    """Tells one operator's key from the next, and the key to nobody."""
    digest = hashlib.sha256(b"paysaga operator " + operator_key.encode()).hexdigest()
    return f"operator:{digest[:FINGERPRINT_DIGITS]}"


async def _owner_of(services: Services, hashed: bytes) -> str | None:
    async with services.database.reading() as session:
        wanted = select(ApiKey.merchant_id).where(ApiKey.secret_hash == hashed, ApiKey.revoked_at.is_(None))  # type: ignore[union-attr]
        return (await session.scalars(wanted)).one_or_none()


AnyCaller = Annotated[Caller, Depends(_caller)]


async def _merchant(caller: AnyCaller) -> str:
    if caller.merchant_id is None:
        raise Forbidden("a merchant's key is required here: the object must belong to one")
    return caller.merchant_id


async def _operator(caller: AnyCaller) -> Caller:
    if not caller.is_operator:
        raise Forbidden
    return caller


MerchantCaller = Annotated[str, Depends(_merchant)]
OperatorCaller = Annotated[Caller, Depends(_operator)]
