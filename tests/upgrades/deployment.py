"""The operator's side of an upgrade: the commands of docs/upgrades.md, as they stand there."""

import asyncio
import json
from typing import Any

from devstack.temporal import plain_environment, temporal_program
from tests.support.centre import Centre, eventually
from tests.support.worker_process import READY_WITHIN

NAME = "paysaga"


class Deployment:
    """What an operator tells Temporal about the versions of the workers, by its command line."""

    def __init__(self, centre: Centre) -> None:
        settings = centre.settings
        self._where = ["--address", settings.require_temporal_address(), "--namespace", settings.temporal_namespace]

    async def make_current(self, version: str) -> None:
        """New payments go to this version, as soon as it polls every queue that its predecessor served."""
        await self._route("--build-id", version)

    async def give_up_versions(self) -> None:
        """New payments go to workers that have no version."""
        await self._route("--unversioned")

    async def drainage(self, version: str) -> str:
        """`draining` while something open is pinned to the version, `drained` afterwards."""
        words = ("describe-version", "--deployment-name", NAME, "--build-id", version)
        described = await self.asked("worker", "deployment", *words)
        return str(described["drainageInfo"]["drainageStatus"])

    async def asked(self, *words: str) -> Any:  # noqa: ANN401
        """The command's answer; fails when the command does."""
        code, said = await self._ran(*words, "--output", "json")
        assert code == 0, said
        return json.loads(said)

    async def _route(self, *target: str) -> None:
        """Temporal refuses until it has seen the workers."""

        async def accepted() -> bool:
            words = ("set-current-version", "--deployment-name", NAME, *target, "--yes")
            code, _ = await self._ran("worker", "deployment", *words)
            return code == 0

        await eventually(accepted, bool, within=READY_WITHIN)

    async def _ran(self, *words: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            temporal_program(),
            *words,
            *self._where,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=plain_environment(),
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()
