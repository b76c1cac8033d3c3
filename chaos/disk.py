"""A small disk of its own under PostgreSQL, which can be full."""

import os
import subprocess
from pathlib import Path
from typing import Self

SIZE_MB = 2_048
#: What a full disk still has: nothing that anything could be written to.
LEFT_KB = 0


class Disk:
    """A file system in memory. It is full when it is made as small as what is on it, and free again when it grows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def mounted(cls, folder: Path) -> Self | None:
        """What is written to the folder lies on a disk of its own; None where this user or machine may not do so."""
        owner = folder.stat()
        options = f"size={SIZE_MB}m,mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
        done = _ran("mount", "-t", "tmpfs", "-o", options, "chaos", str(folder))
        return cls(folder) if done else None

    @staticmethod
    def forget(folder: Path) -> None:
        """No disk of an earlier run lies on the folder."""
        while os.path.ismount(folder) and _ran("umount", "--lazy", str(folder)):
            pass

    def fill(self) -> bool:
        """Nothing more can be written; False when something was written just then, and there is room still."""
        found = os.statvfs(self._folder)
        used_kb = (found.f_blocks - found.f_bfree) * found.f_frsize // 1024
        return self._resize(f"{used_kb + LEFT_KB}k")

    def free(self) -> None:
        """There is room again."""
        self._resize(f"{SIZE_MB}m")

    def _resize(self, size: str) -> bool:
        return _ran("mount", "-o", f"remount,size={size}", str(self._folder))


def _ran(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
