"""Which lines go back into stock: only what was bought, only once, and never a guess."""

import pytest

from activities.refund_lines import chosen_lines
from domain.errors import InvalidRequest
from domain.refund_request import RestockLine
from store.refund_standing import BoughtLine

BOUGHT = (
    BoughtLine(line_no=1, sku="tea", warehouse="main", quantity=3, restocked=1),
    BoughtLine(line_no=2, sku="cup", warehouse="north", quantity=1, restocked=0),
    BoughtLine(line_no=3, sku="cup", warehouse="main", quantity=1, restocked=0),
)


def test_a_line_is_found_by_number_or_product() -> None:
    """With the warehouse that it left; two wishes for one line are one."""
    asked = (RestockLine(sku="tea", quantity=1), RestockLine(line_no=1, quantity=1), RestockLine(line_no=3, quantity=1))
    assert [(1, "tea", "main", 2), (3, "cup", "main", 1)] == [
        tuple(line.values()) for line in chosen_lines(BOUGHT, asked)
    ]


@pytest.mark.parametrize(
    ("asked", "about"),
    [
        ([RestockLine(line_no=1, quantity=3)], "has 2 left"),
        ([RestockLine(line_no=1, quantity=1), RestockLine(sku="tea", quantity=2)], "has 2 left"),
        ([RestockLine(line_no=4, quantity=1)], "no line 4"),
        ([RestockLine(sku="cup", quantity=1)], "name line_no"),
    ],
)
def test_what_was_not_bought_or_is_not_clear_is_refused(asked: list[RestockLine], about: str) -> None:
    """With a sentence that says what is wrong."""
    with pytest.raises(InvalidRequest, match=about):
        chosen_lines(BOUGHT, asked)
