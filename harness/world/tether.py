"""Runs a program that cannot outlive the process that started it, however that process dies.

    python -I -S tether.py HOW PARENT FD COMMAND…

A stopped process (SIGSTOP) cannot notice anything, so somebody else must kill it with SIGKILL. HOW says who does:

- ``kernel``: Linux does when the *thread* that started the program ends.
- ``pipe``: a small watcher process waits until a pipe is closed, then kills the program's whole process group, which
  the program must lead. FD is the pipe's read end. Only the starter may hold the write end.

PARENT is the starter's process id. This file runs as a script and imports nothing of the package, so it starts within
milliseconds.
"""

from __future__ import annotations

import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then replace it by the command. Does not return."""
    how, parent, life, command = arguments[0], int(arguments[1]), int(arguments[2]), arguments[3:]
    if how == "kernel":
        _die_with_parent()
    else:
        _leave_a_watcher(life)
    os.close(life)
    if os.getppid() != parent:  # the parent died before the tether was in place
        os._exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def _die_with_parent() -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def _leave_a_watcher(life: int) -> None:
    program = os.getpid()
    ended, alive = os.pipe()  # the program keeps ``alive`` open for as long as it lives
    if os.fork():
        os.close(ended)
        os.set_inheritable(alive, True)
        return
    os.setsid()  # signals to the program's group or its terminal do not reach the watcher
    first, second = sorted((life, ended))
    os.closerange(0, first)
    os.closerange(first + 1, second)
    os.closerange(second + 1, 1024)
    if ended not in select.select([life, ended], [], [])[0]:
        os.killpg(program, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
