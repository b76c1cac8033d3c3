"""What the measurement of the book makes of its figures."""

import argparse

from bench.ledger import LedgerResults, figures, measure, parse, report
from bench.ledger_load import Measured
from bench.ledger_server import LedgerServer
from devstack.terminal import Terminal

PAYMENTS = 64


def _measured(rate_per_s: int, payment_ms: int) -> Measured:
    measured = Measured()
    measured.add([payment_ms] * rate_per_s, 1)
    return measured


def _report(*, hot: Measured) -> str:
    return report(LedgerResults(hot=hot, spread=_measured(100, 10), while_refunding=hot))


def test_a_hot_merchant_within_the_aims_passes() -> None:
    """The bounds themselves hold: 0.8 of the throughput, three times the p99."""
    assert _report(hot=_measured(80, 30)).endswith("\n\nPASS")


def test_a_missed_aim_is_named() -> None:
    """Each aim for itself: slower, or with a longer tail."""
    assert _report(hot=_measured(79, 10)).endswith("FAIL: throughput, one against many")
    assert _report(hot=_measured(100, 31)).endswith("FAIL: p99, one against many")


async def test_every_figure_is_measured() -> None:
    """A small run of the whole measurement leaves no figure empty, and counts each payment once."""
    options = argparse.Namespace(payments=PAYMENTS, turns=1, merchants=10)
    server = LedgerServer()
    try:
        results = await measure(server, options, Terminal())
    finally:
        server.stop()
    assert [PAYMENTS] * 3 == [len(one.payment_ms) for one in (results.hot, results.spread, results.while_refunding)]
    assert [] == [figure.name for figure in figures(results) if figure.value is None]


def test_quick_is_a_tenth() -> None:
    """A size that was named stays."""
    assert (600, 1_000) == (parse(["--quick"]).payments, parse(["--quick"]).merchants)
    assert 50 == parse(["--quick", "--payments", "50"]).payments
