"""Pages that list something list all of it: settings, dependencies; and the lock files are what they promise."""

import re
from importlib.metadata import metadata

import pytest

from settings import Settings
from tests.tidy.tree import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bench.lock")
DECLARED = ("requirements.in", "requirements-dev.in", "requirements-bench.in")
ALWAYS_INSTALLED = DECLARED[:2]
NAME = re.compile(r"[A-Za-z0-9._-]+")


def test_every_setting_is_documented_as_it_is() -> None:
    """Variable, default and meaning; no variable that does not exist."""
    expected = {
        f"PAYSAGA_{name.upper()}": (_shown(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }
    assert expected == {name: tuple(rest) for name, *rest in _rows("docs/settings.md")}


def test_every_setting_says_what_it_means() -> None:
    """A field without a description could not be documented."""
    assert [] == [name for name, field in Settings.model_fields.items() if not field.description]


def test_every_dependency_has_its_reason() -> None:
    """One line each with reason, licence and upkeep; none of what is no dependency any more."""
    rows = _rows("docs/dependencies.md")
    assert sorted(name for path in DECLARED for name in _declared(path)) == sorted(name for name, *_ in rows)
    assert [] == [name for name, *rest in rows if len(rest) != 3 or not all(rest)]


@pytest.mark.parametrize("path", ALWAYS_INSTALLED)
def test_licences_are_those_of_the_packages(path: str) -> None:
    """What the page says is what the installed package says."""
    said = {package: licence for package, _, licence, _ in _rows("docs/dependencies.md")}
    wrong = {package: _licence(package) for package in _declared(path) if _licence(package) != said[package]}
    assert {} == wrong


@pytest.mark.parametrize("path", LOCKS)
def test_a_lock_names_versions_and_hashes_and_no_index(path: str) -> None:
    """Any mirror serves: no address, no path, no option; every package is pinned with a hash."""
    text = (ROOT / path).read_text()
    assert [] == [
        word for word in ("://", "--index", "--extra", "--find-links", "--trusted", " @ ", "file:") if word in text
    ]
    packages = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert [] == [line for line in packages if "==" not in line]
    assert len(packages) == len(re.findall(r"^\S.*\\\n +--hash=sha256:", text, re.MULTILINE))


@pytest.mark.parametrize(("declared", "lock"), list(zip(DECLARED, LOCKS, strict=True)))
def test_everything_declared_is_locked(declared: str, lock: str) -> None:
    """A dependency that is added is locked in the same change."""
    locked = set(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==", (ROOT / lock).read_text(), re.MULTILINE))
    assert set() == set(_declared(declared)) - locked


def _declared(path: str) -> list[str]:
    """The names in a requirements file, without extras, markers and other files."""
    lines = [line.strip() for line in (ROOT / path).read_text().splitlines()]
    return [found[0] for line in lines if not line.startswith(("-", "#")) and (found := NAME.match(line))]


def _rows(path: str) -> list[list[str]]:
    """The cells of each table row whose first cell is code, the marks of code left out."""
    lines = [line for line in (ROOT / path).read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in _cells(line)] for line in lines]


def _cells(line: str) -> list[str]:
    """A bar between marks of code parts no cell."""
    first, *others = re.findall(r"\s*((?:`[^`]*`|[^|`])+?)\s*\|", line.removeprefix("|"))
    return [first.strip("`"), *others]


def _shown(default: object) -> str:
    match default:
        case None:
            return "unset"
        case bool():
            return f"`{int(default)}`"
        case _:
            return f"`{default}`"


def _licence(package: str) -> str:
    about = metadata(package)
    text = about["License-Expression"] if "License-Expression" in about else about["License"].splitlines()[0]
    return text.removesuffix(" License").replace("BSD 2-Clause", "BSD-2-Clause")
