"""Many streams on all cores: each is judged alone, so several can be at once, in processes of their own."""

from __future__ import annotations

import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
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
    todo = iter(order)
    with _workers(one, processes) as workers:
        busy = {worker for worker in workers if _give(worker, todo)}
        while busy:
            for worker in wait(list(busy)):
                assert isinstance(worker, Connection)
                try:
                    index, result, failure = worker.recv()
                except EOFError:
                    raise RuntimeError("a process that judged streams was ended from outside") from None
                if failure is not None:
                    raise RuntimeError(f"in a process that judged streams:\n{failure}")
                found[index] = result
                progress(len(found))
                if not _give(worker, todo):
                    busy.remove(worker)
    return found


def _give(worker: Connection, todo: Iterator[int]) -> bool:
    """Give it the next number; False if there is none."""
    index = next(todo, None)
    if index is not None:
        worker.send(index)
    return index is not None


@contextmanager
def _workers(one: Callable[[int], Any], number: int) -> Iterator[list[Connection]]:
    context = get_context("fork")
    started: list[tuple[Any, Connection]] = []
    try:
        for _ in range(number):
            here, there = context.Pipe()
            process = context.Process(
                target=_work, args=(one, there, [here, *(pipe for _, pipe in started)]), daemon=True
            )
            with warnings.catch_warnings():
                # A thread that draws the progress may hold a lock for good in the child, which never draws.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            there.close()
            started.append((process, here))
        yield [pipe for _, pipe in started]
    finally:
        for process, pipe in started:
            process.terminate()
            pipe.close()
        for process, _ in started:
            process.join()


def _work(one: Callable[[int], Any], pipe: Connection, others: list[Connection]) -> None:
    """What a process does until its pipe is closed. Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()
    while True:
        try:
            index = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((index, one(index), None))
        except Exception:
            pipe.send((index, None, traceback.format_exc()))
