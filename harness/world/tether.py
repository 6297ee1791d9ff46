"""Becomes another program that cannot outlive the process which started it, however that one dies.

    python -I -S tether.py HOW PARENT FD COMMAND…

A stopped process (SIGSTOP) notices nothing, so its end must come from outside, as SIGKILL. HOW says from where:

- ``kernel``: Linux sends it when the *thread* that started the program ends.
- ``pipe``: a small watcher process waits for the end of a pipe and then kills the program's whole process group, which
  the program must lead. FD is the pipe's reading end; nobody but the starter may hold the writing end.

PARENT is the starter's process id. Run as a script, by itself: it imports nothing of the package, so that it costs only
a few milliseconds.
"""

from __future__ import annotations

import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent and turn into the command. Does not return."""
    how, parent, life, command = arguments[0], int(arguments[1]), int(arguments[2]), arguments[3:]
    if how == "kernel":
        _die_with_parent()
    else:
        _leave_a_watcher(life)
    os.close(life)
    if os.getppid() != parent:  # it died before this process was tied to it
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
    ended, alive = os.pipe()  # the program holds ``alive`` for as long as it lives
    if os.fork():
        os.close(ended)
        os.set_inheritable(alive, True)
        return
    os.setsid()  # no signal for the program's group or its terminal reaches the watcher
    first, second = sorted((life, ended))
    os.closerange(0, first)
    os.closerange(first + 1, second)
    os.closerange(second + 1, 1024)
    if ended not in select.select([life, ended], [], [])[0]:
        os.killpg(program, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
