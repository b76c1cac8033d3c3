"""What the workflow tells an operator: the steps so far, and in words what it waits for."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.commands import PaymentView, SagaAttempt, SagaBranch, SagaStep, SagaView
    from domain.states import PaymentState, Purpose

STEPS_KEPT = 100
_TITLES = {Purpose.PAYMENT: "Payment of order", Purpose.TOP_UP: "Top-up"}


class Story:
    """Kept in memory only: a replay tells it again, a new start begins it anew."""

    def __init__(self) -> None:
        self._steps: list[SagaStep] = []
        self._branches: dict[str, str] = {}
        self._pivot_passed = False
        self._waits_for = "the payment to open"

    def tell(self, step: str, payment: PaymentView) -> None:
        """A step ended, and this is the payment now."""
        self._steps = [*self._steps, SagaStep(name=step, state="ended", at=workflow.now())][-STEPS_KEPT:]
        self._mark(step)
        self._pivot_passed |= payment.state is PaymentState.SUCCEEDED

    def pass_pivot(self) -> None:
        """From here there is only forward."""
        self._pivot_passed = True

    def wait_for(self, what: str, payment: PaymentView) -> None:
        """The current details in the Temporal UI say where the payment stands and what it waits for."""
        self._waits_for = what
        workflow.set_current_details(in_words(payment, what))

    def view(self, payment: PaymentView) -> SagaView:
        """The answer of the `saga` query."""
        return SagaView(
            payment_id=payment.payment_id,
            purpose=payment.purpose,
            state=payment.state,
            pivot_passed=self._pivot_passed,
            steps=tuple(self._steps),
            branches=tuple(SagaBranch(name=name, state=state) for name, state in self._branches.items()),
            attempts=tuple(
                SagaAttempt(out_no=attempt.out_no, channel=attempt.channel, state=attempt.state)
                for attempt in payment.attempts
            ),
            certainty=payment.certainty,
            needs_attention=payment.needs_attention,
            waits_for=self._waits_for,
        )

    def _mark(self, step: str) -> None:
        names, _, phase = step.rpartition(".")
        past = {"try": "tried", "confirm": "confirmed", "cancel": "cancelled"}.get(phase)
        if past is None:
            return
        for name in names.split("+"):
            self._branches[name] = past


def in_words(payment: PaymentView, what: str) -> str:
    """Markdown for the Temporal UI: state, parts, attempts, and what is next."""
    attempts = "".join(
        f"\n- attempt `{attempt.out_no}` at {attempt.channel}: **{attempt.state}**" for attempt in payment.attempts
    )
    attention = "\n\n**Needs attention.**" if payment.needs_attention else ""
    return (
        f"{_TITLES[payment.purpose]} `{payment.order_no}`: **{payment.state}** ({payment.certainty}).\n\n"
        f"{payment.channel_minor} by channel, {payment.balance_minor} from the balance "
        f"(minor units of {payment.currency}).{attempts}\n\nWaits for: {what}.{attention}"
    )
