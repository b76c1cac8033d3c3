"""How a failed step is read: local failures arrive bare, those of normal activities wrapped; law 7 sorts them."""

from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as StepTimeout

from domain.errors import is_refusal


class Refusal(Exception):
    """A participant refused on purpose; the saga compensates."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def cause_of(error: FailureError) -> BaseException:
    """The failure itself, out of the envelope that normal activities arrive in."""
    if isinstance(error, ActivityError) and error.cause is not None:
        return error.cause
    return error


def refusal_of(error: FailureError) -> Refusal | None:
    """The business refusal inside a step's failure; None for anything that decides nothing."""
    cause = cause_of(error)
    if isinstance(cause, ApplicationError) and is_refusal(cause.type):
        return Refusal(cause.type or "", cause.message)
    return None


def timed_out(error: FailureError) -> bool:
    """True when the step ran out of its time or its tries, which decides nothing by itself.

    The engine reports that as a timeout, or as the last failure of a step that it would have tried again: when the
    next try would come after the deadline, a retryable failure reaches the workflow.
    """
    cause = cause_of(error)
    retryable = isinstance(cause, ApplicationError) and not cause.non_retryable and not is_refusal(cause.type)
    return retryable or isinstance(cause, StepTimeout)


def describe(error: FailureError) -> str:
    """One line for an operator: the kind of failure, never its message, which may quote the outside."""
    cause = cause_of(error)
    kind = cause.type if isinstance(cause, ApplicationError) else None
    return kind or type(cause).__name__


def undecided(error: FailureError) -> RuntimeError:
    """What to raise for a failure that decides nothing (law 7).

    A plain exception leaves the workflow open with a failing task, where an operator sees it; no money moves.
    """
    return RuntimeError(f"a step failed for a reason that decides nothing: {describe(error)}")
