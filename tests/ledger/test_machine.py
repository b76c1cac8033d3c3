"""The book against a model of it: whatever happens at once, some order of it explains every answer and balance."""

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, ClassVar, TypeVar

import asyncpg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.ids import new_id
from tests.ledger.clerk import Clerk
from tests.ledger.machine_model import Action, Name, Said, in_some_order
from tests.ledger.machine_shop import MachineShop
from tests.ledger.machine_windows import windows
from tests.ledger.soundness import broken

HOLD_NUMBERS, OTHER_NUMBERS = 9, 9
AT_ONCE_MAX = 6
# What is found depends on who came first: a smaller example would be another race.
PHASES = (Phase.explicit, Phase.generate)
SETTINGS = settings(
    max_examples=20,
    stateful_step_count=12,
    derandomize=True,
    deadline=None,
    phases=PHASES,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
Result = TypeVar("Result")


def _actions(names: Sequence[Name], numbers: int) -> st.SearchStrategy[Action]:
    return st.builds(Action, name=st.sampled_from(names), number=st.integers(0, numbers - 1))


_HOLD = (Name.TRY, Name.CONFIRM, Name.CANCEL)
_REFUND = (Name.REFUND_TRY, Name.REFUND_CONFIRM, Name.REFUND_CANCEL)
_OTHER = (Name.TRANSFER, Name.PAY, Name.SETTLE, Name.FOLD)
#: A machine that never met these saw too little.
MET = {
    *((name, said) for name in (Name.TRY, Name.REFUND_TRY) for said in (Said.HELD, Said.SHORT, Said.CANCELLED)),
    *((name, said) for name in (Name.CONFIRM, Name.REFUND_CONFIRM) for said in (Said.POSTED, Said.CONFLICT)),
    *((name, said) for name in (Name.CANCEL, Name.REFUND_CANCEL) for said in (Said.RELEASED, Said.TOMBSTONE)),
    *((name, said) for name in (Name.TRANSFER, Name.SETTLE) for said in (Said.POSTED, Said.SHORT, Said.REPLAY)),
    (Name.PAY, Said.POSTED),
    (Name.TRY, Said.REPLAY),
    (Name.CANCEL, Said.REPLAY),
}
any_action = _actions((*_HOLD, *_REFUND), HOLD_NUMBERS) | _actions(_OTHER, OTHER_NUMBERS)


class BookMachine(RuleBasedStateMachine):
    """Rounds of concurrent steps on one merchant's accounts; each round is checked before the next begins."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    engine: ClassVar[AsyncEngine]
    met: ClassVar[set[tuple[Name, Said]]]

    def __init__(self) -> None:
        super().__init__()
        self._shop = self._wait(MachineShop.open(Clerk(self.engine, merchant_id=new_id("mer"))))
        self._book = self._shop.opened
        self._last: list[Action] = []
        self._fresh = OTHER_NUMBERS

    @rule(actions=st.lists(any_action, min_size=2, max_size=AT_ONCE_MAX))
    def anything(self, actions: list[Action]) -> None:
        """Whatever comes to mind, repeats included."""
        self._play(actions)

    @rule(numbers=st.lists(st.integers(0, HOLD_NUMBERS - 1), min_size=2, max_size=AT_ONCE_MAX, unique=True))
    def tries(self, numbers: list[int]) -> None:
        """Several holds are tried, also of one wallet."""
        self._play([Action(Name.TRY, number) for number in numbers])

    @rule(numbers=st.lists(st.integers(0, HOLD_NUMBERS - 1), min_size=2, max_size=AT_ONCE_MAX - 1, unique=True))
    def refunds(self, numbers: list[int]) -> None:
        """Several refunds take what one merchant has left while an earlier one ends."""
        ends = [Action(name, numbers[0]) for name in (Name.REFUND_CONFIRM, Name.REFUND_CANCEL)]
        self._play([*(Action(Name.REFUND_TRY, number) for number in numbers), *ends])

    @rule(
        names=st.sampled_from((_HOLD, _REFUND)).flatmap(lambda names: st.permutations((*names, *names))),
        number=st.integers(0, HOLD_NUMBERS - 1),
    )
    def one_hold(self, names: list[Name], number: int) -> None:
        """Try, confirm and cancel of one hold, each twice."""
        self._play([Action(name, number) for name in names])

    @rule()
    def one_wallet(self) -> None:
        """Of the holds of one wallet one is confirmed and one given back, while money leaves and comes."""
        one, two, three = (action.number for action in self._new(Name.TRY, 3))
        self._play([Action(Name.TRY, number) for number in (one, three)])
        ends = [Action(Name.CONFIRM, one), Action(Name.CANCEL, three)]
        self._play([*ends, Action(Name.TRY, one), Action(Name.TRANSFER, two), *self._new(Name.TRANSFER, 1)])

    @rule(number=st.integers(0, HOLD_NUMBERS - 1))
    def pending(self, number: int) -> None:
        """Money comes in and is folded while a refund and a settlement take it out."""
        taken = [Action(Name.REFUND_TRY, number), *self._new(Name.SETTLE, 1)]
        self._play([*self._new(Name.PAY, 3), *taken, Action(Name.FOLD, 4)])

    @rule()
    def folding(self) -> None:
        """Money comes in while it is folded all the time."""
        self._play([*self._new(Name.PAY, 5), Action(Name.FOLD, 8)])

    @rule()
    def again(self) -> None:
        """The last round comes once more."""
        self._play(self._last)

    def _new(self, name: Name, count: int) -> list[Action]:
        """Actions that did not happen yet; every second one is about the same wallet, or runs the same way."""
        self._fresh += count
        return [Action(name, 3 * number) for number in range(self._fresh - count, self._fresh)]

    def _play(self, actions: list[Action]) -> None:
        """Some order of the actions explains all answers, and the balances are those of that order."""
        known = [self._book.known(action) for action in actions]
        answers = self._wait(self._at_once(known))
        happened = list(zip(known, answers, strict=True))
        self.met.update({(action.name, answer.said) for action, answer in happened})
        after = in_some_order(self._book, happened)
        assert after is not None, f"no order explains {happened} on {self._book}"
        self._book, self._last = after, actions
        expected = {name: (minor, after.frozen.get(name, 0)) for name, minor in after.available.items()}
        assert expected == self._wait(self._shop.balances()), happened

    async def _at_once(self, actions: list[Action]) -> list[Any]:
        return await asyncio.gather(*(self._shop.play(action) for action in actions))

    def _wait(self, step: Coroutine[Any, Any, Result]) -> Result:
        """The machine runs in a thread of its own; the book's connections belong to the loop."""
        future: Future[Result] = asyncio.run_coroutine_threadsafe(step, self.loop)
        return future.result()


async def test_some_order_explains_what_happened_at_once(engine: AsyncEngine, owner: asyncpg.Connection) -> None:
    """Each answer and balance is one that a book without concurrency could have given; then every invariant holds."""
    pool = engine

    class Machine(BookMachine):
        loop = asyncio.get_running_loop()
        engine = pool
        met: ClassVar[set[tuple[Name, Said]]] = set()

    async with windows(owner):
        await asyncio.to_thread(run_state_machine_as_test, Machine, settings=SETTINGS)
    assert set() == MET - Machine.met
    assert [] == await broken(owner)
