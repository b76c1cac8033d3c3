"""A supervisor over the real servers and stand-ins for our own programs: `run_stack.py [broken]`."""

import sys
from pathlib import Path

from devstack.errors import StackError
from devstack.plan import Plan, Programs
from devstack.supervisor import supervise
from devstack.terminal import Terminal
from settings import Settings

STAND_IN = str(Path(__file__).with_name("stand_in.py"))


async def show(plan: Plan, terminal: Terminal) -> None:
    """Says that it is up, with the address of the database."""
    terminal.say(f"UP {plan.addresses.database_url}")


def part(name: str) -> list[str]:
    """The interpreter's arguments for one stand-in."""
    return [STAND_IN, name]


def main() -> int:
    """The supervisor's exit code."""
    once = "broken" if "broken" in sys.argv else "once"
    programs = Programs(part(once), part("once"), part("api"), part("worker"), part("simulator"))
    try:
        return supervise(Settings(), show, programs=programs)
    except StackError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
