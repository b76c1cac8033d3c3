"""The kinds of fields that requests are made of: what PostgreSQL, Temporal and channels can all carry."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from domain.orders import ORDER_NO_MAX, SUBJECT_MAX

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
VISIBLE_ASCII = r"^[!-~]+$"
METADATA_KEYS_MAX = 50

BusinessNo = Annotated[
    str,
    StringConstraints(min_length=1, max_length=ORDER_NO_MAX, pattern=VISIBLE_ASCII),
    Field(description="Your number, visible ASCII.", examples=["order-123"]),
]
Subject = Annotated[
    str,
    StringConstraints(min_length=1, max_length=SUBJECT_MAX, pattern=PRINTABLE),
    Field(description="What the payer reads.", examples=["Two cups of tea"]),
]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE)]
Sku = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=VISIBLE_ASCII), Field(examples=["tea"])]
Token = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=VISIBLE_ASCII)]
Url = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://[!-~]+$")]
Warehouse = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=VISIBLE_ASCII), Field(examples=["main"])
]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=PRINTABLE)]
MetadataValue = Annotated[str, StringConstraints(max_length=500, pattern=PRINTABLE)]
Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    Field(max_length=METADATA_KEYS_MAX, description="Yours: kept and shown, never read.", examples=[{"shop": "7"}]),
]


def _known_time_zone(name: str) -> str:
    from zoneinfo import available_timezones  # reads a folder: only when a merchant is made

    if name not in available_timezones():
        raise ValueError("not a time zone of the IANA database")
    return name


TimeZone = Annotated[str, AfterValidator(_known_time_zone), Field(examples=["Asia/Shanghai"])]


class Body(BaseModel):
    """A request's body: a field that it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


IdInPath = Annotated[str, Path(max_length=128, pattern=VISIBLE_ASCII)]
