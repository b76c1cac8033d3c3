"""The list of failpoints is the code's own: it has every step, and everything that a running centre commits."""

import ast

import pytest

from chaos import failpoints as catalogue
from chaos.failpoints import failpoints, transactions
from tests.support.shop import Shop
from tests.tidy.tree import sources


def test_every_commit_and_every_call_of_a_channel_has_two_points() -> None:
    """Those with a name of their own, those named by a command, and those named by a caller."""
    commits = {"payment.open", "payment.refuse", "channel.query.known", "inventory+funds.try", "refund.claim"}
    calls = {f"channel.{name}.call" for name in ("pay", "query", "close", "refund", "refund_query", "transfer")}
    assert commits <= transactions()
    assert {f"{name}:{side}" for name in commits | calls for side in ("before", "after")} <= set(failpoints())
    assert sorted(set(failpoints())) == list(failpoints())


def test_no_generated_name_is_left_over() -> None:
    """Each expression that is explained by hand stands in the file that it is said to stand in."""
    texts = {source.path: source.tree for source in sources(*catalogue.FOLDERS)}
    assert [] == [
        (path, expression)
        for path, expression in catalogue.GENERATED
        if expression not in {ast.unparse(node) for node in ast.walk(texts[path]) if isinstance(node, ast.expr)}
    ]


async def test_a_running_centre_commits_nothing_else(shop: Shop) -> None:
    """Whatever the worker and the tests of this process have committed has its points."""
    made = await shop.pay(lines=True, balance_minor=1_000)
    await shop.payer_pays((await shop.until(made["id"], "awaiting_payer"))["out_no"])
    await shop.until(made["id"], "succeeded")
    refused = await shop.pay(lines=[{"sku": shop.sku, "quantity": 1_000, "unit_price_minor": 1}], amount_minor=1_000)
    assert "failed" == refused["state"]
    parts = shop.centre.parts
    assert parts is not None
    committed = set(parts.database.commits)
    assert {"payment.open", "inventory+funds.confirm", "channel.sent", "payment.finish"} <= committed
    assert set() == committed - transactions()


def test_a_name_that_cannot_be_read_is_refused() -> None:
    """A new step that is named in a new way is explained, or the list would lack it."""
    tree = ast.parse("async def step(self, command):\n    self._database.transaction(command.name)\n")
    with pytest.raises(catalogue.UnknownPoint, match=r"step\.py:2 command\.name"):
        catalogue.NamedCalls("step.py", tree).names("transaction")
