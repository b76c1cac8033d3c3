"""Reading JSON objects field by field; whatever is wrong becomes `PARAM_ERROR`."""

import math
import re
from enum import StrEnum
from typing import Any, TypeVar

import orjson

from simulator.refusals import ParamError

AMOUNT_MINOR_MAX = 10**15
NUMBER = re.compile(r"[0-9A-Za-z]{8,32}")
CURRENCY = re.compile(r"[A-Z]{3}")
HTTP_URL = re.compile(r"https?://[!-~]{1,2000}")
ANY_TEXT = re.compile(r".{1,256}", re.DOTALL)

Choice = TypeVar("Choice", bound=StrEnum)


class Fields:
    """The fields of one JSON object. Each reader raises `ParamError` unless the field is what it asks for."""

    def __init__(self, body: bytes) -> None:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as unreadable:
            raise ParamError(f"the body is not JSON: {unreadable}") from None
        if not isinstance(value, dict):
            raise ParamError("the body is not a JSON object")
        self._fields: dict[str, Any] = value

    def has(self, name: str) -> bool:
        """Tell whether the field is there and not null."""
        return self._fields.get(name) is not None

    def mentions(self, name: str) -> bool:
        """Tell whether the field is there, null or not."""
        return name in self._fields

    def text(self, name: str, pattern: re.Pattern[str] = ANY_TEXT) -> str:
        """Give a string that matches the pattern from end to end."""
        value = self._fields.get(name)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise ParamError(f"{name} must be a string that matches {pattern.pattern}")
        return value

    def optional_text(self, name: str, pattern: re.Pattern[str] = ANY_TEXT) -> str | None:
        """Give such a string, or None when it is absent or null."""
        return self.text(name, pattern) if self.has(name) else None

    def integer(self, name: str, *, least: int = 1) -> int:
        """Give a whole number that is not below `least`."""
        value = self._fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= AMOUNT_MINOR_MAX:
            raise ParamError(f"{name} must be a whole number from {least} to {AMOUNT_MINOR_MAX}")
        return value

    def optional_integer(self, name: str, *, least: int = 1) -> int | None:
        """Give such a number, or None when it is absent or null."""
        return self.integer(name, least=least) if self.has(name) else None

    def seconds(self, name: str) -> float:
        """Give a finite number of seconds, whole or not, of at most ten years either way."""
        value = self._fields.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= 10 * 366 * 86400:
            raise ParamError(f"{name} must be a number of seconds")
        return float(value)

    def optional_delay(self, name: str) -> float | None:
        """Give a number of seconds that is not negative, or None when it is absent or null."""
        if not self.has(name):
            return None
        delay_s = self.seconds(name)
        if math.copysign(1.0, delay_s) < 0:
            raise ParamError(f"{name} must not be negative")
        return delay_s

    def flag(self, name: str) -> bool:
        """Give a boolean, false when it is absent or null."""
        value = self._fields.get(name) if self.has(name) else False
        if not isinstance(value, bool):
            raise ParamError(f"{name} must be true or false")
        return value

    def choice(self, name: str, choices: type[Choice]) -> Choice:
        """Give a member of an enumeration."""
        value = self._fields.get(name)
        if value not in list(choices):
            raise ParamError(f"{name} must be one of {', '.join(choices)}")
        return choices(value)
