"""What proves that a channel said something."""

from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field

from domain.orders import Frozen

RAW_CHARACTERS_MAX = 4096


def _as_capped_text(raw: bytes | str) -> str:
    text = raw if isinstance(raw, str) else raw[: 4 * RAW_CHARACTERS_MAX].decode("utf-8", "replace")
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:RAW_CHARACTERS_MAX]


class Evidence(Frozen):
    """An answer, or the lack of one, as it reached us; it never carries our keys or our signature.

    `op` is the operation asked for (`callback` for a notification), `code` the channel's word or ours for what went
    wrong on the way, `request_id` what the channel finds the call by, `raw` the beginning of the body as text that
    PostgreSQL can store.
    """

    op: str
    received_at: AwareDatetime
    http_status: int | None = None
    code: str | None = None
    request_id: str | None = None
    raw: Annotated[str, BeforeValidator(_as_capped_text)] = Field(default="", repr=False)
