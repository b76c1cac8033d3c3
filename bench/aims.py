"""Every figure of a run that has an aim, or that explains one that has; in the order of the phases."""

from collections.abc import Iterator, Sequence

from bench.figures import Figure
from bench.results import Channels, Counted, Floor, Grown, Growth, Loaded, Recovery, Results

LAG_S = 2


def figures(results: Results) -> list[Figure]:
    """Those of the phases that ran."""
    return list(_all(results))


def p99_ratio(channels: Channels, of: str) -> float | None:
    """The worst p99 of the fast channel beside the slow one, against the worst one alone; `of` names the latency."""
    alone, beside = (_worst(loads, of) for loads in (channels.alone, channels.beside))
    return beside / alone if alone and beside else None


def cost_ms(grown: Grown) -> float:
    """Processor time of a payment, the mean of all turns."""
    return sum(sum(turn.cpu_ms.values()) for turn in grown.turns) / len(grown.turns)


def _all(results: Results) -> Iterator[Figure]:
    if results.floor:
        yield from _floor(results.floor)
    if results.saturation:
        yield from _saturation(results.saturation, results.floor)
    if results.half_rate:
        yield from _half_rate(results.half_rate)
    if results.channels:
        yield from _channels(results.channels)
    if results.recovery:
        yield from _recovery(results.recovery)
    if results.counting:
        yield from _counted(results.counting)
    if results.growth:
        yield from _growth(results.growth)


def _floor(floor: Floor) -> Iterator[Figure]:
    yield Figure("floor: empty workflows", floor.workflows_per_s, "/s")
    yield Figure("floor: processor time of one", sum(floor.cpu_ms.values()), "ms")
    yield Figure("floor: the list lags", floor.lag_s, "s", LAG_S)


def _saturation(loaded: Loaded, floor: Floor | None) -> Iterator[Figure]:
    yield Figure("saturation: payments, POST to succeeded", loaded.payments_per_s, "/s", 36, at_least=True)
    if floor:
        share = loaded.payments_per_s / floor.workflows_per_s
        yield Figure("saturation: payments against the floor", share, "×", 0.27, at_least=True)
    yield Figure("saturation: processor time of a payment", sum(loaded.cpu_ms.values()), "ms", 50)
    yield from (Figure(f"    {name}", spent, "ms") for name, spent in loaded.cpu_ms.items())
    yield Figure("saturation: the list lags", loaded.lag_s, "s", LAG_S)
    yield Figure("saturation: webhooks delivered after", loaded.told_after_s, "s")


def _half_rate(loaded: Loaded) -> Iterator[Figure]:
    yield Figure("half rate: payments that succeeded", loaded.succeeded, "", 1_000, at_least=True)
    yield Figure("half rate: payments, POST to succeeded", loaded.payments_per_s, "/s")
    yield Figure("half rate: POST to pay parameters, p50", loaded.post.p50_ms, "ms")
    yield Figure("half rate: POST to pay parameters, p99", loaded.post.p99_ms, "ms", 150)
    yield Figure("half rate: callback to succeeded, p50", loaded.callback_to_succeeded.p50_ms, "ms")
    yield Figure("half rate: callback to succeeded, p99", loaded.callback_to_succeeded.p99_ms, "ms", 120)
    yield Figure("half rate: callback to seen by the load, p99", loaded.callback_to_seen.p99_ms, "ms")
    yield Figure("half rate: processor time of a payment", sum(loaded.cpu_ms.values()), "ms")
    yield Figure("half rate: the list lags", loaded.lag_s, "s", LAG_S)


def _channels(channels: Channels) -> Iterator[Figure]:
    for name, of in (("POST", "post"), ("callback to succeeded", "callback_to_succeeded")):
        yield Figure(f"fast channel beside a slow one: p99 of {name}", p99_ratio(channels, of), "×", 1.3)


def _recovery(found: Recovery) -> Iterator[Figure]:
    after_poll_s = max(kill.moved_after_poll_s for kill in found.kills)
    yield Figure("killed worker: its payments move again, after it polls", after_poll_s, "s", 3)
    yield Figure("killed worker: its payments move again, after the kill", max(k.moved_s for k in found.kills), "s", 6)
    yield Figure("killed worker: payments that did not succeed", found.asked - found.succeeded, "", 0)
    yield Figure("idle worker: memory", found.idle.rss_mb, "MB", 150)
    yield Figure("idle worker: memory, its share of what is shared", found.idle.pss_mb, "MB")


def _counted(counted: Counted) -> Iterator[Figure]:
    yield Figure("a payment: transactions, open to succeeded", counted.transactions.per_payment, "", 6)
    yield Figure("a payment: history events, median", counted.bill.events_p50, "", 24)
    yield Figure("a payment: history events, most", counted.bill.events_max, "")
    yield Figure("a payment: billable actions", counted.bill.actions_per_payment, "", 8)


def _growth(growth: Growth) -> Iterator[Figure]:
    small, large = cost_ms(growth.small), cost_ms(growth.large)
    yield Figure(f"{growth.small.stored:,} stored: processor time of a payment", small, "ms")
    yield Figure(f"{growth.large.stored:,} stored: processor time of a payment", large, "ms")
    yield Figure("cost with many stored payments against few", large / small, "×", 1.1)


def _worst(loads: Sequence[Loaded], of: str) -> float | None:
    return max((getattr(one, of).p99_ms or 0.0 for one in loads), default=None)
