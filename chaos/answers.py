"""What the business was answered, on disk before anybody counts on it."""

import os
import time
from pathlib import Path
from typing import Any, Self, TextIO

import orjson
from pydantic import BaseModel, ConfigDict

UNAVAILABLE, BUSY = 503, 409


class Answer(BaseModel):
    """One call and how it ended: with a status and the object's words, or with why there was no answer."""

    model_config = ConfigDict(frozen=True)

    at: float
    merchant: int
    kind: str
    number: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    status: int | None = None
    error: str | None = None
    object: dict[str, Any] = {}

    @property
    def code(self) -> str | None:
        """The code of a refusal."""
        code: str | None = self.object.get("code")
        return code

    @property
    def unknown(self) -> bool:
        """True when the caller cannot know whether it was done, or is told to come again."""
        if self.status is None or self.status >= 500:  # noqa: PLR2004 - the class of server errors
            return True
        return self.status == BUSY and self.code == "idempotency_in_progress"


class AnswerFile:
    """A file of answers, each of which is on the disk when `keep` returns."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.answers: list[Answer] = []

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new file."""
        return cls(path.open("w"))

    def keep(self, answer: Answer) -> Answer:
        """The answer is durable, then counted."""
        self._stream.write(answer.model_dump_json() + "\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.answers.append(answer)
        return answer

    def close(self) -> None:
        """Nothing more is written."""
        self._stream.close()


def read_answers(path: Path) -> list[Answer]:
    """What was kept, oldest first."""
    return [Answer.model_validate(orjson.loads(line)) for line in path.read_text().splitlines()]


def answered_at() -> float:
    """Now, as answers count time."""
    return time.time()
