"""Statements that store many payments: what a chunk costs must not depend on how many are stored."""

import re

import pytest

from bench.growth.clones import ASIDE, TABLES, Table, insert, template

EVERY_TABLE = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@EVERY_TABLE
def test_a_chunk_reads_the_rows_put_aside_and_no_table(table: Table) -> None:
    """There is one payment's rows to read, beside the numbers of the clones."""
    assert [f"{ASIDE}.{table.name}", "seed"] == re.findall(r"(?:FROM|JOIN) ([\w.]+)", insert(table, table.other))


@EVERY_TABLE
def test_the_rows_of_one_payment_are_put_aside(table: Table) -> None:
    """Whatever they hang on, it is that payment."""
    statement = template(table, "pay_1")
    assert statement.startswith(f"CREATE TABLE {ASIDE}.{table.name} AS ")
    assert "= 'pay_1'" in statement


def test_a_clone_takes_over_what_is_not_its_own() -> None:
    """A column that no expression is given for has the template's value."""
    table = Table("shelf", "t.payment_id = '{payment_id}'", {"sku": "s.sku"})
    assert '("sku", "number") SELECT s.sku, t."number" FROM' in insert(table, ["sku", "number"])
