"""What the documents promise is what the code has."""

import re
from pathlib import Path
from typing import Any

import pytest

from domain.errors import BY_CODE, RequestProblem
from tests.support.centre import Centre

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(?P<code>\w+)` \|(?: (?P<status>\d+) \|)? .+? \| (?P<advice>.+?) \|$", re.MULTILINE)
#: What the page loads, and what its script asks for.
NAMED = re.compile(r"""(?:href=|src=|\burl: )["']([^"']*)["']""")
METHODS = {"get", "post", "put", "delete"}


@pytest.fixture(scope="module")
async def document(centre: Centre) -> dict[str, Any]:
    found: dict[str, Any] = (await centre.http.get("/openapi.json")).json()
    return found


def test_the_table_of_errors_is_complete() -> None:
    """Every code stands in docs/errors.md with its status and what to do, and no other does."""
    rows = {row["code"]: row for row in ROW.finditer((ROOT / "docs" / "errors.md").read_text())}
    assert {code: error.advice for code, error in BY_CODE.items()} == {
        code: row["advice"] for code, row in rows.items()
    }
    problems = {code: str(error.status) for code, error in BY_CODE.items() if issubclass(error, RequestProblem)}
    assert problems == {code: row["status"] for code, row in rows.items() if row["status"]}


async def test_openapi_knows_every_code(document: dict[str, Any]) -> None:
    """The enum of codes is the business error tree's: what refuses an object may also refuse to make one."""
    assert sorted(BY_CODE) == document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]


async def test_every_operation_is_described_with_its_errors(document: dict[str, Any]) -> None:
    """A summary, a description, an id of its own, and for each error status the problem schema with its codes."""
    operations = [
        operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS and path.startswith("/v1/")
    ]
    assert len(operations) == len({operation["operationId"] for operation in operations})
    for operation in operations:
        assert operation["description"]
        assert operation["security"]
        errors = {status: one for status, one in operation["responses"].items() if status >= "400"}
        assert {"401", "422", "500", "503"} <= errors.keys()
        for error in errors.values():
            assert error["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]


async def test_the_documentation_page_needs_no_other_host(centre: Centre) -> None:
    """A page for people beside the document for machines: all that it names is served by the process itself."""
    page = await centre.http.get("/docs")
    assert 200 == page.status_code
    named = set(NAMED.findall(page.text))
    assert {".css", ".js", ".png", ".json"} == {Path(one).suffix for one in named}
    assert [] == [one for one in named if not one.startswith("/") or one.startswith("//")]
    assert "//" not in page.text
    answers = {one: (await centre.http.get(one)).status_code for one in named}
    assert dict.fromkeys(named, 200) == answers


async def test_there_is_no_second_documentation_page(centre: Centre) -> None:
    """The one that would come with the framework loads its scripts and fonts from other hosts."""
    assert 404 == (await centre.http.get("/redoc")).status_code
