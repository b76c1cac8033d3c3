"""One seed decides everything, and nothing else does."""

from collections import Counter

from chaos.failpoints import failpoints
from chaos.plan import plan_of
from chaos.points import UNREACHABLE, reached, step_of, stretch
from chaos.provocation import PROVOKED
from chaos.trouble import CLOCKS, COMMIT_WIRES, WIRES

POINTS = ("payment.open:before", "payment.open:after", "refund.fail:after")
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
        assert all(0 <= at_s < plan.load_s for at_s in times)
        assert 4 <= len(times) <= 8


def test_the_seeds_of_a_run_meet_every_kind_of_trouble() -> None:
    """Each family, each wire, each commit, and every point that is given."""
    troubles = [trouble for seed in SEEDS for trouble in plan_of(seed, points=POINTS).troubles]
    families = Counter(trouble.family for trouble in troubles)
    assert {"kill", "point", "wire", "commit", "channel", "callback", "clock", "sink", "operator", "disk"} == set(
        families
    )
    assert set(WIRES) == {trouble.target for trouble in troubles if trouble.family == "wire"}
    assert set(COMMIT_WIRES) == {trouble.target for trouble in troubles if trouble.family == "commit"}
    assert set(CLOCKS) == {trouble.target for trouble in troubles if trouble.family == "clock"}
    assert set(POINTS) == {trouble.detail for trouble in troubles if trouble.family == "point"}


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


def test_seeds_that_follow_each_other_arm_every_point() -> None:
    """A round of the ring leaves none out, wherever it begins, and no seed arms one twice."""
    points = reached()
    for first in (1, 50):
        armed = [stretch(seed, points) for seed in range(first, first + (len(points) + 1) // 2)]
        assert set(points) == {point for one in armed for point in one}
        assert all(len(set(one)) == len(one) for one in armed)


def test_the_load_is_brought_to_the_points_that_are_armed() -> None:
    """Who begins what leads there, and the channel's behaviour that it takes."""
    seed = next(seed for seed in SEEDS if "refund.fail:after" in stretch(seed, reached()))
    plan = plan_of(seed, points=reached())
    assert any(one.refund_refused and one.refunds for one in plan.journeys)
    assert len(plan.journeys) == len({one.number for one in plan.journeys})
    assert 0 < plan.refund_ms


def test_what_is_said_of_points_is_said_of_points_that_exist() -> None:
    """A step that is renamed would else be provoked in vain, or excused."""
    steps = {step_of(point) for point in reached()}
    assert set() == set(PROVOKED) - steps
    assert set() == set(UNREACHABLE) & steps
    assert set() == set(UNREACHABLE) - {step_of(point) for point in failpoints()}
