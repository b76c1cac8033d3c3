"""Every failpoint that exists, read from the code: before and after each commit and each call of a channel."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("activities", "api")
SIDES = ("before", "after")

_OPERATIONS = ("payout", "refund", "transfer")
_PARTICIPANTS = ("inventory", "funds")
_SETS = ["+".join(chosen) for size in range(1, len(_PARTICIPANTS) + 1) for chosen in combinations(_PARTICIPANTS, size)]
#: What an expression means that is made of a command: by file and source text.
GENERATED = {
    ("activities/local_branches.py", "_step(command, 'try')"): [f"{names}.try" for names in _SETS],
    ("activities/local_branches.py", "_step(command, 'confirm')"): [f"{names}.confirm" for names in _SETS],
    ("activities/local_branches.py", "_step(command, 'cancel')"): [f"{name}.cancel" for name in _PARTICIPANTS],
    ("api/operation_start.py", "asked.operation"): list(_OPERATIONS),
    ("api/account_rows.py", "action"): ["block", "unblock", "close"],
}

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class UnknownPoint(Exception):
    """A name that cannot be read from the code, and is not in `GENERATED`."""


@cache
def transactions() -> frozenset[str]:
    """The name of every transaction of the product."""
    return frozenset(name for file in _files() for name in file.names("transaction"))


@cache
def failpoints() -> tuple[str, ...]:
    """Every point, in the order of the alphabet."""
    commits = {f"{name}:{side}" for name in transactions() for side in SIDES}
    calls = {name for file in _files() for name in file.names("reach")}
    return tuple(sorted(commits | calls))


@dataclass(frozen=True)
class NamedCalls:
    """The calls of one file, by what they name."""

    path: str
    tree: ast.Module

    def names(self, method: str) -> set[str]:
        """What the calls of `….method(name, …)` name."""
        return {
            name
            for call, inside in self._calls(self.tree, None)
            if isinstance(call.func, ast.Attribute) and call.func.attr == method
            for name in self._values(call.args[0], inside)
        }

    def _calls(self, node: ast.AST, inside: _Function | None) -> Iterator[tuple[ast.Call, _Function | None]]:
        """Every call below the node, with the function that it stands in."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield child, inside
            yield from self._calls(child, child if isinstance(child, _Function) else inside)

    def _values(self, expression: ast.expr, inside: _Function | None) -> list[str]:
        """What the expression may be; UnknownPoint."""
        generated = GENERATED.get((self.path, ast.unparse(expression)))
        if generated is not None:
            return generated
        match expression:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                return ["".join(chosen) for chosen in product(*(self._values(part, inside) for part in parts))]
            case ast.FormattedValue(value=value):
                return self._values(value, inside)
            case ast.Name(id=name) if inside is not None:
                return self._arguments(inside, name)
        raise UnknownPoint(f"{self.path}:{expression.lineno} {ast.unparse(expression)}")

    def _arguments(self, function: _Function, parameter: str) -> list[str]:
        """What the callers in this file give for the parameter."""
        names = [one.arg for one in function.args.args if one.arg != "self"]
        if parameter not in names:
            raise UnknownPoint(f"{self.path}:{function.lineno} {parameter}")
        place = names.index(parameter)
        return [
            value
            for call, inside in self._calls(self.tree, None)
            if isinstance(call.func, ast.Attribute) and call.func.attr == function.name and len(call.args) > place
            for value in self._values(call.args[place], inside)
        ]


def _files() -> list[NamedCalls]:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))]
    return [NamedCalls(str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in paths]
