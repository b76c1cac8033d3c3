"""Loads that are compared within one run, by turns, so that what the machine does besides falls on all of them."""

from collections.abc import Mapping

from bench.bench import PAYER_TAKES_MS, Bench
from bench.onboarding import another, slow_down, through_slow_channel
from bench.plans import LoadPlan
from bench.results import Channels, Loaded, Named

MERCHANTS = 50
FAILING_SHARES = (0.0, 0.01, 0.1, 0.5)
#: Shares of the payments/s of saturation; each payment of the slow channel waits so long for the channel's answer. The
#: processors are far from full: what is compared is who waits for whom, not for a processor.
FAST_SHARE, SLOW_SHARE, SLOW_S = 0.2, 0.05, 2.0
CHANNEL_TURN_S = 60.0


async def merchants(bench: Bench) -> list[Named]:
    """Everybody buys one product of one merchant, against the same load spread over many merchants."""
    loading = await bench.loading()
    bench.say(f"onboarding {MERCHANTS} merchants")
    shops = [await another(bench.stack.plan) for _ in range(MERCHANTS)]
    await bench.payer_takes(0)
    hot = loading.shop.model_copy(update={"skus": loading.shop.skus[:1]})
    plan = loading.plan("merchants", bench.sizes.turn)
    return await by_turns(bench, {"one merchant": plan.among([hot]), f"{MERCHANTS} merchants": plan.among(shops)})


async def failing(bench: Bench) -> list[Named]:
    """Half the payments/s of saturation, with more and more payments that fail."""
    loading = await bench.loading()
    await bench.payer_takes(PAYER_TAKES_MS)
    plan = loading.plan("failing", bench.sizes.turn, rate_per_s=bench.saturation_per_s() / 2)
    return await by_turns(bench, {f"{share:.0%} failing": plan.failing(share) for share in FAILING_SHARES}, turns=1)


async def by_turns(bench: Bench, plans: Mapping[str, LoadPlan], *, turns: int | None = None) -> list[Named]:
    """Each load once a turn, every other turn in the opposite order."""
    loading, found = await bench.loading(), []
    turns = turns or bench.sizes.turns
    for turn in range(turns):
        for number, (name, plan) in list(enumerate(plans.items()))[:: 1 if turn % 2 == 0 else -1]:
            bench.say(f"turn {turn + 1} of {turns}: {name}")
            named = plan.model_copy(update={"name": f"{plan.name}{number}x{turn}", "seed": turn + 1})
            found.append(Named(name=name, loaded=await loading.measure(named)))
    return found


async def channels(bench: Bench) -> Channels:
    """A channel's payments alone, and beside those of another channel that takes seconds to answer."""
    loading = await bench.loading()
    await bench.payer_takes(PAYER_TAKES_MS)
    slow_shop, app_id = await through_slow_channel(bench.stack.plan, loading.shop)
    await slow_down(bench.stack.plan, app_id, SLOW_S)
    fast_per_s, slow_per_s = (bench.saturation_per_s() * share for share in (FAST_SHARE, SLOW_SHARE))
    turn_s = CHANNEL_TURN_S * bench.sizes.rate_s / 25
    alone: list[Loaded] = []
    beside: list[Loaded] = []
    slow: list[Loaded] = []
    for turn in range(bench.sizes.turns):
        bench.say(f"turn {turn + 1} of {bench.sizes.turns}: the fast channel alone, and beside the slow one")
        plans = [
            loading.plan(f"{name}{turn}", max(5, round(rate_per_s * turn_s)), rate_per_s=rate_per_s)
            for name, rate_per_s in (("fast", fast_per_s), ("beside", fast_per_s), ("slow", slow_per_s))
        ]
        alone.append(await loading.measure(plans[0]))
        fast, late = await loading.measure_together([plans[1], plans[2].among([slow_shop])])
        beside.append(fast)
        slow.append(late)
    return Channels(
        rate_per_s=fast_per_s, slow_rate_per_s=slow_per_s, slow_s=SLOW_S, alone=alone, beside=beside, slow=slow
    )
