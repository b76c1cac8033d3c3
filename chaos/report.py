"""`docs/chaos.md`: what a run came to, from the results of its seeds."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from chaos.failpoints import failpoints
from chaos.judge import RULES
from chaos.points import UNREACHABLE, reached, step_of
from chaos.result import Result
from chaos.trouble import AT_POINTS

ARMED = "Misbehaviour of the channel and cut commits count when they are armed: the load decides whether it meets them."
NEVER_RUN = ("Orders that expire, and channels without proof of a close: a seed is too short; tests have them.",)
FOUND = Path(__file__).with_name("found.md")
HEADINGS = (
    "| seeds | held all rules | broke rules | seconds a seed, median and longest | answers | of them unknown at first |"
)


def read_results(home: Path) -> list[Result]:
    """The results that the home folder has, by seed."""
    found = [Result.model_validate_json(path.read_text()) for path in (home / "results").glob("*.json")]
    return sorted(found, key=lambda result: result.seed)


def page(results: Sequence[Result]) -> str:
    """The whole page."""
    parts = (_head(results), _phases(results), _broken(results), _found(), _driven(results), _faults(results))
    return "\n\n".join((*parts, _points(results), _rules(results), _not_run(results))) + "\n"


def written(home: Path) -> str:
    """The page of the results in the home folder."""
    return page(read_results(home))


def _head(results: Sequence[Result]) -> str:
    held = sum(result.held for result in results)
    took = sorted(result.took_s for result in results)
    middle, longest = (took[len(took) // 2], took[-1]) if took else (0, 0)
    answers, unknown = sum(result.answers for result in results), sum(result.unknown for result in results)
    row = (len(results), held, len(results) - held, f"{middle} and {longest}", answers, unknown)
    return f"""# Chaos: what the centre survived

`make chaos SEEDS=200` runs seeds on one standing stack of real processes: API, two workers, Temporal, PostgreSQL and
the simulated channel, with a wire between each two that can be cut. A seed decides load, behaviour of payers and
channel, and a timetable of faults; seeds that follow each other end processes at every failpoint in turn. After each
seed everything is healed and drained, and every rule below is asked. A seed that breaks a rule keeps its plan, its
answers and what was wrong in its folder; `python -m chaos --seed N` runs it again.

This page is what `python -m chaos --report` made of a run of {_days(results)}, at commit
{_said(result.under.commit for result in results)}, on {_said(result.under.machine for result in results)}.

Sendings whose outcome was still unknown when their seed ended, that keep their money held and are asked about by
schedule: {sum(len(result.waiting) for result in results)}.

{HEADINGS}
|---|---|---|---|---|---|
| {" | ".join(map(str, row))} |"""


def _said(words: Iterable[str]) -> str:
    """Each once, as they came: a run that was resumed may have seen two commits."""
    return " and ".join(dict.fromkeys(words)) or "unknown"


def _days(results: Sequence[Result]) -> str:
    days = sorted({result.under.day for result in results}) or ["unknown"]
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _phases(results: Sequence[Result]) -> str:
    """Where the seconds of a seed went."""
    names = dict.fromkeys(name for result in results for name in result.phases)
    rows = []
    for name in names:
        took = sorted(result.phases[name] for result in results if name in result.phases)
        rows.append(f"| {name} | {took[len(took) // 2]} | {took[-1]} | {sum(took):.0f} |")
    head = ["## Seconds by phase", "", "| until it was | median | longest | all seeds |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


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
    return _counted("Faults injected", "kind", results, _befell) + f"\n\n{ARMED}"


def _befell(result: Result) -> Mapping[str, int]:
    """A failpoint counts for the processes that ended there, not because it was armed."""
    at_points = {AT_POINTS: len(result.injected.hit)} if result.injected.hit else {}
    return {kind: count for kind, count in result.injected.faults.items() if kind != AT_POINTS} | at_points


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
    left_out = [f"- `{step}`: {why}." for step, why in UNREACHABLE.items()]
    total = sum(step_of(point) in UNREACHABLE for point in failpoints()) + len(reached())
    head = f"## Points at which a process was killed: {len(hit)} of {total}"
    table = ["| point | seeds |", "|---|---|", *rows]
    last = ["Out of reach of seeds that take seconds, before and after:", "", *left_out]
    return "\n".join([head, "", *table, "", f"No process was ended at: {said}.", "", *last])


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


def _not_run(results: Iterable[Result]) -> str:
    lacking = dict.fromkeys(what for result in results for what in result.under.lacking)
    return "\n".join(["## Not run", "", *(f"- {what}" for what in (*lacking, *NEVER_RUN))])
