"""Many streams on all cores: each is judged alone, so several can be at once, in processes of their own."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import active_children, get_context
from typing import Any, Final, TypeVar

from fencepost.harness.check_limits import CheckLimits

from ..stream import Stream

T = TypeVar("T")

WORTHWHILE: Final = 20_000
"""Operations on several streams from which on processes pay."""

_OFTEN: Final = 2.0
"""Seconds between two words of progress."""


def judge_all(
    streams: Sequence[Stream], judge: Callable[[Stream, CheckLimits], T], limits: CheckLimits
) -> Iterator[tuple[Stream, T]]:
    """Every stream with what ``judge`` says of it, in their order; with ``limits.cores`` processes where it pays.

    What it says has to be picklable then. Raises RuntimeError if a process dies, or what it raised.
    """
    processes = min(limits.cores, len(streams))
    if processes < 2 or sum(len(stream.rows) for stream in streams) < WORTHWHILE or not hasattr(os, "fork"):
        return ((stream, judge(stream, limits)) for stream in streams)

    def one(index: int) -> T:
        return judge(streams[index], replace(limits.shared(processes), progress=_silent))

    told = time.monotonic()

    def judged(done: int) -> None:
        nonlocal told
        if time.monotonic() - told > _OFTEN:
            told = time.monotonic()
            limits.progress(f"judged {done:,} of {len(streams):,} streams")

    # The longest first, so that none is left to one process while the others have nothing to do.
    order = sorted(range(len(streams)), key=lambda index: -len(streams[index].rows))
    found = _in_processes(one, order, processes, judged)
    return ((stream, found[index]) for index, stream in enumerate(streams))


def _silent(_: str) -> None:
    pass


def _in_processes(
    one: Callable[[int], T], order: Sequence[int], processes: int, progress: Callable[[int], None]
) -> dict[int, T]:
    """``one`` of each number, by forked processes, which are ended whatever happens here."""
    found: dict[int, T] = {}
    others = active_children()
    with ProcessPoolExecutor(processes, get_context("fork"), _begin, (one,)) as pool:
        try:
            with warnings.catch_warnings():
                # A thread that draws the progress may hold a lock for good in the child, which never draws.
                warnings.simplefilter("ignore", DeprecationWarning)
                numbers = {pool.submit(_work, index): index for index in order}
            for done in as_completed(numbers):
                found[numbers[done]] = done.result()
                progress(len(found))
        except BaseException as error:
            for process in active_children():
                if process not in others:
                    process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise RuntimeError("a process that judged streams was ended from outside") from None
            raise
    return found


def _begin(one: Callable[[int], Any]) -> None:
    """What a process does first. Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _forked[:] = [one]


def _work(index: int) -> Any:
    return _forked[0](index)


_forked: Final[list[Callable[[int], Any]]] = []
"""What a process was forked to do."""
