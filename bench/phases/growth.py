"""Whether a payment costs more when many are stored: the same load on two databases of one server, by turns."""

import time
from collections.abc import Mapping

from bench.bench import Bench
from bench.children import until
from bench.growth.seeding import Seeding
from bench.results import Grown, Growth, Loaded
from bench.rows import Rows
from devstack.plan import DATABASE
from devstack.postgres import APP_ROLE, OWNER_ROLE

SMALL = "paysaga_small"
MEGABYTE = 1024 * 1024
_COPY = f"""
CREATE DATABASE {SMALL} TEMPLATE {DATABASE} OWNER {OWNER_ROLE};
REVOKE ALL ON DATABASE {SMALL} FROM PUBLIC;
GRANT CONNECT ON DATABASE {SMALL} TO {APP_ROLE};
"""


async def growth(bench: Bench) -> Growth:
    """Few payments are stored, then many in a copy; what runs by itself is paused, it is no part of a payment."""
    loading, postgres, sizes = await bench.loading(), bench.stack.postgres, bench.sizes
    await bench.payer_takes(0)
    await (await bench.engine()).pause_schedules()
    loading.rows.set("autovacuum", "on")
    seeding = Seeding(postgres, DATABASE, shop=loading.shop, say=bench.say)
    await seeding.grow_to(sizes.stored_small)
    bench.stack.rest()
    await until(lambda: not loading.rows.sessions())
    postgres.sql(f"DROP DATABASE IF EXISTS {SMALL};")
    postgres.sql(_COPY)
    began_at = time.time()
    seeded = await seeding.grow_to(sizes.stored_large)
    seeding_s = time.time() - began_at
    bench.say(f"{seeded:,} payments stored within {seeding_s:.0f} s")
    turns: dict[str, list[Loaded]] = {SMALL: [], DATABASE: []}
    stored = {name: Seeding(postgres, name, shop=loading.shop, say=bench.say).stored() for name in turns}
    for turn in range(sizes.turns):
        for name in list(turns)[:: 1 if turn % 2 == 0 else -1]:
            bench.say(f"turn {turn + 1} of {sizes.turns}: {stored[name]:,} stored payments")
            turns[name].append(await _measured(bench, name, turn))
    verified, verifying_s = await _verified(bench)
    return Growth(
        small=_grown(bench, SMALL, stored, turns),
        large=_grown(bench, DATABASE, stored, turns),
        seeded=seeded,
        seeding_s=seeding_s,
        verified=verified,
        verifying_s=verifying_s,
    )


async def _measured(bench: Bench, database: str, turn: int) -> Loaded:
    loading = await bench.loading()
    loading.look_at(bench.stack.serve_from(database), Rows(bench.stack.postgres, database))
    await bench.warm_up()
    return await loading.measure(loading.plan(f"{database.replace('_', '')}{turn}", bench.sizes.turn * 2))


def _grown(bench: Bench, database: str, stored: Mapping[str, int], turns: Mapping[str, list[Loaded]]) -> Grown:
    size = bench.stack.postgres.sql(f"SELECT pg_database_size('{database}');")
    return Grown(stored=stored[database], size_mb=int(size) / MEGABYTE, turns=turns[database])


async def _verified(bench: Bench) -> tuple[bool, float]:
    """Whether all invariants hold on the large database, and how long asking took."""
    bench.say("verifying everything")
    verifying = bench.stack.python("verify", ["verify.py", "--json"])
    began_at = time.time()
    verifying.start()
    await until(lambda: not verifying.alive)
    return verifying.exit_code == 0, time.time() - began_at
