"""Which charts a run's figures make, by the names of their files."""

from collections.abc import Callable, Mapping

from bench.charts.bars import Bars, grouped_bars, stacked_bars
from bench.charts.lines import Axes, Series, line_chart
from bench.percentiles import Latency
from bench.results import Channels, Growth, Loaded, Peer, Rate, Results

PROCESSES = ("Temporal", "worker", "API", "PostgreSQL", "simulator", "load")


def pictures(results: Results) -> dict[str, str]:
    """SVG documents; those of phases that did not run are not among them."""
    found = {name: draw(results) for name, draw in _PICTURES.items()}
    return {f"{name}.svg": drawn for name, drawn in found.items() if drawn}


def _rates(results: Results) -> str | None:
    return _latency_by_rate(results.rates) if results.rates else None


def _latency_by_rate(rates: list[Rate]) -> str:
    lines: dict[str, Callable[[Loaded], float | None]] = {
        "POST, p50": lambda loaded: loaded.post.p50_ms,
        "POST, p99": lambda loaded: loaded.post.p99_ms,
        "callback to succeeded, p50": lambda loaded: loaded.callback_to_succeeded.p50_ms,
        "callback to succeeded, p99": lambda loaded: loaded.callback_to_succeeded.p99_ms,
    }
    series = [
        Series(name, [(rate.rate_per_s, value) for rate in rates if (value := read(rate.loaded))])
        for name, read in lines.items()
    ]
    return line_chart("Latency by rate, open loop", Axes("payments asked for a second", "ms"), series)


def _processor_time(results: Results) -> str | None:
    bars = [_cost("an empty workflow", results.floor.cpu_ms)] if results.floor else []
    loads = [("saturation", results.saturation), ("half rate", results.half_rate)]
    bars += [_cost(name, loaded.cpu_ms) for name, loaded in loads if loaded]
    bars += [_cost(f"saturation, {one.name}", one.loaded.cpu_ms) for one in results.workers or []]
    return stacked_bars("Processor time of a payment, by process", "ms", bars) if bars else None


def _phases(results: Results) -> str | None:
    if results.half_rate is None:
        return None
    phases = [("POST", results.half_rate.answer_phases), ("callback", results.half_rate.call_phases)]
    bars = [_quantiles(f"{what}: {name}", latency) for what, found in phases for name, latency in found.items()]
    return grouped_bars("Latency by phase, at half the rate of saturation", "ms", bars) if bars else None


def _channels(results: Results) -> str | None:
    return _beside(results.channels) if results.channels else None


def _beside(channels: Channels) -> str:
    loads = [("alone", channels.alone), ("beside the slow one", channels.beside)]
    bars = []
    for what in ("post", "callback_to_succeeded"):
        words = "POST" if what == "post" else "callback to succeeded"
        for number in range(len(channels.alone)):
            parts = {name: getattr(turns[number], what).p99_ms or 0.0 for name, turns in loads}
            bars.append(Bars(f"{words}, p99, turn {number + 1}", parts))
    return grouped_bars("A fast channel alone, and beside a slow one", "ms", bars)


def _growth(results: Results) -> str | None:
    return _stored(results.growth) if results.growth else None


def _stored(growth: Growth) -> str:
    bars = [
        _cost(f"{grown.stored:,} stored, turn {number + 1}", turn.cpu_ms)
        for number in range(len(growth.small.turns))
        for grown in (growth.small, growth.large)
        for turn in [grown.turns[number]]
    ]
    return stacked_bars("Processor time of a payment, by what is stored", "ms", bars)


def _peers(results: Results) -> str | None:
    return _beside_peers(results.peers) if results.peers else None


def _beside_peers(peers: list[Peer]) -> str:
    bars = [_cost(f"{peer.name}: {one.name}", one.loaded.cpu_ms) for peer in peers for one in peer.loads]
    return stacked_bars("The same payment written another way: processor time of one", "ms", bars)


def _cost(name: str, cpu_ms: Mapping[str, float]) -> Bars:
    """Every process has the same place and colour in all charts."""
    return Bars(name, {**dict.fromkeys(PROCESSES, 0.0), **cpu_ms})


def _quantiles(name: str, latency: Latency) -> Bars:
    return Bars(name, {"p50": latency.p50_ms or 0.0, "p99": latency.p99_ms or 0.0})


_PICTURES: Mapping[str, Callable[[Results], str | None]] = {
    "latency-by-rate": _rates,
    "processor-time": _processor_time,
    "latency-by-phase": _phases,
    "slow-channel": _channels,
    "growth": _growth,
    "peers": _peers,
}
