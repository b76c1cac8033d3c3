"""`docs/chaos.md`: what a run came to, from the results of its seeds."""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from chaos.judge import RULES
from chaos.points import reached
from chaos.result import Result

ROOT = Path(__file__).parents[1]
FOUND = Path(__file__).with_name("found.md")
HEADINGS = (
    "| seeds | held all rules | broke rules | seconds a seed, median and longest | answers | of them unknown at first |"
)
NOT_RUN = (
    "A full disk: it needs a file system of its own for PostgreSQL, which takes rights that a user may not have.",
    "Skewed clocks of our own processes: only the channel's clock is moved.",
)


def read_results(home: Path) -> list[Result]:
    """The results that the home folder has, by seed."""
    found = [Result.model_validate_json(path.read_text()) for path in (home / "results").glob("*.json")]
    return sorted(found, key=lambda result: result.seed)


def page(results: Sequence[Result], *, commit: str, day: str) -> str:
    """The whole page."""
    parts = (_head(results, commit, day), _broken(results), _found(), _driven(results), _faults(results))
    return "\n\n".join((*parts, _points(results), _rules(results), _not_run())) + "\n"


def written(home: Path) -> str:
    """The page of the results in the home folder, of today and of the commit that is checked out."""
    ran = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return page(read_results(home), commit=ran.stdout.strip() or "unknown", day=datetime.now(UTC).date().isoformat())


def _head(results: Sequence[Result], commit: str, day: str) -> str:
    held = sum(result.held for result in results)
    took = sorted(result.took_s for result in results)
    middle, longest = (took[len(took) // 2], took[-1]) if took else (0, 0)
    answers, unknown = sum(result.answers for result in results), sum(result.unknown for result in results)
    row = (len(results), held, len(results) - held, f"{middle} and {longest}", answers, unknown)
    return f"""# Chaos: what the centre survived

`make chaos SEEDS=200` runs seeds on one standing stack of real processes: API, two workers, Temporal, PostgreSQL and
the simulated channel, with a wire between each two that can be cut. A seed decides load, behaviour of payers and
channel, and a timetable of faults. After each seed everything is healed and drained, and every rule below is asked. A
seed that breaks a rule keeps its plan, its answers and what was wrong in its folder; `python -m chaos --seed N` runs it
again.

This page is what `python -m chaos --report` made of the run that ended on {day}, at commit {commit}.

Sendings whose outcome was still unknown when their seed ended, that keep their money held and are asked about by
schedule: {sum(len(result.waiting) for result in results)}.

{HEADINGS}
|---|---|---|---|---|---|
| {" | ".join(map(str, row))} |"""


def _broken(results: Sequence[Result]) -> str:
    rows = [(str(result.seed), rule, breaches[0]) for result in results for rule, breaches in result.breaches.items()]
    if not rows:
        return "## Violations in this run\n\nNone."
    cells = [f"| {seed} | `{rule}` | {said.replace('|', '/')[:160]} |" for seed, rule, said in rows]
    return "\n".join(["## Violations in this run", "", "| seed | rule | first breach |", "|---|---|---|", *cells])


def _found() -> str:
    return "## What chaos found, and how it was mended\n\n" + FOUND.read_text().strip()


def _driven(results: Sequence[Result]) -> str:
    return _counted("Driven", "object and end", results, lambda result: result.driven)


def _faults(results: Sequence[Result]) -> str:
    return _counted("Faults injected", "kind", results, lambda result: result.injected.faults)


def _counted(title: str, what: str, results: Iterable[Result], of: Callable[[Result], Mapping[str, int]]) -> str:
    total: Counter[str] = Counter()
    for result in results:
        total.update(of(result))
    rows = [f"| {name} | {count} |" for name, count in sorted(total.items())]
    return "\n".join([f"## {title}: {total.total()}", "", f"| {what} | count |", "|---|---|", *rows])


def _points(results: Iterable[Result]) -> str:
    hit = Counter(point for result in results for point in result.injected.hit)
    missed = [point for point in reached() if point not in hit]
    rows = [f"| `{point}` | {count} |" for point, count in sorted(hit.items())]
    said = ", ".join(f"`{point}`" for point in missed) or "none"
    head = f"## Points at which a process was killed: {len(hit)} of {len(reached())}"
    return "\n".join([head, "", "| point | kills |", "|---|---|", *rows, "", f"No process was ended at: {said}."])


def _rules(results: Sequence[Result]) -> str:
    says = {rule.__name__: (rule.__doc__ or "").split("\n", 1)[0] for rule in RULES}
    asked: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for result in results:
        asked.update(result.rules.keys())
        broken.update(name for name, count in result.rules.items() if count)
    rows = [f"| `{name}` | {says.get(name, '')} | {count} | {broken[name]} |" for name, count in asked.items()]
    head = ["## Rules", "", "Those that begin with `verify:` are the invariants of `make verify`.", ""]
    return "\n".join([*head, "| rule | what holds | asked | broken |", "|---|---|---|---|", *rows])


def _not_run() -> str:
    return "\n".join(["## Not run", "", *(f"- {what}" for what in NOT_RUN)])
