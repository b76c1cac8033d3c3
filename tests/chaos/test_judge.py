"""A judge that cannot find fault is worthless: each rule is shown a truth that breaks it."""

from collections.abc import Callable
from typing import Any

import pytest

from chaos.judge import RULES, judged
from chaos.truth import Truth, Webhook
from tests.chaos.truths import answer, sound

Doctor = Callable[[Truth], Any]


def broken(truth: Truth) -> set[str]:
    """The rules that do not hold."""
    return {verdict.rule for verdict in judged(truth) if verdict.breaches}


def row(truth: Truth, table: str, place: int = 0) -> dict[str, Any]:
    """One row, to be changed."""
    return truth.rows[table][place]


def wait_for_proof(truth: Truth) -> None:
    """The payout's outcome is unknown after several sends, and it is asked about later."""
    row(truth, "payout").update(state="processing", certainty="unknown", sends=2, next_check_at="soon")
    truth.workflows["pyo_1"] = "running"
    truth.book["transfers"].clear()
    truth.clearing["cha_1"] = -600
    truth.holds.append({"biz_id": "pyo_1", "account_id": "acc_9", "amount_minor": 300})
    truth.frozen.append({"id": "acc_9", "frozen": 300})


def give_back_again(truth: Truth) -> None:
    """A second refund of the late order stands here."""
    truth.rows["refund"].append({**row(truth, "refund", 1), "id": "ref_3", "out_refund_no": "R3"})
    truth.workflows["ref_3"] = "completed"


def tell_an_older_version(truth: Truth) -> None:
    """The feed's second event is about an earlier version of the same object."""
    truth.feeds["mer_1"].append({**truth.feeds["mer_1"][0], "id": "evt_2", "object_version": 2})
    truth.rows["event"].append({**row(truth, "event"), "id": "evt_2", "feed_no": 2})
    truth.webhooks.append(truth.webhooks[0].model_copy(update={"event_id": "evt_2"}))


DOCTORED: dict[str, tuple[Doctor, set[str]]] = {
    "a call was never answered": (
        lambda truth: truth.answers.append(answer("payments", "order-7", {}, status=None, error="ReadError")),
        {"every_call_was_answered"},
    ),
    "an acknowledged object is gone": (
        lambda truth: truth.answers.append(answer("payments", "order-3", {"id": "pay_9"})),
        {"acknowledged_objects_exist", "one_object_for_a_number"},
    ),
    "a number has two objects": (
        lambda truth: row(truth, "payment", 1).update(order_no="order-1", amount_minor=1_000),
        {"one_object_for_a_number"},
    ),
    "the amount changed": (
        lambda truth: row(truth, "payout").update(amount_minor=301, fee_minor=1),
        {"amounts_never_change"},
    ),
    "an end was taken back": (
        lambda truth: truth.answers.append(
            answer("payments", "order-2", {"id": "pay_2", "state": "succeeded"}, body={"amount_minor": 700})
        ),
        {"an_end_is_final"},
    ),
    "a refused refund is there": (
        lambda truth: row(truth, "refund").update(refund_no="back-9"),
        {"a_refusal_left_nothing", "amounts_never_change"},
    ),
    "a refusal that nobody expects": (
        lambda truth: truth.answers.append(answer("payouts", "out-9", {"code": "invalid_request"}, status=422)),
        {"a_refusal_left_nothing"},
    ),
    "we answered a fault of ours, then well": (
        lambda truth: truth.answers.insert(
            0, answer("payouts", "out-1", {"code": "internal_error"}, status=500, body={"amount_minor": 300})
        ),
        {"no_fault_of_ours_was_answered"},
    ),
    "a paid order is credited to nobody": (
        lambda truth: row(truth, "attempt", 1).update(state="closed"),
        {"paid_orders_are_credited_once"},
    ),
    "a late order was given back twice": (
        give_back_again,
        {"paid_orders_are_credited_once", "refunds_were_done_once"},
    ),
    "a payment was credited that nobody paid": (
        lambda truth: truth.book["orders"][0].update(state="waiting"),
        {"what_is_credited_was_paid", "clearing_is_what_lies_at_the_channel"},
    ),
    "an order paid another amount": (
        lambda truth: truth.book["orders"][0].update(amount_minor=999),
        {"paid_orders_are_credited_once", "what_is_credited_was_paid", "clearing_is_what_lies_at_the_channel"},
    ),
    "the channel has an order of nobody": (
        lambda truth: truth.book["orders"].append(
            {"out_no": "A9", "app_id": "app", "state": "waiting", "amount_minor": 1}
        ),
        {"the_channel_has_no_order_of_nobody"},
    ),
    "a refund was done twice": (
        lambda truth: truth.book["refunds"].append({**truth.book["refunds"][0]}),
        {"refunds_were_done_once", "clearing_is_what_lies_at_the_channel"},
    ),
    "a payout was not done": (
        lambda truth: truth.book["transfers"].clear(),
        {"transfers_were_done_once", "clearing_is_what_lies_at_the_channel"},
    ),
    "our clearing account is wrong": (
        lambda truth: truth.clearing.update(cha_1=-301),
        {"clearing_is_what_lies_at_the_channel"},
    ),
    "an object never ended": (
        lambda truth: row(truth, "transfer").update(state="pending") or truth.workflows.update(trf_1="running"),
        {"everything_ended"},
    ),
    "an ended object's workflow runs": (
        lambda truth: truth.workflows.update(pay_1="running"),
        {"workflow_closed_as_the_object_ended"},
    ),
    "a workflow failed": (
        lambda truth: truth.workflows.update(pay_1="failed"),
        {"workflow_closed_as_the_object_ended"},
    ),
    "an open object has no workflow": (
        lambda truth: row(truth, "transfer").update(state="pending"),
        {"everything_ended", "workflow_closed_as_the_object_ended"},
    ),
    "money is held for an ended object": (
        lambda truth: truth.holds.append({"biz_id": "pay_1", "account_id": "acc_1", "amount_minor": 5}),
        {"nothing_is_held"},
    ),
    "money is frozen for nobody": (
        lambda truth: truth.frozen.append({"id": "acc_1", "frozen": 5}),
        {"nothing_is_held"},
    ),
    "the feed lacks an event": (
        lambda truth: truth.feeds["mer_1"].clear(),
        {"feeds_are_complete_and_in_order"},
    ),
    "an event is not in the feed": (
        lambda truth: row(truth, "event").update(feed_no=None),
        {"feeds_are_complete_and_in_order"},
    ),
    "the feed goes backwards": (
        tell_an_older_version,
        {"feeds_are_complete_and_in_order"},
    ),
    "an event was not delivered": (
        lambda truth: truth.webhooks.clear(),
        {"every_event_was_delivered"},
    ),
    "a webhook has a wrong signature": (
        lambda truth: truth.webhooks.append(truth.webhooks[0].model_copy(update={"verified": False})),
        {"every_webhook_was_ours"},
    ),
    "a webhook says two things": (
        lambda truth: truth.webhooks.append(truth.webhooks[0].model_copy(update={"body": "[]"})),
        {"every_webhook_was_ours"},
    ),
    "a webhook tells another merchant's event": (
        lambda truth: truth.webhooks.append(Webhook(merchant_id="mer_1", event_id="evt_8", body="", verified=True)),
        {"every_webhook_was_ours"},
    ),
    "a forged callback was acknowledged": (
        lambda truth: truth.believed.append("forged was acknowledged with 200"),
        {"no_lie_was_acknowledged"},
    ),
    "a history names a payee": (
        lambda truth: truth.leaks.append("pyo_1 names 6222…"),
        {"nothing_secret_in_histories"},
    ),
    "an invariant is broken": (
        lambda truth: truth.invariants["01_postings_sum_to_zero"].append({"id": "x"}),
        {"verify:01_postings_sum_to_zero"},
    ),
}


def test_a_sound_truth_breaks_no_rule() -> None:
    """What follows is broken by what is doctored alone."""
    assert set() == broken(sound())


@pytest.mark.parametrize("what", DOCTORED)
def test_the_judge_finds(what: str) -> None:
    """Exactly the rules that are broken are named."""
    doctor, expected = DOCTORED[what]
    truth = sound()
    doctor(truth)
    assert expected == broken(truth)


def test_a_sending_that_waits_for_proof_is_no_breach() -> None:
    """Money stays held for it, and the question comes again."""
    truth = sound()
    wait_for_proof(truth)
    assert set() == broken(truth)


def test_a_close_that_waits_for_proof_is_no_breach() -> None:
    """The channel does not find the order, which proves nothing: it is asked until the order's expiry."""
    truth = sound()
    truth.rows["payment"].append(
        {**row(truth, "payment", 1), "id": "pay_3", "order_no": "order-3", "state": "closing", "certainty": "unknown"}
    )
    row(truth, "payment", 2)["next_check_at"] = "soon"
    truth.workflows["pay_3"] = "running"
    assert set() == broken(truth)
    row(truth, "payment", 2)["certainty"] = "waiting"
    assert {"everything_ended"} == broken(truth)


def test_a_sending_that_nobody_asks_about_is_a_breach() -> None:
    """Unknown, and no question ever comes: it is lost, with what it holds."""
    truth = sound()
    wait_for_proof(truth)
    row(truth, "payout").update(next_check_at=None)
    assert {"everything_ended", "nothing_is_held"} == broken(truth)


def test_every_rule_is_shown_to_break() -> None:
    """A new rule comes with a truth that breaks it."""
    shown = {rule for _, rules in DOCTORED.values() for rule in rules}
    assert {rule.__name__ for rule in RULES} <= shown
