"""Nothing is left open, held or told to whom it does not concern."""

from collections import Counter
from collections.abc import Iterator

from chaos.truth import ENDS, Truth

RUNNING, NONE = "running", "none"
#: How a workflow may have ended: by itself, or by an operator's hand once its object had ended.
ENDED_WELL = frozenset({"completed", "terminated", "canceled"})


def everything_ended(truth: Truth) -> Iterator[str]:
    """Every payment, top-up, refund, payout and transfer has ended; a sending of unknown outcome is asked about."""
    for table, ends in ENDS.items():
        for row in truth.rows[table]:
            if row["state"] not in ends and not truth.waits_for_proof({**row, "table": table}):
                waits = row.get("certainty"), row.get("next_check_at"), row.get("attention_reason")
                yield f"{row['id']} is {row['state']}: {waits}"


def workflow_closed_as_the_object_ended(truth: Truth) -> Iterator[str]:
    """A workflow is closed when its object has ended, and only then; none failed."""
    for object_id, row in truth.objects().items():
        status = truth.workflows.get(object_id, NONE)
        ended = row["state"] in ENDS[row["table"]]
        if ended and status not in ENDED_WELL:
            yield f"{object_id} is {row['state']} and its workflow {status}"
        if not ended and status != RUNNING:
            yield f"{object_id} is {row['state']} and its workflow {status}"


def nothing_is_held(truth: Truth) -> Iterator[str]:
    """No account of these merchants has money held, but for a sending whose outcome is asked about."""
    known = truth.objects()
    waiting = {object_id for object_id, row in known.items() if truth.waits_for_proof(row)}
    accounted: Counter[str] = Counter()
    for hold in truth.holds:
        if hold["biz_id"] in waiting:
            accounted[hold["account_id"]] += hold["amount_minor"]
        else:
            yield f"{hold['biz_id']}: {hold['amount_minor']} held in {hold['account_id']}"
    for account in truth.frozen:
        if account["frozen"] != accounted[account["id"]]:
            yield f"{account['id']}: {account['frozen']} frozen, {accounted[account['id']]} accounted for"


def nothing_secret_in_histories(truth: Truth) -> Iterator[str]:
    """No history names a payee, a payer's code or a key."""
    yield from truth.leaks
