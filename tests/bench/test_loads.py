"""What a load asks for, and what is read from it afterwards."""

import json
from pathlib import Path

import pytest

from bench.marks import MarkReader, answer_phases, call_phases
from bench.memory import parse
from bench.orders import Orders
from bench.phases.recovery import recovered
from bench.plans import LoadPlan, LoadResult, Seen, Shop

SHOP = Shop(
    api="http://127.0.0.1:1",
    api_key="key",
    merchant_id="mer_1",
    skus=["a", "b"],
    unit_price_minor=2_000,
    currency="CNY",
    wallet_ids=["w1", "w2"],
    sold_out_sku="gone",
    empty_wallet_id="poor",
)
PLAN = LoadPlan(name="load", shops=[SHOP], database_url="", payments=300)
MARKS = {
    "claimed_at": 100.1,
    "opened_at": 100.2,
    "tried_at": 100.2,
    "sent_at": 100.3,
    "known_at": 100.4,
    "kept_at": 101.0,
    "signalled_at": None,
    "applied_at": 101.2,
    "confirming_at": 101.3,
    "committed_at": 101.4,
}


def _orders(plan: LoadPlan) -> list[dict[str, object]]:
    orders = Orders(plan)
    return [json.loads(orders.next()[1]) for _ in range(plan.payments)]


def _seen(**times: float) -> Seen:
    return Seen(payment_id="pay_1", due_at=100.0, answered_at=100.5, with_pay=True, **times)


def _result(seen: Seen) -> LoadResult:
    return LoadResult(payments=[seen], refusals=[], polls=0, cpu_ms=0, began_at=100.0)


def _failing(order: dict[str, object]) -> bool:
    text = json.dumps(order)
    return any(word in text for word in ('"gone"', '"poor"', "28decline"))


@pytest.mark.parametrize(("share", "failing"), [(0.0, 0), (0.1, 30), (0.5, 150), (1.0, 300)])
def test_so_many_payments_fail_as_were_asked_for(share: float, failing: int) -> None:
    """The share holds within what chance does to 300 payments, and the same plan always asks for the same."""
    plan = PLAN.failing(share)
    assert failing == pytest.approx(sum(_failing(order) for order in _orders(plan)), abs=25)
    assert _orders(plan) == _orders(plan)


def test_failing_payments_fail_in_every_way() -> None:
    """Sold out, without balance and declined come by turns."""
    orders = [json.dumps(order) for order in _orders(PLAN.failing(1.0))]
    assert [100, 100, 100] == [sum(word in order for order in orders) for word in ('"gone"', '"poor"', "28decline")]


def test_payments_go_round_the_shops() -> None:
    """Each shop has as many as any other, of all its products."""
    other = SHOP.model_copy(update={"api_key": "other", "skus": ["c"]})
    orders = Orders(PLAN.among([SHOP, other]))
    asked = [orders.next() for _ in range(8)]
    assert ["key", "other"] * 4 == [shop.api_key for shop, _ in asked]
    assert ["a", "c", "b", "c"] * 2 == [json.loads(body)["lines"][0]["sku"] for _, body in asked]


def test_an_answer_is_divided_into_its_phases() -> None:
    """The phases sum to the whole, and steps of one transaction take no time of their own."""
    phases = answer_phases([_seen(succeeded_at=101.5)], {"pay_1": MARKS})
    took_ms = {name: round(latency.p50_ms or 0) for name, latency in phases.items()}
    assert [100, 100, 0, 100, 100, 100] == list(took_ms.values())


def test_a_moment_that_was_not_kept_belongs_to_the_next_phase() -> None:
    """Without the API's log, the signal is part of the workflow task."""
    phases = call_phases([_seen(succeeded_at=101.5)], {"pay_1": MARKS})
    assert {"workflow task": 200, "apply, pivot": 100, "confirm": 100} == {
        name: round(latency.p50_ms or 0) for name, latency in phases.items()
    }


def test_a_callback_that_came_too_late_explains_nothing() -> None:
    """A poll brought that payment home."""
    assert {} == call_phases([_seen(succeeded_at=101.5)], {"pay_1": {**MARKS, "kept_at": 102.0}})


def test_what_the_api_passed_on_is_read_from_its_log(tmp_path: Path) -> None:
    """Lines about other things, and of other forms, do not matter."""

    class NoRows:
        def read(self, query: str) -> list[dict[str, object]]:
            return [{"id": one} for one in ("pay_1", "pay_2") if query]

    log = tmp_path / "api.log"
    line = {"event": "callback_passed_on", "workflow_id": "pay_1", "timestamp": "1970-01-01T00:01:40Z"}
    log.write_text(f'not JSON\n{json.dumps(line, separators=(",", ":"))}\n{{"event":"other"}}\n')
    found = MarkReader(NoRows(), log).read("load", began_at=0)
    assert [100.0, None] == [found[one]["signalled_at"] for one in ("pay_1", "pay_2")]


def test_a_payment_has_moved_with_its_first_step_after_the_kill() -> None:
    """Seconds since the kill, and since a new worker polled."""
    kill = recovered(_result(_seen(succeeded_at=101.5)), {"pay_1": MARKS}, killed_at=100.45, polled_at=101.0)
    assert (1, 0.75, 0.2) == (kill.open_payments, round(kill.moved_s, 2), round(kill.moved_after_poll_s, 2))


def test_a_payment_that_came_while_nobody_polled_was_hit() -> None:
    """It waits for the new worker as the others do."""
    kill = recovered(_result(_seen(succeeded_at=101.5)), {"pay_1": MARKS}, killed_at=99.0, polled_at=100.3)
    assert 1 == kill.open_payments


def test_a_payment_that_had_ended_was_not_hit() -> None:
    """Neither was one that came later."""
    result = _result(_seen(succeeded_at=101.5))
    for killed_at in (99.0, 102.0):
        kill = recovered(result, {"pay_1": MARKS}, killed_at=killed_at, polled_at=killed_at + 1)
        assert (0, 1.0, 0.0) == (kill.open_payments, kill.moved_s, kill.moved_after_poll_s)


def test_memory_is_read_in_megabytes() -> None:
    """All pages, and the fair share of shared ones."""
    text = "00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss:  140288 kB\nPss:  102400 kB\nShared_Clean: 1 kB\n"
    memory = parse(text)
    assert (137.0, 100.0) == (memory.rss_mb, memory.pss_mb)
