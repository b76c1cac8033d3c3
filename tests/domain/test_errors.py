"""The error tree: one class, one code, and law 7's question of what compensates."""

from collections import Counter
from collections.abc import Iterator

import pytest

from domain.errors import BY_CODE, BusinessError, OutOfStock, Refused, RequestProblem, is_refusal


def _tree(root: type[BusinessError]) -> Iterator[type[BusinessError]]:
    for child in root.__subclasses__():
        yield child
        yield from _tree(child)


LEAVES = [error for error in _tree(BusinessError) if not error.__subclasses__()]


def test_every_code_stands_for_one_class() -> None:
    """A code that two classes share could not be acted on."""
    assert [] == [code for code, count in Counter(error.code for error in LEAVES).items() if count > 1]
    assert len(LEAVES) == len(BY_CODE)


@pytest.mark.parametrize("error", LEAVES, ids=lambda error: str(error.code))
def test_every_error_tells_a_caller_what_it_needs(error: type[BusinessError]) -> None:
    """A code in snake case, a title, a status that fits, an advice."""
    assert error.code == error.code.lower()
    assert error.code.replace("_", "").isalpha()
    assert error.title
    assert error.advice
    assert 400 <= error.status < 600


def test_errors_are_refusals_or_problems_of_a_request() -> None:
    """There is no third kind."""
    assert {Refused, RequestProblem} == set(BusinessError.__subclasses__())


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_a_code_of_the_tree_compensates(code: str) -> None:
    """Law 7: a business refusal, and nothing else."""
    assert is_refusal(code)


@pytest.mark.parametrize("code", [None, "", "RuntimeError", "TimeoutError", "OutOfStock", "DBAPIError", "OUT_OF_STOCK"])
def test_what_is_not_in_the_tree_decides_nothing(code: str | None) -> None:
    """A fault of the machinery has no code, whatever its class is called."""
    assert not is_refusal(code)


def test_the_detail_falls_back_to_the_title() -> None:
    """A human always reads a sentence."""
    assert (OutOfStock.title, "two left") == (OutOfStock().detail, OutOfStock("two left").detail)


def test_a_problem_names_its_fields_and_the_payment_in_the_way() -> None:
    """Both travel into the problem document."""
    problem = RequestProblem("no", fields={"amount_minor": "too small"}, payment_id="pay_1")
    assert ({"amount_minor": "too small"}, "pay_1") == (problem.fields, problem.payment_id)
