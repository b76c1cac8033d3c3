"""`python -m bench.partitions`: what a row costs in a partitioned table, beside the same row without partitions.

One server, two databases: one at the revision before the partitions, one at the newest, with partitions for a year. By
turns each takes the rows of some payments: the posting with its entries, two events, two pieces of evidence.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from bench.cpu import PROC, parse_stat
from bench.ledger_calls import Payment, fold_everything
from devstack.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from devstack.terminal import Terminal, table
from store.migrate import migrate

REVISIONS = {"whole": "0002", "partitioned": "head"}
MERCHANTS = 100
#: More periods than a year has months.
_MANY = "SELECT partition_ahead(30, 13)"
_EVENT = "SELECT event_append($1, $2, $3, $4, jsonb_build_object('payment', jsonb_build_object('id', $3::text)))"
_EVIDENCE = "INSERT INTO evidence (out_no, operation, state, raw) VALUES ($1, 'pay', 'waiting', repeat('x', 600))"


@dataclass
class Taken:
    """What one of the two took for its payments."""

    payments: int = 0
    seconds: float = 0
    cpu_ms: float = 0
    rates: list[float] = field(default_factory=list)

    @property
    def cpu_each_ms(self) -> float:
        """Processor time of the server's process for the rows of one payment."""
        return self.cpu_ms / self.payments


async def _pay(connection: asyncpg.Connection, number: int) -> None:
    merchant_id, payment_id = f"mer_{number % MERCHANTS}", f"pay_{number}"
    async with connection.transaction():
        await Payment(merchant_id).post(connection)
        for version, kind in enumerate(("payment.awaiting_payer", "payment.succeeded")):
            await connection.execute(_EVENT, merchant_id, kind, payment_id, version)
            await connection.execute(_EVIDENCE, f"OUT{number}")


async def _turn(connection: asyncpg.Connection, taken: Taken, payments: int) -> None:
    """So many payments, one after another, and then their inboxes are folded, outside of what is measured."""
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    cpu_ms, began = _cpu_ms(pid), time.monotonic()
    for number in range(taken.payments, taken.payments + payments):
        await _pay(connection, number)
    seconds = time.monotonic() - began
    taken.cpu_ms += _cpu_ms(pid) - cpu_ms
    taken.payments += payments
    taken.seconds += seconds
    taken.rates.append(payments / seconds)
    await fold_everything(connection)


def _cpu_ms(pid: int) -> float:
    return parse_stat((PROC / str(pid) / "stat").read_text())[1]


async def measure(postgres: EmbeddedPostgres, payments: int, turns: int) -> dict[str, Taken]:
    """Both by turns, so that what the machine does besides falls on both; the first turn of each warms up."""
    taken = {name: Taken() for name in REVISIONS}
    async with AsyncExitStack() as stack:
        connections = {}
        for name, revision in REVISIONS.items():
            postgres.create_database(name)
            await migrate(postgres.url(OWNER_ROLE, name), revision=revision)
            connections[name] = await asyncpg.connect(host=str(postgres.socket_folder), user=APP_ROLE, database=name)
            stack.push_async_callback(connections[name].close)
            warm_up = Taken(payments=1_000_000)
            await _turn(connections[name], warm_up, payments)
        await connections["partitioned"].execute(_MANY)
        for turn in range(turns):
            for name in REVISIONS if turn % 2 == 0 else reversed(REVISIONS):
                await _turn(connections[name], taken[name], payments)
    return taken


def report(taken: dict[str, Taken]) -> str:
    """A table, and the ratio of both."""
    whole, partitioned = taken["whole"], taken["partitioned"]
    rows = [(name, f"{one.payments / one.seconds:.0f} /s", f"{one.cpu_each_ms:.3f} ms") for name, one in taken.items()]
    ratio = f"{partitioned.seconds / whole.seconds:.2f} ×", f"{partitioned.cpu_each_ms / whole.cpu_each_ms:.2f} ×"
    return table(("tables", "rows of a payment", "processor time"), [*rows, ("ratio", *ratio)])


def main() -> int:
    """The exit code of one run."""
    parser = argparse.ArgumentParser(prog="python -m bench.partitions", description=__doc__)
    parser.add_argument("--payments", type=int, default=1_500, help="payments of one turn (1500)")
    parser.add_argument("--turns", type=int, default=8, help="turns of each (8)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="paysaga-bench-"))
    postgres = EmbeddedPostgres(folder / "postgres")
    terminal = Terminal()
    try:
        postgres.start()
        taken = asyncio.run(measure(postgres, options.payments, options.turns))
    finally:
        postgres.destroy()
        shutil.rmtree(folder, ignore_errors=True)
    terminal.say(report(taken))
    return 0


if __name__ == "__main__":
    sys.exit(main())
