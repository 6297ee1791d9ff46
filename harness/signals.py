"""The signals that ask a process to end, and what they do by default."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heeded() -> list[signal.Signals]:
    """Return SIGINT, SIGTERM and SIGHUP, without SIGHUP if it was ignored from the start (nohup)."""
    return [n for n in _ENDING if n is not signal.SIGHUP or signal.getsignal(n) is not signal.SIG_IGN]


def end_like_ctrl_c() -> None:
    """Let each of them raise KeyboardInterrupt, as Ctrl-C does.

    Whatever is in progress then cleans up in order, and the exit code is one of ours.
    """
    for number in heeded():
        signal.signal(number, _raise)


@contextmanager
def held() -> Iterator[list[signal.Signals]]:
    """Hold the signals back while their handlers are installed and removed; give the list of those that came."""
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
