"""The same payment written another way, measured by turns with ours, each on a stack of its own."""

import importlib.util

from bench.bench import Bench
from bench.peers.comparison import SIDES, Comparison, Sizes, compare
from bench.peers.figures import shown_figures
from bench.results import Named, Peer


async def peers(bench: Bench) -> list[Peer]:
    """Every side of the comparison, ours among them; none where the peer is not installed."""
    if importlib.util.find_spec("dbos") is None:
        bench.say("the peer is not installed: `make environment-bench` installs it")
        return []
    sizes = Sizes(payments=bench.sizes.turn, rounds=1 if bench.sizes.quick else bench.sizes.turns)
    comparison = await compare(sizes, bench.say)
    return [peer_of(side, comparison) for side in SIDES]


def peer_of(side: str, comparison: Comparison) -> Peer:
    """The turns of one side, as the page shows them."""
    loads = [
        Named(name=f"{name}, turn {number}", loaded=loaded)
        for number, turn in enumerate(comparison.of(side), 1)
        for name, loaded in (("32 in flight", turn.saturation), ("steady", turn.steady))
    ]
    return Peer(name=side, loads=loads, figures=shown_figures(comparison, side))
