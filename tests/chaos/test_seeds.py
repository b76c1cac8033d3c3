"""A few seeds of `make chaos`, on a stack of their own."""

import subprocess
import sys
from pathlib import Path

from tests.support.servers import ROOT

#: Between them kills of processes, failpoints, a broken wire, a cut commit and a misbehaving channel.
FIRST, SEEDS = 4, 2
LIMIT_S = 300


def test_seeds_of_load_and_faults_lose_nothing(tmp_path: Path) -> None:
    """Every rule holds after each seed; the command says so by its exit code, and names what does not hold."""
    seeds = ["--from", str(FIRST), "--seeds", str(SEEDS)]
    ran = subprocess.run(
        [sys.executable, "-m", "chaos", *seeds, "--home", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    breaches = "\n".join(path.read_text() for path in tmp_path.glob("seed-*/breaches.txt"))
    assert 0 == ran.returncode, f"{ran.stdout}\n{ran.stderr}\n{breaches}"
    assert SEEDS == len(list((tmp_path / "results").glob("*.json")))
