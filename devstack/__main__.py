"""`python -m devstack up`: the whole stack in the foreground, its demo merchant, and four payments to look at."""

import argparse
import sys

from pydantic import ValidationError

from devstack.banner import banner, links, outcomes_table, wallet_line
from devstack.errors import StackError
from devstack.plan import Plan
from devstack.rest import Rest
from devstack.seed import seeded
from devstack.showcase import Showcase
from devstack.supervisor import supervise
from devstack.terminal import Terminal
from settings import Settings

INTERRUPTED = 130


async def show(plan: Plan, terminal: Terminal) -> None:
    """The demo merchant exists, the four payments have ended, and the banner stands below them."""
    demo = await seeded(plan)
    terminal.step("the demo merchant is ready; four payments are on their way")
    wallet = f"/v1/accounts/{demo['wallet_id']}"
    async with Rest(plan.addresses.api, demo["api_key"]) as api:
        before = await api.get(wallet)
        outcomes = await Showcase(plan.addresses, demo).run()
        after = await api.get(wallet)
    terminal.say(f"\n{outcomes_table(outcomes)}\n\n{wallet_line(before, after)}\n{links(outcomes, demo)}")
    terminal.say(banner(demo, str(plan.state.path)))


def main() -> int:
    """The exit code of one run."""
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument("command", choices=["up"], help="start everything and serve until Ctrl-C")
    parser.parse_args()
    try:
        return supervise(Settings(), show)
    except (StackError, ValidationError) as failure:
        sys.stderr.write(f"paysaga: {failure}\n")
        return 1
    except KeyboardInterrupt:  # before the supervisor took the signals
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
