"""The page of a run says what happened, also when it is bad."""

from chaos.circumstances import NO_DISK, Circumstances
from chaos.report import page
from chaos.result import Injected, Result


def result(seed: int, **fields: object) -> Result:
    """A seed of one payment and one kill."""
    spent = Injected(faults={"kill -9 worker": 1}, hit=["payment.open:after"])
    made = {
        "under": Circumstances(day="2026-01-31", commit="abc1234", machine="2 cores"),
        "driven": {"payment succeeded": 1},
        "answers": 7,
        "unknown": 2,
        "injected": spent,
        "phases": {"loaded": 4.0, "drained": 5.5},
        "breaches": {},
    }
    return Result.model_validate({"seed": seed, "rules": {"everything_ended": 0}, **made, **fields})


def test_a_run_without_breaches_says_so() -> None:
    """Seeds, objects, faults and points are summed."""
    said = page([result(1), result(2)])
    assert "a run of 2026-01-31, at commit\nabc1234, on 2 cores." in said
    assert "| drained | 5.5 | 5.5 | 11 |" in said
    assert "## Not run\n\n- Orders that expire" in said
    assert "| 2 | 2 | 0 | 9.5 and 9.5 | 14 | 4 |" in said
    assert "## Violations in this run\n\nNone." in said
    assert "| payment succeeded | 2 |" in said
    assert "| kill -9 worker | 2 |" in said
    assert "| `payment.open:after` | 2 |" in said


def test_the_page_tells_of_the_run_and_not_of_the_day_on_which_it_was_made() -> None:
    """A run that was resumed names both days and commits, and what either could not do."""
    later = Circumstances(day="2026-02-01", commit="def5678", machine="2 cores", lacking=(NO_DISK,))
    said = page([result(1), result(2, under=later)])
    assert "a run of 2026-01-31 to 2026-02-01, at commit\nabc1234 and def5678, on 2 cores." in said
    assert f"## Not run\n\n- {NO_DISK}\n" in said


def test_a_breach_is_on_the_page() -> None:
    """The seed, the rule and what broke it; the rule counts as broken."""
    bad = result(3, rules={"everything_ended": 1}, breaches={"everything_ended": ["pay_1 is closing"]})
    said = page([result(1), bad])
    assert "| 2 | 1 | 1 |" in said
    assert "| 3 | `everything_ended` | pay_1 is closing |" in said
    assert "| `everything_ended` | Every payment, top-up, refund, payout and transfer has ended;" in said
    assert "| 2 | 1 |" in said.split("`everything_ended` | Every", 1)[1].split("\n", 1)[0]


def test_a_point_that_was_never_reached_is_named() -> None:
    """Coverage is told by what is missing."""
    said = page([result(1)])
    missed = said.split("No process was ended at: ", 1)[1].split("\n", 1)[0]
    assert "`payment.open:before`" in missed
    assert "`payment.open:after`" not in missed
