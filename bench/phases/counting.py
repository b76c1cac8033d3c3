"""Transactions, history events and billable actions of a payment, on a quiet stack with counters at zero."""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack

from bench.bench import PAYER_TAKES_MS, Bench
from bench.children import until
from bench.engine import Engine
from bench.errors import BenchError
from bench.loading import WORKFLOW, Loading
from bench.metrics import count_by, read_page
from bench.percentiles import quantile
from bench.plans import LoadResult
from bench.results import Bill, Counted, Transactions
from bench.rows import Rows, Statistics
from bench.stack import LOOPS, QUEUES, BenchStack
from store.database import Database

IN_FLIGHT = 2
PROBES = 12  # the smallest pool a process may have

#: What the names of the payment's own steps begin with; other commits of the worker are its loops' and webhooks'.
OWN_STEPS = ("payment.", "channel.", "inventory", "funds")


async def counting(bench: Bench) -> Counted:
    """What a payment takes of everything that is counted. Schedules are paused and autovacuum is off afterwards."""
    loading = await bench.loading()
    await bench.payer_takes(PAYER_TAKES_MS)
    bench.stack.employ((QUEUES, LOOPS))
    return await Counting(bench.stack, await bench.engine(), loading).measure(bench.sizes.counted)


class Counting:
    """Restarts API and worker, so that their counters begin at zero and end with their pools."""

    def __init__(self, stack: BenchStack, engine: Engine, loading: Loading) -> None:
        self._stack = stack
        self._engine = engine
        self._loading = loading
        self._rows = Rows(stack.postgres)

    async def measure(self, payments: int) -> Counted:
        """Schedules and autovacuum stay off afterwards."""
        await self._engine.pause_schedules()
        self._rows.set("autovacuum", "off")
        before = await self._stopped()
        self._stack.up(self._stack.worker)
        self._stack.up(self._stack.api)
        result, bill = await self._billed(payments)
        api_commits, api_reads = await self._api_counts()
        sessions = self._rows.sessions()
        after = await self._stopped()
        worker_commits, worker_reads = last_counts(self._stack.worker.child.command.log.read_text())
        explained = {
            "worker": worker_commits.total(),
            "worker's reads": worker_reads.total(),
            "API": api_commits.total(),
            "API's reads": api_reads.total(),
            "the load's looks": result.polls,
            f"making {sessions} connections": round(sessions * await self._commits_of_a_connection()),
        }
        transactions = Transactions(
            own=_shares(worker_commits, payments, own=True),
            apart=_shares(worker_commits + api_commits, payments, own=False),
            counted=explained,
            in_database=after.commits - before.commits,
            rolled_back=(after.rollbacks - before.rollbacks) / payments,
        )
        return Counted(payments=payments, transactions=transactions, bill=bill)

    async def _billed(self, payments: int) -> tuple[LoadResult, Bill]:
        completed, before = await self._engine.completed(WORKFLOW), await self._engine.actions()
        result = await self._loading.run(self._loading.plan("counted", payments, in_flight=IN_FLIGHT))
        if len(result.succeeded) != payments:
            raise BenchError(f"{len(result.succeeded)} of {payments} counted payments succeeded: {result.refusals[:3]}")
        await self._loading.settled(completed, [result])
        kinds = await self._engine.actions() - before
        events = await self._engine.history_events([payment.payment_id for payment in result.succeeded])
        return result, Bill(
            actions={kind: count / payments for kind, count in kinds.items()},
            events_p50=quantile(events, 0.5) or 0,
            events_max=max(events),
        )

    async def _api_counts(self) -> tuple[Counter[str], Counter[str]]:
        page = await read_page(f"{self._stack.plan.addresses.api}/metrics")
        commits = count_by(page, "paysaga_database_commits_total", "step")
        return commits, count_by(page, "paysaga_database_reads_total", "name")

    async def _stopped(self) -> Statistics:
        """PostgreSQL's counts when API, worker and their connections are gone."""
        self._stack.api.stop()
        self._stack.worker.stop()
        return await self._complete_statistics()

    async def _complete_statistics(self) -> Statistics:
        await until(lambda: not self._rows.sessions())
        return self._rows.statistics()

    async def _commits_of_a_connection(self) -> float:
        """What the driver commits by itself when it makes a connection."""
        before = await self._complete_statistics()
        database = Database.connect(self._stack.plan.addresses.database_url, pool_size=PROBES)
        async with AsyncExitStack() as opened:
            for _ in range(PROBES):
                await opened.enter_async_context(database.reading())
        await database.close()
        return ((await self._complete_statistics()).commits - before.commits) / PROBES


def last_counts(log: str) -> tuple[Counter[str], Counter[str]]:
    """Commits by step and reads by name, as the worker logged them when it ended last; else `BenchError`."""
    for line in reversed(log.splitlines()):
        if '"committed"' in line:
            counted = json.loads(line)
            return Counter(counted["transactions"]), Counter(counted["reads"])
    raise BenchError("The worker did not log what it committed.")


def _shares(commits: Mapping[str, int], payments: int, *, own: bool) -> dict[str, float]:
    """A payment's share of each step; `payment.claim` is the API's, before `open`."""
    return {
        step: count / payments
        for step, count in commits.items()
        if own == (step.startswith(OWN_STEPS) and step != "payment.claim")
    }
