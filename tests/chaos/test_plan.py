"""One seed decides everything, and nothing else does."""

from collections import Counter

from chaos.plan import plan_of
from chaos.points import reached
from chaos.trouble import COMMIT_WIRES, WIRES

POINTS = ("payment.open:before", "payment.open:after")
SEEDS = range(300)


def test_a_seed_gives_the_same_plan_each_time() -> None:
    """A seed that failed can be run again; another seed is another plan."""
    assert plan_of(7, points=POINTS) == plan_of(7, points=POINTS)
    assert plan_of(7, points=POINTS) != plan_of(8, points=POINTS)


def test_a_plan_can_be_written_down_and_read_again() -> None:
    """What is kept of a failed seed is the whole plan."""
    plan = plan_of(7, points=POINTS)
    assert plan == type(plan).model_validate_json(plan.model_dump_json())


def test_every_trouble_comes_while_the_load_runs() -> None:
    """A fault after the load would test nothing; they are in the order of their times."""
    for seed in SEEDS:
        plan = plan_of(seed, points=POINTS)
        times = [trouble.at_s for trouble in plan.troubles]
        assert sorted(times) == times
        assert all(0 < at_s < plan.load_s for at_s in times)
        assert 3 <= len(times) <= 7


def test_the_seeds_of_a_run_meet_every_kind_of_trouble() -> None:
    """Each family, each wire, each commit, and every point that is given."""
    troubles = [trouble for seed in SEEDS for trouble in plan_of(seed, points=POINTS).troubles]
    families = Counter(trouble.family for trouble in troubles)
    assert {"kill", "point", "wire", "commit", "channel", "callback", "clock", "sink", "operator"} == set(families)
    assert set(WIRES) == {trouble.target for trouble in troubles if trouble.family == "wire"}
    assert set(COMMIT_WIRES) == {trouble.target for trouble in troubles if trouble.family == "commit"}
    armed = [trouble.detail.split(",") for trouble in troubles if trouble.family == "point"]
    assert set(POINTS) == {point for points in armed for point in points}


def test_two_troubles_at_once_happen() -> None:
    """What one recovery hides, two uncover."""
    plans = (plan_of(seed, points=POINTS) for seed in SEEDS)
    assert any(len({one.at_s for one in plan.troubles}) < len(plan.troubles) for plan in plans)


def test_every_kind_of_journey_is_travelled() -> None:
    """Each kind, each way of paying, each payer; amounts that add up."""
    journeys = [journey for seed in SEEDS for journey in plan_of(seed, points=POINTS).journeys]
    assert {"payment", "top_up", "payout", "transfer"} == {one.kind for one in journeys}
    assert {"pays", "never", "late", "wrong", "twice"} == {one.payer for one in journeys}
    assert {"qr", "barcode"} == {one.invoke for one in journeys}
    assert all(0 <= one.balance_minor <= one.amount_minor for one in journeys)


def test_the_load_can_reach_the_points_of_every_workflow() -> None:
    """Those of operators' changes are left out, those of sagas are not."""
    names = {point.partition(":")[0] for point in reached()}
    assert {"payment.open", "refund.confirm", "payout.known", "transfer.post", "channel.sent", "event.number"} <= names
    assert {"merchant.add", "rule.put"}.isdisjoint(names)
