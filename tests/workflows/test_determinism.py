"""Workflows run unsandboxed in production: this reads their source for what must not stand there."""

import ast
from collections.abc import Iterator

from tests.tidy.tree import Source, dotted, imported_modules, sources

FORBIDDEN_MODULES = frozenset(
    {
        *("time", "random", "secrets", "uuid", "os", "io", "pathlib", "socket", "ssl", "subprocess", "threading"),
        *("concurrent", "multiprocessing", "tempfile", "shutil", "urllib", "http", "sqlite3", "logging", "structlog"),
        *("httpx", "asyncpg", "sqlalchemy", "sqlmodel", "orjson", "cryptography"),
        *("channels", "ledger", "store", "api", "settings", "worker", "simulator", "devstack"),
    }
)
FORBIDDEN_CALLS = frozenset(
    {
        *("datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "date.today"),
        *("asyncio.wait", "asyncio.as_completed", "asyncio.to_thread", "asyncio.get_event_loop"),
        *(
            "asyncio.get_running_loop",
            "asyncio.run",
            "asyncio.timeout",
            "open",
            "input",
            "print",
            "set.pop",
            "id",
            "hash",
        ),
    }
)
SETS = frozenset({"set", "frozenset"})

BREACHES = """
import time
from random import choice
asyncio.wait(tasks)
datetime.now()
for name in {1, 2}: pass
[name for name in set(names)]
asyncio.gather(*{undo() for name in names})
"""


def test_a_workflow_imports_no_clock_no_chance_and_no_io() -> None:
    """What a replay could not repeat, and what would block the worker."""
    assert [] == [breach for source in sources("workflows") for breach in _imports(source)]


def test_a_workflow_asks_only_the_engine() -> None:
    """`workflow.now` for the clock, `workflow.wait_condition` for waits: the order of asyncio's own sets is chance."""
    assert [] == [breach for source in sources("workflows") for breach in _calls(source)]


def test_a_workflow_never_goes_through_a_set() -> None:
    """Its order differs from one process to the next, and with it the order of the commands."""
    assert [] == [breach for source in sources("workflows") for breach in _set_walks(source)]


def test_the_rules_see_what_they_forbid() -> None:
    """Each of them finds its planted breach."""
    planted = Source("planted.py", BREACHES, ast.parse(BREACHES))
    assert (2, 2, 3) == tuple(len(list(rule(planted))) for rule in (_imports, _calls, _set_walks))


def _imports(source: Source) -> Iterator[str]:
    for place, module in imported_modules(source):
        if module.split(".")[0] in FORBIDDEN_MODULES:
            yield source.at(place, module)


def _calls(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func) in FORBIDDEN_CALLS:
            yield source.at(node, dotted(node.func))


def _set_walks(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and _is_set(node.iter):
            yield source.at(node.iter, "a loop over a set")
        elif isinstance(node, ast.Starred) and _is_set(node.value):
            yield source.at(node, "arguments out of a set")


def _is_set(node: ast.expr) -> bool:
    made = isinstance(node, ast.Call) and dotted(node.func) in SETS
    return made or isinstance(node, ast.Set | ast.SetComp)
