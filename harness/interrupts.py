"""Ctrl-C in two steps: the first stops the clients and goes on to the verdict, the second stops the recording."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from .signals import heeded


@contextmanager
def cancelling() -> Iterator[None]:
    """Make every terminating signal cancel the current task while the block runs."""
    task = asyncio.current_task()
    assert task is not None
    with _taking_over(lambda _: task.cancel()):
        yield


@contextmanager
def _taking_over(handle: Callable[[signal.Signals], object]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in heeded()}
    for number in before:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


class Interrupts:
    """Counts interrupts while an event loop runs.

    The first one sets ``stopping``. Every later one cancels the task that called :meth:`watch`. Outside
    :meth:`watch` the signals keep their earlier handlers. ``notice`` is called with each signal and how many have come.
    """

    def __init__(self, notice: Callable[[signal.Signals, int], None]) -> None:
        self.count = 0
        self.stopping = asyncio.Event()
        self._notice = notice
        self._task: asyncio.Task[object] | None = None

    @contextmanager
    def watch(self, early: Iterable[signal.Signals] = ()) -> Iterator[None]:
        """Handle the signals for the current task while the block runs. ``early`` are signals that came before it."""
        self._task = asyncio.current_task()
        with _taking_over(self._interrupt):
            for number in early:
                self._interrupt(number)
            yield

    def _interrupt(self, number: signal.Signals) -> None:
        self.count += 1
        self.stopping.set()
        self._notice(signal.Signals(number), self.count)
        if self.count > 1 and self._task is not None:
            self._task.cancel()
