"""Becomes a command that dies with the process that started it: `launch.py PARENT SIGNAL UID GID -- COMMAND…`.

It runs as a program of its own, before the command, because the parent may have threads: code between fork and exec
of such a process can deadlock. UID and GID are -1 where the command keeps its user.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def become_user(user_id: int, group_id: int) -> None:
    """Everything after this runs as that user, in that group alone."""
    os.setgroups([])
    os.setgid(group_id)
    os.setuid(user_id)


def die_with(parent_pid: int, death_signal: int) -> None:
    """The kernel sends us `death_signal` when the thread that started us ends. Only Linux knows this.

    A change of user clears the wish, so it comes after `become_user`.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent_pid:  # it died before we asked
        sys.exit(1)


def main() -> None:
    """Never returns: this process is the command afterwards."""
    parent_pid, death_signal, user_id, group_id = (int(number) for number in sys.argv[1:5])
    if user_id >= 0:
        become_user(user_id, group_id)
    die_with(parent_pid, death_signal)
    os.execv(sys.argv[6], sys.argv[6:])  # noqa: S606 - a shell is what must not come between


if __name__ == "__main__":
    main()
