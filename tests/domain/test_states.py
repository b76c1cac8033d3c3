"""Section 3: which states end an object, and which leave an attempt open to the payer."""

from domain.states import AttemptState, Invoke, PaymentState, RefundState


def test_a_payment_ends_in_three_ways() -> None:
    """Law 11: the workflow is closed exactly then."""
    assert {"succeeded", "closed", "failed"} == {state for state in PaymentState if state.terminal}


def test_before_the_pivot_a_payment_can_be_undone() -> None:
    """The pivot is the committed move to confirming; what has ended cannot be undone either."""
    after = {PaymentState.CONFIRMING, PaymentState.SUCCEEDED, PaymentState.CLOSED, PaymentState.FAILED}
    assert set(PaymentState) - after == {state for state in PaymentState if state.before_pivot}


def test_an_attempt_is_open_while_the_payer_may_still_pay_by_it() -> None:
    """Unknown counts as open (law 5), and so does an intent that a stalled sender may still send."""
    assert {"intent", "sent", "waiting", "authorized", "unknown"} == {state for state in AttemptState if state.open}


def test_money_that_came_is_known_in_every_state_it_leads_to() -> None:
    """Law 9: late, twice and mismatching money, and what became of it."""
    received = {"paid", "paid_late", "paid_twice", "paid_mismatch", "returned", "applied"}
    assert received == {state for state in AttemptState if state.received_money}
    assert not any(state.open and state.received_money for state in AttemptState)


def test_a_refund_that_waits_for_a_person_has_not_ended() -> None:
    """Only success, the channel's proof of failure, or a bounce ends it."""
    assert {"succeeded", "failed", "bounced"} == {state for state in RefundState if state.terminal}


def test_three_ways_of_paying_take_the_money_in_the_call() -> None:
    """They are sent only when nothing beside them can refuse any more."""
    assert {"barcode", "card", "agreement"} == {invoke for invoke in Invoke if invoke.takes_money_at_once}
