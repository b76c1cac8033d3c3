"""Small breakages of the coordinator and of the judgement, each with the test that must see it."""

from dataclasses import dataclass

TCC = "tests/workflows/test_tcc.py"
PROOF = "tests/activities/test_judgement.py"
MONEY = "tests/activities/test_judgement_money.py"


@dataclass(frozen=True)
class Breakage:
    """In `file`, the only occurrence of `right` becomes `wrong`; `test` of `test_file` fails then."""

    name: str
    file: str
    right: str
    wrong: str
    test_file: str
    test: str

    def apply(self, text: str) -> str:
        """The broken text; ValueError when the file has moved on and the breakage must be rewritten."""
        if text.count(self.right) != 1:
            raise ValueError(f"{self.name}: {self.file} has {text.count(self.right)} times {self.right!r}")
        return text.replace(self.right, self.wrong)


BREAKAGES = (
    Breakage(
        "a cancel that fails is given up",
        "workflows/tcc.py",
        "await forward(lambda: self._local.cancel(name), self._record.flag)",
        "await self._local.cancel(name)",
        TCC,
        "test_one_refusing_cancel_does_not_stop_the_others",
    ),
    Breakage(
        "what is held is let go although the money came",
        "workflows/tcc.py",
        "if self._sender is not None and not await self._sender.cancel():",
        "if self._sender is not None and await self._sender.cancel() is None:",
        TCC,
        "test_money_found_while_undoing_goes_forward",
    ),
    Breakage(
        "a bug compensates",
        "workflows/tcc.py",
        "            raise Stopped from error\n        raise",
        "            raise Stopped from error\n        raise Stopped from error",
        TCC,
        "test_a_bug_stalls_and_moves_nothing",
    ),
    Breakage(
        "not found is taken for closed",
        "activities/judgement.py",
        "        case AnswerState.CLOSED:",
        "        case AnswerState.CLOSED | AnswerState.NOT_FOUND:",
        PROOF,
        "test_silence_proves_nothing",
    ),
    Breakage(
        "expiry proves at every channel",
        "activities/judgement.py",
        "    return passed and standing.close_proof is CloseProof.AFTER_EXPIRY",
        "    return passed",
        PROOF,
        "test_a_question_after_expiry_and_margin_proves_where_the_channel_says_so",
    ),
    Breakage(
        "late money is dropped",
        "activities/judgement.py",
        'return Verdict({**received, "state": AttemptState.PAID_LATE}, None, Unapplied.LATE)',
        "return _asked_again(standing, at)",
        MONEY,
        "test_money_after_the_end_is_late",
    ),
)
