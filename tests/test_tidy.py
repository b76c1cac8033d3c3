"""The house style, as far as a machine can see it."""

import ast
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median

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
#: The one place where steps commit, and the session that it commits; the other is the schema's own, as the owner role.
COMMITS = ("store/database.py", "store/session.py", "store/migrate.py")
PROCESS_CLOCKS = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
)
DEFINITION = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
MONEY = ("domain", "ledger")
#: What a channel signed is timely by the clock of whoever reads it, which the channel compares with its own; ids sort
#: by the clock of whoever made them, and nothing is judged by that.
TELL_THE_TIME = ("api/callbacks.py", "channels/http.py", "domain/ids.py")
BESIDE_MONEY = ("activities", "api", "channels", "store", "workflows")


def test_no_file_is_long() -> None:
    """When a file wants to grow, the concept inside it wants a name of its own."""
    paths = [*(ROOT / source.path for source in sources(*EVERYTHING)), *ROOT.glob("*/sql/*.sql")]
    long = {path: count for path in paths if (count := len(path.read_text().splitlines())) > FILE_LINES_MAX}
    assert {} == long


def test_no_function_is_long() -> None:
    """Nothing is over 50 lines, docstrings apart."""
    assert [] == [
        source.at(one, one.name)
        for source in sources(*EVERYTHING)
        for one in source.functions()
        if lines(one) > FUNCTION_LINES_MAX
    ]


def test_most_functions_are_short() -> None:
    """Half of them have fewer than 8 lines."""
    assert median(lines(one) for source in sources(*PRODUCT, *BESIDE) for one in source.functions()) < 8


def test_names_say_something() -> None:
    """No function, class or module is called by a word that names nothing."""
    breaches = [(source, node) for source, node in _nodes(*EVERYTHING) if isinstance(node, DEFINITION)]
    assert [] == [source.at(one, one.name) for source, one in breaches if _bare(one.name) in SAYS_NOTHING]
    modules = [Path(source.path).with_suffix("") for source in sources(*EVERYTHING)]
    assert [] == [path for path in modules if SAYS_NOTHING & {_bare(part) for part in path.parts}]


def test_what_is_public_is_described() -> None:
    """Each public class and function says what holds afterwards; migrations are read by Alembic alone."""
    described = [one for one in sources(*PRODUCT, *BESIDE) if not one.path.startswith("store/migrations/")]
    assert [] == [
        source.at(one, one.name)
        for source in described
        for one in _public(source.tree)
        if ast.get_docstring(one) is None
    ]


def test_nothing_is_caught_broadly() -> None:
    """A handler for everything hides bugs; one that cleans up and raises again hides nothing."""
    handlers = [(source, one) for source, one in _nodes(*EVERYTHING) if isinstance(one, ast.ExceptHandler)]
    assert [] == [source.at(one) for source, one in handlers if _is_broad(one.type) and not _raises_again(one)]
    suppressed = [(source, one) for source, one in _calls(*EVERYTHING) if dotted(one.func).endswith("suppress")]
    assert [] == [source.at(one) for source, one in suppressed if any(_is_broad(kind) for kind in one.args)]


def test_transactions_commit_in_one_place() -> None:
    """`Database.transaction` commits; steps and participants never do, nor does a block that would commit for them."""
    called = [(source, one.func) for source, one in _calls(*PRODUCT) if source.path not in COMMITS]
    commits = [(source, one) for source, one in called if isinstance(one, ast.Attribute)]
    assert [] == [source.at(one, one.attr) for source, one in commits if one.attr in {"commit", "begin"}]


def test_money_knows_no_floats() -> None:
    """Law 1: no float is written, named or made where money is counted."""
    assert [] == [source.at(one) for source in sources(*MONEY) for one in _floats(source.tree)]


def test_no_function_has_money_and_a_float() -> None:
    """Durations are floats; a function that speaks of minor units has none, and never divides them."""
    functions = [(source, one) for source in sources(*BESIDE_MONEY) for one in source.functions()]
    speaking = [(source, one) for source, one in functions if any(name.endswith("_minor") for name in _names(one))]
    assert [] == [source.at(found, one.name) for source, one in speaking for found in _floats(one)]


def test_no_clock_of_a_process_dates_anything() -> None:
    """A process's clock may be wrong, so the database dates what is kept and judges what is due: `store/clock.py`."""
    assert {*TELL_THE_TIME} == {source.path for source, one in _nodes(*PRODUCT) if _tells_the_time(one)}


def test_nothing_imports_the_worker() -> None:
    """A composition root is started, never used."""
    assert [] == [
        source.at(place)
        for source in sources(*PRODUCT, *BESIDE)
        for place, module in imported_modules(source)
        if module.split(".")[0] == "worker"
    ]


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
    assert [True] == [True for one in ast.walk(ast.parse("ask(clock=datetime.now)")) if _tells_the_time(one)]
    assert [True] == [_is_broad(one.type) for one in ast.walk(planted.tree) if isinstance(one, ast.ExceptHandler)]


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def _nodes(*folders: str) -> Iterator[tuple[Source, ast.AST]]:
    return ((source, node) for source in sources(*folders) for node in ast.walk(source.tree))


def _calls(*folders: str) -> Iterator[tuple[Source, ast.Call]]:
    return ((source, node) for source, node in _nodes(*folders) if isinstance(node, ast.Call))


def _tells_the_time(node: ast.AST) -> bool:
    """Whether it names a process's clock, to ask it or to have it asked."""
    return isinstance(node, ast.Attribute | ast.Name) and dotted(node) in PROCESS_CLOCKS


def _bare(name: str) -> str:
    return name.strip("_").lower()


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
