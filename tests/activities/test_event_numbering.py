from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from activities.event_numbering import CommittedEvent, in_version_order


def event(object_id: str, version: int) -> CommittedEvent:
    return CommittedEvent(f"{object_id}{version}", "mer_1", "payment.closed", object_id, version, {}, datetime.now(UTC))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), unique=True))
def test_versions_of_an_object_stand_in_order_in_the_places_of_that_object(keys: list[tuple[str, int]]) -> None:
    """No event is lost, no object moves among the others, and versions grow."""
    events = [event(object_id, version) for object_id, version in keys]
    ordered = in_version_order(events)
    assert sorted(keys) == sorted((entry.object_id, entry.object_version) for entry in ordered)
    assert [entry.object_id for entry in events] == [entry.object_id for entry in ordered]
    for name in "abc":
        versions = [entry.object_version for entry in ordered if entry.object_id == name]
        assert sorted(versions) == versions
