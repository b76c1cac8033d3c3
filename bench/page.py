"""`python -m bench report RESULTS`: `docs/performance.md` has the figures of a run, and its charts lie beside it.

The page's own words stay: what is generated stands between `<!-- bench: NAME -->` and `<!-- /bench -->`.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.aims import cost_ms, figures
from bench.charts.pictures import pictures
from bench.errors import BenchError
from bench.figures import HEAD, short
from bench.report import LOAD_HEAD, load_row, named_loads, two, warnings
from bench.results import Loaded, Named, Results
from devstack.plan import ROOT

PAGE = ROOT / "docs" / "performance.md"
NOT_MEASURED = "*Not measured in this run.*"
STATEMENTS_SHOWN = 12
TEXT_SHOWN = 90
_PART = re.compile(r"(?P<begin><!-- bench: (?P<name>[a-z-]+) -->\n).*?(?P<end><!-- /bench -->)", re.DOTALL)


def write_page(results: Results, page: Path = PAGE) -> list[Path]:
    """The page and its charts are those of these results; answers the files that were written."""
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    written = [page]
    for name, drawing in pictures(results).items():
        written.append(folder / name)
        written[-1].write_text(drawing)
    page.write_text(filled(page.read_text(), results))
    return written


def filled(text: str, results: Results) -> str:
    """The page with every generated part anew. Raises `BenchError` for a part that nobody makes."""

    def part(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in PARTS:
            raise BenchError(f"Nothing makes the part {name!r} of the page; there are {', '.join(PARTS)}.")
        return f"{found['begin']}{PARTS[name](results) or NOT_MEASURED}\n{found['end']}"

    return _PART.sub(part, text)


def _machine(results: Results) -> str:
    if results.machine is None:
        return ""
    one = results.machine
    quick = " A quick run: its figures mean little." if one.quick else ""
    return (
        f"Measured on {one.taken_at:%Y-%m-%d %H:%M} UTC at commit `{one.commit}` with {one.processors} processors, "
        f"{one.memory_mb:,} MB and Python {one.python}; all processes and the load share the machine.{quick}"
    )


def _aims(results: Results) -> str:
    rows = [figure.row() for figure in figures(results)]
    return _table(HEAD, [(name.replace("    ", "… "), *rest) for name, *rest in rows]) if rows else ""


def _loads(results: Results) -> str:
    rows = [load_row(name, loaded) for name, loaded in named_loads(results)]
    return _table(LOAD_HEAD, rows) if rows else ""


def _notes(results: Results) -> str:
    return "\n".join(f"- {line}" for line in warnings(results)) or "- Nothing: the machine was quiet."


def _processor_time(results: Results) -> str:
    return _picture("processor-time", "Processor time of a payment by process") if results.saturation else ""


def _latency(results: Results) -> str:
    return _picture("latency-by-rate", "Latency by rate") if results.rates else ""


def _phases(results: Results) -> str:
    if results.half_rate is None:
        return ""
    rows = [
        (what, name, *two(latency))
        for what, phases in (("POST", results.half_rate.answer_phases), ("callback", results.half_rate.call_phases))
        for name, latency in phases.items()
    ]
    picture = _picture("latency-by-phase", "Latency by phase")
    return f"{picture}\n\n{_table(('from', 'phase', 'p50, ms', 'p99, ms'), rows)}"


def _statements(results: Results) -> str:
    if results.statements is None:
        return ""
    found = results.statements
    head = ("statement", "calls", "ms", "WAL bytes")
    calls = [one for one in found.statements if not one.nested][:STATEMENTS_SHOWN]
    rows = [(f"`{_cell(one.text)}`", short(one.calls), f"{one.ms:.3f}", short(round(one.wal_bytes))) for one in calls]
    costs = f"{short(found.plain_ms)} ms of PostgreSQL a payment without it, {short(found.counted_ms)} ms with it"
    words = f"A payment's share of each statement that a process sends. Counting them costs: {costs}."
    return f"{words}\n\n{_table(head, rows)}"


def _compared(named: Sequence[Named] | None) -> str:
    return _table(LOAD_HEAD, [load_row(one.name, one.loaded) for one in named]) if named else ""


def _channels(results: Results) -> str:
    if results.channels is None:
        return ""
    found = results.channels
    words = (
        f"The fast channel has {short(found.rate_per_s)} payments a second, alone and beside a slow one of "
        f"{short(found.slow_rate_per_s)} a second, which takes {short(found.slow_s)} s to answer each order."
    )
    return f"{words}\n\n{_picture('slow-channel', 'A fast channel beside a slow one')}"


def _recovery(results: Results) -> str:
    if results.recovery is None:
        return ""
    found = results.recovery
    head = ("kill", "open payments", "a worker polls after, s", "all moved after, s", "after it polled, s")
    rows = [
        (f"{number}", f"{one.open_payments}", *(short(s) for s in (one.polled_s, one.moved_s, one.moved_after_poll_s)))
        for number, one in enumerate(found.kills, 1)
    ]
    words = f"{found.asked} payments at {short(found.rate_per_s)} a second; {found.succeeded} succeeded."
    memory = f"A worker has {short(found.idle.rss_mb)} MB idle and {short(found.after_load.rss_mb)} MB after the load."
    return f"{words} {memory}\n\n{_table(head, rows)}"


def _growth(results: Results) -> str:
    if results.growth is None:
        return ""
    found = results.growth
    rows = [
        (f"{one.stored:,}", short(one.size_mb), short(cost_ms(one)), short(_postgres_ms(one.turns)))
        for one in (found.small, found.large)
    ]
    table = _table(("payments stored", "database, MB", "ms a payment", "of it PostgreSQL"), rows)
    words = (
        f"{found.seeded:,} payments were stored in bulk within {short(found.seeding_s)} s. All invariants "
        f"{'hold' if found.verified else 'do NOT hold'}; verifying them took {short(found.verifying_s)} s."
    )
    return f"{words}\n\n{table}\n\n{_picture('growth', 'Processor time by stored payments')}"


def _peers(results: Results) -> str:
    if not results.peers:
        return ""
    names = list(results.peers[0].figures)
    rows = [(name.replace("    ", "… "), *(peer.figures[name] for peer in results.peers)) for name in names]
    table = _table(("", *(peer.name for peer in results.peers)), rows)
    return f"{table}\n\n{_picture('peers', 'The same payment written another way')}"


#: What makes each generated part; an empty answer says that the run did not measure it.
PARTS: dict[str, Callable[[Results], str]] = {
    "machine": _machine,
    "aims": _aims,
    "loads": _loads,
    "notes": _notes,
    "processor-time": _processor_time,
    "latency": _latency,
    "phases": _phases,
    "statements": _statements,
    "workers": lambda results: _compared(results.workers),
    "merchants": lambda results: _compared(results.merchants),
    "failing": lambda results: _compared(results.failing),
    "channels": _channels,
    "recovery": _recovery,
    "growth": _growth,
    "peers": _peers,
}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _picture(name: str, words: str) -> str:
    return f"![{words}](performance/{name}.svg)"


def _cell(text: str) -> str:
    return (text if len(text) <= TEXT_SHOWN else f"{text[: TEXT_SHOWN - 1]}…").replace("|", "\\|").replace("`", "'")


def _postgres_ms(turns: Sequence[Loaded]) -> float:
    return sum(one.cpu_ms["PostgreSQL"] for one in turns) / len(turns)
