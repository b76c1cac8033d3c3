import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from devstack.errors import StackError
from devstack.plan import Plan, Programs
from devstack.port_check import check_ports
from devstack.stack import Stack
from devstack.state import StateFolder
from devstack.terminal import Terminal
from settings import Settings

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PRIVATE = 0o077  # nobody else reads what this run writes

# What runs beside the started stack: it seeds, shows, and returns when it has nothing more to say.
Show = Callable[[Plan, Terminal], Awaitable[None]]


class Supervisor:
    """One run of a stack in the foreground: start, show, serve until asked to stop, stop everything."""

    def __init__(self, plan: Plan, terminal: Terminal, show: Show) -> None:
        self._plan = plan
        self._terminal = terminal
        self._show = show

    async def run(self) -> int:
        """The exit code: 0 after a signal asked to stop, 1 after a failure that is on the terminal.

        Any further signal finds nothing left to do: it is taken and changes nothing.
        """
        asked = asyncio.Event()
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, asked.set)
        stack = Stack(self._plan, self._terminal.step)
        serving = asyncio.create_task(self._serve(stack))
        waiting = asyncio.create_task(asked.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        failure = serving.exception() if serving.done() else None
        self._terminal.step(f"stopping: {failure}" if failure else "stopping")
        serving.cancel()
        waiting.cancel()
        await stack.stop()
        await asyncio.gather(serving, waiting, return_exceptions=True)
        return _exit_code(failure)

    async def _serve(self, stack: Stack) -> None:
        """Returns never; raises what ended the stack."""
        await stack.start()
        watching = asyncio.create_task(stack.watch())
        showing = asyncio.ensure_future(self._show(self._plan, self._terminal))
        try:
            await asyncio.gather(showing, watching)
        finally:
            watching.cancel()
            showing.cancel()


def supervise(settings: Settings, show: Show, *, programs: Programs | None = None) -> int:
    """The stack of these settings ran in the foreground and has stopped; answers the exit code."""
    os.umask(PRIVATE)
    terminal = Terminal()
    state = StateFolder(settings.home)
    stale = state.lock()
    try:
        if stale is not None:
            terminal.step(f"an earlier run (process {stale}) was killed; its data are kept and used")
        check_ports(settings, patient=stale is not None)
        state.rotate_logs()
        terminal.step(f"state and logs are in {state.path}")
        return asyncio.run(Supervisor(Plan(settings, state, programs=programs), terminal, show).run())
    finally:
        state.unlock()


def _exit_code(failure: BaseException | None) -> int:
    """A failure of ours was told; any other is a bug and is raised as it is."""
    if failure is None:
        return 0
    if isinstance(failure, StackError):
        return 1
    raise failure
