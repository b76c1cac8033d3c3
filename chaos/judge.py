"""The rules that no fault may break; each has a name, and says which objects broke it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chaos import judge_answers, judge_channel, judge_ends, judge_events
from chaos.truth import Truth

Rule = Callable[[Truth], Iterable[str]]

#: So many breaches of one rule are told; a rule that is broken more often is broken as a whole.
TOLD = 20

RULES: tuple[Rule, ...] = (
    judge_answers.every_call_was_answered,
    judge_answers.acknowledged_objects_exist,
    judge_answers.one_object_for_a_number,
    judge_answers.amounts_never_change,
    judge_answers.an_end_is_final,
    judge_answers.a_refusal_left_nothing,
    judge_answers.no_fault_of_ours_was_answered,
    judge_channel.paid_orders_are_credited_once,
    judge_channel.what_is_credited_was_paid,
    judge_channel.the_channel_has_no_order_of_nobody,
    judge_channel.refunds_were_done_once,
    judge_channel.transfers_were_done_once,
    judge_channel.clearing_is_what_lies_at_the_channel,
    judge_channel.no_lie_was_acknowledged,
    judge_ends.everything_ended,
    judge_ends.workflow_closed_as_the_object_ended,
    judge_ends.nothing_is_held,
    judge_events.feeds_are_complete_and_in_order,
    judge_events.every_event_was_delivered,
    judge_events.every_webhook_was_ours,
    judge_ends.nothing_secret_in_histories,
)


@dataclass(frozen=True)
class Verdict:
    """What one rule said: no breach means that it holds."""

    rule: str
    holds: str
    breaches: tuple[str, ...]


def judged(truth: Truth) -> tuple[Verdict, ...]:
    """Every rule of this module and every invariant of `make verify`, in this order."""
    ours = [_verdict(rule.__name__, rule.__doc__ or "", rule(truth)) for rule in RULES]
    asked = [_verdict(f"verify:{name}", "", map(str, rows)) for name, rows in truth.invariants.items()]
    return (*ours, *asked)


def _verdict(name: str, says: str, breaches: Iterable[str]) -> Verdict:
    return Verdict(rule=name, holds=says.split("\n", 1)[0], breaches=tuple(breaches)[:TOLD])
