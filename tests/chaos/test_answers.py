"""What the business was answered is on the disk before anybody counts on it."""

from pathlib import Path
from typing import Any

import pytest

from chaos.answers import Answer, AnswerFile, read_answers


def answer(**fields: Any) -> Answer:  # noqa: ANN401
    """One call that made a payment."""
    about = {"at": 1, "merchant": 0, "kind": "payments", "number": "order-1", "method": "POST", "path": "/v1/payments"}
    return Answer.model_validate({**about, "status": 201, "object": {"id": "pay_1"}, **fields})


def test_an_answer_that_was_kept_can_be_read_while_the_load_runs(tmp_path: Path) -> None:
    """Nothing waits for the file to be closed: a load that is killed loses no answer."""
    kept = AnswerFile.create(tmp_path / "answers.jsonl")
    kept.keep(answer())
    kept.keep(answer(status=None, error="ReadError", object={}))
    assert [answer(), answer(status=None, error="ReadError", object={})] == read_answers(tmp_path / "answers.jsonl")
    kept.close()


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"status": 201}, False),
        ({"status": 409, "object": {"code": "refund_above_refundable"}}, False),
        ({"status": 409, "object": {"code": "idempotency_in_progress"}}, True),
        ({"status": 500, "object": {"code": "internal_error"}}, True),
        ({"status": 503, "object": {"code": "unavailable"}}, True),
        ({"status": None, "error": "ConnectError"}, True),
    ],
)
def test_a_call_is_repeated_until_its_outcome_is_known(fields: dict[str, Any], *, unknown: bool) -> None:
    """A refusal is an answer; silence, a server's error and a call that still runs are none."""
    assert unknown == answer(**fields).unknown
