"""The loads of one merchant: saturation, half its rate, several rates, and several worker processes."""

from bench.bench import PAYER_TAKES_MS, Bench
from bench.results import Loaded, Named, Rate
from bench.stack import LOOPS, QUEUES, SLOW_CHANNEL

#: Shares of the payments/s of saturation at which an open loop is measured; the last one is more than there is.
SHARES = (0.25, 0.5, 0.7, 0.85, 1.0, 1.15)
CHANNEL_QUEUES = f"channel-sim,channel-{SLOW_CHANNEL},payout-sim"
#: What several processes are measured as: none alike, two that do everything, two that share the work by queue.
CREWS = {
    "one process": [(QUEUES, LOOPS)],
    "two alike": [(QUEUES, LOOPS), (QUEUES, LOOPS)],
    "two by role": [("saga", ""), (f"{CHANNEL_QUEUES},notify,reconcile", LOOPS)],
}


async def saturation(bench: Bench) -> Loaded:
    """As many payments as 32 customers at once ask for, each paying at once."""
    loading = await bench.loading()
    await bench.payer_takes(0)
    return await loading.measure(loading.plan("saturation", bench.sizes.payments))


async def half_rate(bench: Bench) -> Loaded:
    """An open loop at half the payments/s of saturation."""
    loading = await bench.loading()
    await bench.payer_takes(PAYER_TAKES_MS)
    rate_per_s = bench.saturation_per_s() / 2
    return await loading.measure(loading.plan("half-rate", bench.sizes.payments, rate_per_s=rate_per_s))


async def rates(bench: Bench) -> list[Rate]:
    """Open loops at several rates, up to more than the machine can do."""
    loading = await bench.loading()
    await bench.payer_takes(PAYER_TAKES_MS)
    found = []
    for share in SHARES:
        rate_per_s = bench.saturation_per_s() * share
        payments = max(10, round(rate_per_s * bench.sizes.rate_s))
        bench.say(f"{payments} payments at {rate_per_s:.1f} a second, {share:.0%} of saturation")
        plan = loading.plan(f"rate{share * 100:.0f}", payments, rate_per_s=rate_per_s)
        found.append(Rate(share=share, rate_per_s=rate_per_s, loaded=await loading.measure(plan)))
    return found


async def workers(bench: Bench) -> list[Named]:
    """Saturation with one worker process and with two; afterwards it is one again."""
    loading = await bench.loading()
    await bench.payer_takes(0)
    found = []
    for number, (name, duties) in enumerate(CREWS.items()):
        await bench.employ(*duties)
        plan = loading.plan(f"crew{number}", bench.sizes.turn * 2)
        found.append(Named(name=name, loaded=await loading.measure(plan)))
    await bench.employ()
    return found
