"""The signals that ask a process to end, and what they do where nothing else is said."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heeded() -> list[signal.Signals]:
    """SIGINT, SIGTERM and SIGHUP, but no SIGHUP that was ignored from the start (nohup)."""
    return [n for n in _ENDING if n is not signal.SIGHUP or signal.getsignal(n) is not signal.SIG_IGN]


def end_like_ctrl_c() -> None:
    """Let all of them do what Ctrl-C does: raise KeyboardInterrupt where the process is.

    What is on its way is then put away in order, and the exit code is one of ours.
    """
    for number in heeded():
        signal.signal(number, _raise)


@contextmanager
def held() -> Iterator[list[signal.Signals]]:
    """Keep them from striking while what would take them over is made and unmade; the list of those that came."""
    came: list[signal.Signals] = []
    before = {number: signal.getsignal(number) for number in heeded()}
    for number in before:
        signal.signal(number, lambda number, _: came.append(signal.Signals(number)))
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
