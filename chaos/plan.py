"""One seed decides everything that a run does: who buys what, how payers and channels behave, and what breaks when."""

import random
from collections.abc import Iterable, Sequence

from chaos.customers import Journey, Merchant, Written, journey_of
from chaos.points import step_of, stretch
from chaos.provocation import BEGIN_S, PROVOKED, Provocation, provocation
from chaos.sinks import Hostility
from chaos.trouble import Trouble, timetable

LOAD_S = 4.0
JOURNEYS = 30
#: When the points of a seed are armed: not all processes end in the same second.
ARMED_AT_S = (0.0, 0.5)


class Plan(Written):
    """Everything about one run; the same seed gives the same plan."""

    seed: int
    load_s: float
    refund_ms: int
    transfer_ms: int
    merchants: tuple[Merchant, ...]
    journeys: tuple[Journey, ...]
    troubles: tuple[Trouble, ...]

    @property
    def hostility(self) -> Hostility | None:
        """How the address misbehaves that some payments are to be told to."""
        hostile = [one.detail for one in self.troubles if one.family == "sink" and one.detail in set(Hostility)]
        return Hostility(hostile[0]) if hostile else None


def plan_of(seed: int, *, points: Sequence[str], journeys: int = JOURNEYS, load_s: float = LOAD_S) -> Plan:
    """The plan of a seed; `points` are the failpoints there are, of which it arms a stretch, and provokes it."""
    choose = random.Random(seed)  # noqa: S311 - repeatable, not secret
    armed = stretch(seed, points)
    provoked = [provocation(step_of(point)) for point in armed]
    refund_ms = choose.choice((0, 0, 300, 1_500))
    travelled = [journey_of(choose, number, load_s) for number in range(journeys)]
    troubles = (*timetable(choose, load_s=load_s), *_arming(choose, armed), *_once(provoked))
    return Plan(
        seed=seed,
        load_s=load_s,
        refund_ms=next((one.refund_ms for one in provoked if one.refund_ms is not None), refund_ms),
        transfer_ms=choose.choice((0, 0, 300, 1_500)),
        merchants=(
            Merchant(name="platform", limited=any(one.limited for one in provoked)),
            Merchant(name="held", funds_holder="merchant"),
        ),
        journeys=(*travelled, *_provoking(provoked, first=journeys)),
        troubles=tuple(sorted(troubles, key=lambda trouble: (trouble.at_s, trouble.family, trouble.target))),
    )


def _arming(choose: random.Random, armed: Sequence[str]) -> Iterable[Trouble]:
    """Points that are provoked wait for the first to come by; those on every load's way let some pass."""
    for place, point in enumerate(armed):
        at_s = ARMED_AT_S[place % len(ARMED_AT_S)]
        number = 1 if step_of(point) in PROVOKED else choose.choice((1, 2, 3, 5))
        for one in (*provocation(step_of(point)).with_points, point):
            yield Trouble(family="point", target="processes", at_s=at_s, detail=one, number=number)


def _once(provoked: Iterable[Provocation]) -> Iterable[Trouble]:
    return dict.fromkeys(trouble for one in provoked for trouble in one.troubles)


def _provoking(provoked: Iterable[Provocation], *, first: int) -> Iterable[Journey]:
    wanted = dict.fromkeys(journey for one in provoked for journey in one.journeys)
    travelled = [journey.model_copy(update={"at_s": at_s}) for at_s in BEGIN_S for journey in wanted]
    return [journey.model_copy(update={"number": first + place}) for place, journey in enumerate(travelled)]
