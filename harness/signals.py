"""The signals that end a process: which of them to handle, and how to turn them into KeyboardInterrupt."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heeded() -> list[signal.Signals]:
    """Return SIGINT, SIGTERM and SIGHUP, but leave out SIGHUP if it was ignored at the start (nohup)."""
    return [n for n in _ENDING if n is not signal.SIGHUP or signal.getsignal(n) is not signal.SIG_IGN]


def end_like_ctrl_c() -> None:
    """Make each of these signals raise KeyboardInterrupt, as Ctrl-C does.

    The code in progress then cleans up as usual, and the exit code is one that fencepost documents.
    """
    for number in heeded():
        signal.signal(number, _raise)


@contextmanager
def held() -> Iterator[list[signal.Signals]]:
    """Block the signals while their handlers are installed and removed, and yield the list of those that arrived."""
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
