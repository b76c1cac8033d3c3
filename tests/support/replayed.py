"""Which statements of the workflows a replay of histories runs: a path that no history takes has lines left over."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

import worker
from activities.payloads import data_converter
from activities.tracing import Tracing

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "workflows"


@dataclass(frozen=True, order=True)
class Statement:
    """One statement inside a function of a workflow, with the function's name."""

    path: str
    first: int
    last: int
    function: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.first} {self.function}: {self.source}"


Lines = frozenset[tuple[str, int]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


async def lines_of(histories: Iterable[WorkflowHistory]) -> Lines:
    """The lines of the workflows that a replay of these histories runs; fails where one does not replay."""
    replayer = Replayer(
        workflows=list(worker.WORKFLOWS),
        data_converter=data_converter,
        interceptors=[Tracing()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,  # in this thread, where it can be traced
    )
    with _traced() as seen:
        for history in histories:
            await replayer.replay_workflow(history)
    return frozenset(seen)


def steps() -> frozenset[str]:
    """The names of all steps, those that a group of participants makes up left out."""
    named = re.compile(r'@activity\.defn\(name="([^"]+)"\)')
    return frozenset(name for path in (ROOT / "activities").glob("*.py") for name in named.findall(path.read_text()))


def steps_in(histories: Iterable[WorkflowHistory]) -> frozenset[str]:
    """Those that stand in one of the histories."""
    told = "".join(str(history.events) for history in histories)
    return frozenset(name for name in steps() if f'"{name}"' in told or f'\\"{name}\\"' in told)


def statements() -> list[Statement]:
    """Every statement in a function of the workflows, docstrings and nested definitions left out."""
    return [each for path in sorted(WORKFLOWS.glob("*.py")) for each in _in_module(path)]


def left_over(seen: Lines) -> list[Statement]:
    """The statements of which no line was seen."""
    return [one for one in statements() if not any((one.path, line) in seen for line in range(one.first, one.last + 1))]


@contextmanager
def _traced() -> Iterator[set[tuple[str, int]]]:
    seen: set[tuple[str, int]] = set()

    def line(frame: FrameType, event: str, _: Any) -> Any:  # noqa: ANN401 - what `sys.settrace` wants
        if event == "line":
            seen.add((f"workflows/{Path(frame.f_code.co_filename).name}", frame.f_lineno))
        return line

    def call(frame: FrameType, _: str, __: Any) -> Any:  # noqa: ANN401 - the same
        return line if frame.f_globals.get("__name__", "").startswith("workflows.") else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield seen
    finally:
        sys.settrace(before)


def _in_module(path: Path) -> Iterator[Statement]:
    text = path.read_text()
    for name, function in _functions(ast.parse(text)):
        for statement in _in_function(function):
            body = getattr(statement, "body", None)
            last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
            source = text.splitlines()[statement.lineno - 1].strip()
            yield Statement(f"workflows/{path.name}", statement.lineno, max(last, statement.lineno), name, source)


def _functions(node: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        name = (
            f"{outer}{child.name}" if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else ""
        )
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, child
        yield from _functions(child, f"{name}." if name else outer)


def _in_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, Function | ast.ClassDef):
            continue
        if isinstance(node, ast.stmt) and not _constant(node):
            yield node
        pending += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]


def _constant(node: ast.stmt) -> bool:
    """A docstring, or the dots of a protocol: nothing runs."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
