"""`python -m devstack up` with everything real: the promise of the first page of the README."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

from tests.devstack.conftest import Run

DEMO_FIELDS = {
    *("api", "api_key", "operator_key", "merchant_id", "wallet_id", "sku", "webhook_secret", "temporal"),
    *("temporal_namespace", "temporal_ui", "database_url", "simulator", "sink"),
}
UP = ("-m", "devstack", "up")


def ends(run: Run) -> list[str]:
    """How the four payments of the table ended."""
    return re.findall(r"^[1-4]  .*?  (succeeded|failed \(out_of_stock\)|\w+ ?\S*)  ", run.text(), re.MULTILINE)


def shown(run: Run) -> Run:
    """The banner is there, after the table."""
    run.until(lambda: "/_sim/pay -d" in run.text())
    return run


def test_the_demo_ends_well_and_a_second_run_keeps_its_merchant(start: Callable[..., Run], tmp_path: Path) -> None:
    """Paid, refused with everything given back, found by polling, found by a query; and all of it again."""
    first = shown(start("state", *UP))
    demo = tmp_path / "state" / "demo.json"
    kept = json.loads(demo.read_text())
    assert ["succeeded", "failed (out_of_stock)", "succeeded", "succeeded"] == ends(first)
    assert "after available 1000.00, frozen 0.00" in first.text()
    assert 0o600 == demo.stat().st_mode & 0o777
    assert DEMO_FIELDS == kept.keys()
    first.process.send_signal(signal.SIGINT)
    assert 0 == first.ended()
    second = shown(start("state", *UP, ports=first.ports))
    assert ends(first) == ends(second)
    assert kept == json.loads(demo.read_text())
