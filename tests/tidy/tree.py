"""The source tree as the style tests read it: every Python file of ours, parsed once."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

ROOTS = ("settings.py", "schedules.py", "verify.py", "worker.py")
PRODUCT = ("activities", "api", "channels", "domain", "ledger", "store", "workflows", *ROOTS)
BESIDE = ("bench", "chaos", "devstack", "simulator")
EVERYTHING = (*PRODUCT, *BESIDE, "tests")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file: its path from the root, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return self.path

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def at(self, node: ast.AST, what: str = "") -> str:
        """Where it is, for a message that an editor can follow."""
        return f"{self.path}:{getattr(node, 'lineno', 1)} {what}".rstrip()


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """The Python files below these folders of the root, or these files themselves."""
    paths = [path for name in folders for path in _python_files(ROOT / name)]
    return tuple(Source(str(path.relative_to(ROOT)), path.read_text(), _parsed(path)) for path in paths)


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of names; empty for anything else."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute() if dotted(node.value):
            return f"{dotted(node.value)}.{node.attr}"
        case _:
            return ""


def imported_modules(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every module that the file imports, with the place."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module or ""


def identifiers(source: Source) -> Iterator[str]:
    """Every name, attribute, parameter and keyword that the file uses."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name
            case _:
                pass


def docstring_lines(function: Function) -> int:
    """How many lines of it are its docstring."""
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return 0
    return (first.end_lineno or first.lineno) - first.lineno + 1


def lines(function: Function) -> int:
    """Its length from `def` to its end, the docstring left out."""
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring_lines(function)


def _python_files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))
