"""The house style, as far as a machine can see it."""

import ast
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median

import pytest

from tests.tidy.tree import (
    BESIDE,
    EVERYTHING,
    PRODUCT,
    ROOT,
    Function,
    Source,
    dotted,
    identifiers,
    imported_modules,
    lines,
    sources,
)

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
SAYS_NOTHING = frozenset(
    {"process", "handle", "manage", "do", "utils", "helpers", "common", "manager", "data", "info", "misc"}
)
BROAD = frozenset({"Exception", "BaseException"})
#: The one place where steps commit; the schema's own commit, as the owner role, is the other.
COMMITS = ("store/database.py", "store/migrate.py")
MONEY = ("domain", "ledger")
BESIDE_MONEY = ("activities", "api", "channels", "store", "workflows")

each_file = pytest.mark.parametrize("source", sources(*EVERYTHING), ids=str)
each_product_file = pytest.mark.parametrize("source", sources(*PRODUCT), ids=str)


@pytest.mark.parametrize(
    "path",
    [
        *(source.path for source in sources(*EVERYTHING)),
        *(str(one.relative_to(ROOT)) for one in ROOT.glob("*/sql/*.sql")),
    ],
)
def test_no_file_is_long(path: str) -> None:
    """When a file wants to grow, the concept inside it wants a name of its own."""
    assert len((ROOT / path).read_text().splitlines()) <= FILE_LINES_MAX


@each_file
def test_no_function_is_long(source: Source) -> None:
    """Nothing is over 50 lines, docstrings apart."""
    assert [] == [source.at(one, one.name) for one in source.functions() if lines(one) > FUNCTION_LINES_MAX]


def test_most_functions_are_short() -> None:
    """Half of them have fewer than 8 lines."""
    assert median(lines(one) for source in sources(*PRODUCT, *BESIDE) for one in source.functions()) < 8


@each_file
def test_names_say_something(source: Source) -> None:
    """No function, class or module is called by a word that names nothing."""
    defined = [
        one for one in ast.walk(source.tree) if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [] == [source.at(one, one.name) for one in defined if one.name.strip("_").lower() in SAYS_NOTHING]
    assert not SAYS_NOTHING & {part.strip("_").lower() for part in Path(source.path).with_suffix("").parts}


@pytest.mark.parametrize("source", sources(*PRODUCT, *BESIDE), ids=str)
def test_what_is_public_is_described(source: Source) -> None:
    """Each public class and function says what holds afterwards; migrations are read by Alembic alone."""
    if not source.path.startswith("store/migrations/"):
        assert [] == [source.at(one, one.name) for one in _public(source.tree) if ast.get_docstring(one) is None]


@each_file
def test_nothing_is_caught_broadly(source: Source) -> None:
    """A handler for everything hides bugs; one that cleans up and raises again hides nothing."""
    handlers = [one for one in ast.walk(source.tree) if isinstance(one, ast.ExceptHandler)]
    assert [] == [source.at(one) for one in handlers if _is_broad(one.type) and not _raises_again(one)]
    suppressed = [
        one for one in ast.walk(source.tree) if isinstance(one, ast.Call) and dotted(one.func).endswith("suppress")
    ]
    assert [] == [source.at(one) for one in suppressed if any(_is_broad(kind) for kind in one.args)]


@each_product_file
def test_transactions_commit_in_one_place(source: Source) -> None:
    """`Database.transaction` commits; steps and participants never do, nor does a block that would commit for them."""
    calls = [one.func for one in ast.walk(source.tree) if isinstance(one, ast.Call)]
    commits = [one for one in calls if isinstance(one, ast.Attribute) and one.attr in {"commit", "begin"}]
    assert [] == [source.at(one, one.attr) for one in commits if source.path not in COMMITS]


@pytest.mark.parametrize("source", sources(*MONEY), ids=str)
def test_money_knows_no_floats(source: Source) -> None:
    """Law 1: no float is written, named or made where money is counted."""
    assert [] == [source.at(one) for one in _floats(source.tree)]


@pytest.mark.parametrize("source", sources(*BESIDE_MONEY), ids=str)
def test_no_function_has_money_and_a_float(source: Source) -> None:
    """Durations are floats; a function that speaks of minor units has none, and never divides them."""
    speaking = [one for one in source.functions() if any(name.endswith("_minor") for name in _names(one))]
    assert [] == [source.at(found, one.name) for one in speaking for found in _floats(one)]


@pytest.mark.parametrize("source", sources(*PRODUCT, *BESIDE), ids=str)
def test_nothing_imports_the_worker(source: Source) -> None:
    """A composition root is started, never used."""
    assert [] == [source.at(place) for place, module in imported_modules(source) if module.split(".")[0] == "worker"]


def test_our_names_are_nobody_elses() -> None:
    """Packages lie at the root, uninstalled: a dependency of the same name would take their place, or lose its own."""
    ours = {path.stem for path in ROOT.glob("*.py")} | {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {"domain", "ledger", "worker"} <= ours
    assert set() == (ours | {"tests"}) & set(packages_distributions())


def test_the_rules_see_what_they_forbid() -> None:
    """Each reader of the tree finds a planted breach."""
    planted = Source(
        "planted.py", "", ast.parse("try:\n    f(fee_minor / 2, x=1.5)\nexcept (OSError, Exception):\n    pass\n")
    )
    assert {"fee_minor", "f", "x"} <= set(identifiers(planted))
    assert 2 == len(list(_floats(planted.tree)))
    assert [True] == [_is_broad(one.type) for one in ast.walk(planted.tree) if isinstance(one, ast.ExceptHandler)]


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def _is_broad(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(one is None or dotted(one).split(".")[-1] in BROAD for one in kinds)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _names(function: Function) -> Iterator[str]:
    return identifiers(Source("", "", ast.Module(body=[function], type_ignores=[])))


def _floats(tree: ast.AST) -> Iterator[ast.AST]:
    """Float literals, the name `float`, and true divisions of minor units."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float()) | ast.Name(id="float"):
                yield node
            case ast.BinOp(op=ast.Div()) if any(
                name.endswith("_minor") for name in identifiers(Source("", "", ast.Module([ast.Expr(node)], [])))
            ):
                yield node
            case _:
                pass
