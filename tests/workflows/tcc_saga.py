"""The coordinator over branches that follow a script and keep a diary; a real workflow on the real server."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import TimeoutError as StepTimeout

with workflow.unsafe.imports_passed_through():
    from workflows.failures import Refusal
    from workflows.tcc import Decision, Saga, Stopped


class Script(BaseModel):
    """What the rows said at the start, who takes part, and how often and in which way each step fails before it works.

    A failure is `deadline`, `stopped`, the code of a business refusal, or any other word for a fault of the machinery.
    """

    model_config = ConfigDict(frozen=True)

    decision: Decision = Decision.OPEN
    local: tuple[str, ...] = ("inventory", "funds")
    sends: bool = True
    paid_after_all: bool = False
    failures: Mapping[str, tuple[str, ...]] = {}


class Ended(BaseModel):
    """The decision, the steps in order, and the flags."""

    decision: Decision
    steps: tuple[str, ...]
    flags: tuple[str, ...]


class Diary:
    """Every step that was called, and the failure that the script has for it."""

    def __init__(self, failures: Mapping[str, tuple[str, ...]]) -> None:
        self._left = {step: list(words) for step, words in failures.items()}
        self.steps: list[str] = []
        self.flags: list[str] = []

    async def step(self, name: str) -> None:
        """The step is written down, and fails or works as the script says."""
        self.steps.append(name)
        if self._left.get(name):
            raise _failure(self._left[name].pop(0))


def _failure(word: str) -> Exception:
    match word:
        case "stopped":
            return Stopped()
        case "deadline":
            return StepTimeout("out of time", type=None, last_heartbeat_details=())
        case _:
            return ApplicationError("the script says so", type=word, non_retryable=True)


class ScriptedBranches:
    """Participants of our own house."""

    def __init__(self, diary: Diary, names: Sequence[str]) -> None:
        self._diary = diary
        self._names = names

    def names(self) -> Sequence[str]:
        """As the script says."""
        return self._names

    async def try_(self) -> None:
        """One step for all."""
        await self._diary.step("try local")

    async def confirm(self) -> None:
        """One step for all."""
        await self._diary.step("confirm local")

    async def cancel(self, name: str) -> None:
        """One step each."""
        await self._diary.step(f"cancel {name}")


class ScriptedSender:
    """The branch that leaves the house."""

    name = "channel"

    def __init__(self, diary: Diary, *, paid_after_all: bool) -> None:
        self._diary = diary
        self._paid_after_all = paid_after_all

    async def try_(self) -> None:
        """Sent."""
        await self._diary.step("send")

    async def cancel(self) -> bool:
        """Proven unpayable, unless the script says that it was paid after all."""
        await self._diary.step("unsend")
        return not self._paid_after_all

    async def confirm(self) -> None:
        """Said."""
        await self._diary.step("confirm sender")


class ScriptedRecord:
    """The committed decisions."""

    def __init__(self, diary: Diary, decision: Decision) -> None:
        self._diary = diary
        self._decision = decision

    def decision(self) -> Decision:
        """As the script says."""
        return self._decision

    async def pivot(self) -> None:
        """There is only forward."""
        await self._diary.step("pivot")

    async def refuse(self, refusal: Refusal) -> None:
        """Kept, with its code."""
        await self._diary.step(f"refused {refusal.code}")

    async def stop(self) -> None:
        """Closing."""
        await self._diary.step("stop")

    async def finish(self, decision: Decision) -> None:
        """Ended."""
        await self._diary.step(f"finish {decision}")

    async def flag(self, reason: str) -> None:
        """Shown; a script may let it fail."""
        self._diary.flags.append(reason)
        await self._diary.step("flag")


@workflow.defn
class TccSaga:
    """One saga of scripted branches."""

    @workflow.run
    async def run(self, script: Script) -> Ended:
        """The diary of a saga that has ended."""
        diary = Diary(script.failures)
        sender = ScriptedSender(diary, paid_after_all=script.paid_after_all) if script.sends else None
        local = ScriptedBranches(diary, script.local)
        decision = await Saga(local=local, sender=sender, record=ScriptedRecord(diary, script.decision)).run()
        steps = tuple(step for step in diary.steps if step != "flag")
        return Ended(decision=decision, steps=steps, flags=tuple(diary.flags))
