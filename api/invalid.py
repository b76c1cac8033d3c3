"""What pydantic found wrong, as one of our problems: paths and reasons, never the values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.errors import InvalidJson, InvalidRequest, RequestProblem, UnsupportedField

#: Fields of the contract whose feature is not built yet, as paths without positions.
UNSUPPORTED = frozenset({"coupons", "splits", "split_later", "product", "capture", "lines.seller"})
_ERRORS_SHOWN_MAX = 20


def as_problem(found: Sequence[Mapping[str, Any]]) -> RequestProblem:
    """InvalidJson, UnsupportedField when nothing else is wrong, else InvalidRequest; each with the fields."""
    if any(error["type"] == "json_invalid" for error in found):
        return InvalidJson()
    shown = list(found)[:_ERRORS_SHOWN_MAX]
    unsupported = [error for error in shown if _is_unsupported(error)]
    if shown and len(unsupported) == len(shown):
        return UnsupportedField(fields={path(error["loc"]): "not supported yet" for error in unsupported})
    return InvalidRequest(fields={path(error["loc"]): str(error["msg"]) for error in shown})


def path(location: Iterable[str | int]) -> str:
    """`lines[0].quantity` for `("body", "lines", 0, "quantity")`."""
    _, *steps = location
    written = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return written.removeprefix(".") or "body"


def _is_unsupported(error: Mapping[str, Any]) -> bool:
    names = ".".join(str(step) for step in error["loc"][1:] if not isinstance(step, int))
    if error["type"] == "extra_forbidden":
        return names in UNSUPPORTED
    return names == "capture" and error["input"] == "manual"
