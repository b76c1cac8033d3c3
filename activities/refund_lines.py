"""Which lines of a payment a refund puts back into stock."""

from collections.abc import Sequence
from typing import Any

from domain.errors import InvalidRequest
from domain.refund_request import RestockLine
from store.refund_standing import BoughtLine


def chosen_lines(bought: Sequence[BoughtLine], asked: Sequence[RestockLine]) -> tuple[dict[str, Any], ...]:
    """The lines as the refund keeps them; InvalidRequest for one that was not bought, or more than is left of it.

    A product is enough as long as one line of the payment has it.
    """
    chosen: dict[int, dict[str, Any]] = {}
    for one in asked:
        line = _line(bought, one)
        taken = chosen.get(line.line_no, {"quantity": 0})["quantity"] + one.quantity
        if taken > line.left:
            raise InvalidRequest(f"line {line.line_no} has {line.left} left that can come back")
        chosen[line.line_no] = {
            "line_no": line.line_no,
            "sku": line.sku,
            "warehouse": line.warehouse,
            "quantity": taken,
        }
    return tuple(chosen.values())


def _line(bought: Sequence[BoughtLine], asked: RestockLine) -> BoughtLine:
    named = [line for line in bought if asked.line_no in {None, line.line_no} and asked.sku in {None, line.sku}]
    match named:
        case [line]:
            return line
        case []:
            raise InvalidRequest(f"the payment has no line {asked.line_no or asked.sku} that could come back")
        case _:
            raise InvalidRequest(f"several lines of the payment have {asked.sku}: name line_no")
