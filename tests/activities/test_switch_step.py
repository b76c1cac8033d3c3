"""The step that records another attempt: once for each attempt that it replaces (law 2)."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import ActivityEnvironment

from activities.attempt_steps import AttemptSteps
from chaos.mischief import reset
from domain.commands import NextAttemptCommand, PaymentView, SwitchCommand
from domain.errors import SwitchUnsafe
from domain.states import Invoke
from tests.support.centre import Centre, eventually, worker_parts
from tests.support.shop import Shop

PAGE = {"channel": "sim", "invoke": "page"}


@pytest.fixture
async def careless_shop(centre: Centre) -> Shop:
    return await Shop.open(centre, close_proof="none", switch_unproven=True)


@pytest.fixture
async def steps(centre: Centre) -> AsyncIterator[AttemptSteps]:
    async with worker_parts(centre.settings) as parts:
        yield AttemptSteps(parts.database, parts.accounts, parts.channels)


async def switch(steps: AttemptSteps, payment_id: str, replaces: str) -> PaymentView:
    """The step as the workflow calls it."""
    command = NextAttemptCommand(
        payment_id=payment_id, switch=SwitchCommand(channel="sim", invoke=Invoke.PAGE), replaces=replaces
    )
    answer: PaymentView = await ActivityEnvironment().run(steps.switch, command)
    return answer


async def test_a_repeated_switch_finds_the_attempt_that_it_made(careless_shop: Shop, steps: AttemptSteps) -> None:
    """Its commit was answered to nobody: the repeat is no refusal, and makes no third attempt."""
    made = await careless_shop.pay()
    first = await switch(steps, made["id"], made["out_no"])
    assert first == await switch(steps, made["id"], made["out_no"])
    assert ["presumed_closed", "intent"] == [one.state for one in first.attempts]


async def test_the_attempt_just_made_is_not_replaced_before_it_was_sent(
    careless_shop: Shop, steps: AttemptSteps
) -> None:
    """Whoever asks to replace it asks for something else, and is refused while its outcome is open."""
    made = await careless_shop.pay()
    first = await switch(steps, made["id"], made["out_no"])
    assert first.attempt is not None
    with pytest.raises(SwitchUnsafe):
        await switch(steps, made["id"], first.attempt.out_no)


@pytest.mark.parametrize("place", range(3))
async def test_a_history_wound_back_does_not_switch_again(shop: Shop, place: int) -> None:
    """What it was asked is repeated with it, and has been done: the payer's order stays the one that was answered."""
    made = await shop.pay()
    switched = await shop.post(f"/v1/payments/{made['id']}/switch", PAGE)
    await reset(shop.centre.temporal, made["id"], place=place)
    await eventually(lambda: shop.get(f"/v1/payments/{made['id']}/saga"), lambda saga: saga["source"] == "workflow")
    await shop.payer_pays(switched["out_no"])
    paid = await shop.until(made["id"], "succeeded")
    assert ["closed", "paid"] == [one["state"] for one in paid["attempts"]]
