"""What happened was told, whole, in order, signed, and at least once."""

from collections.abc import Iterator

from chaos.truth import Truth


def feeds_are_complete_and_in_order(truth: Truth) -> Iterator[str]:
    """A merchant's feed has each of its events once, in the order of the feed, an object's by their versions."""
    for shop in truth.shops:
        own = [row for row in truth.rows["event"] if row["merchant_id"] == shop.merchant_id]
        for row in own:
            if row["feed_no"] is None:
                yield f"{row['id']} {row['type']} is not in the feed"
        expected = [row["id"] for row in sorted(own, key=lambda row: row["feed_no"] or 0) if row["feed_no"]]
        read = [event["id"] for event in truth.feeds[shop.merchant_id]]
        if expected != read:
            yield f"{shop.merchant_id}: the feed has {len(read)} events, written were {len(expected)}"
        yield from _backwards(truth, shop.merchant_id)


def _backwards(truth: Truth, merchant_id: str) -> Iterator[str]:
    newest: dict[str, int] = {}
    for event in truth.feeds[merchant_id]:
        object_id, version = event["data"]["object"]["id"], event["object_version"]
        if version < newest.get(object_id, 0):
            yield f"{event['id']}: version {version} of {object_id} after {newest[object_id]}"
        newest[object_id] = version


def every_event_was_delivered(truth: Truth) -> Iterator[str]:
    """Each event reached the business at least once, with a signature that is right."""
    received = {(one.merchant_id, one.event_id) for one in truth.webhooks if one.verified}
    states = {row["event_id"]: row["state"] for row in truth.rows["delivery"]}
    for row in truth.rows["event"]:
        if (row["merchant_id"], row["id"]) not in received:
            yield f"{row['id']} {row['type']} was not received; its delivery is {states.get(row['id'])}"


def every_webhook_was_ours(truth: Truth) -> Iterator[str]:
    """Every webhook is signed, tells an event of that merchant, and says the same each time."""
    own = {(row["merchant_id"], row["id"]) for row in truth.rows["event"]}
    said: dict[str, str] = {}
    for one in truth.webhooks:
        if not one.verified:
            yield f"{one.event_id} has a wrong signature"
        if (one.merchant_id, one.event_id) not in own:
            yield f"{one.event_id} is no event of {one.merchant_id}"
        if said.setdefault(one.event_id, one.body) != one.body:
            yield f"{one.event_id} says two things"
