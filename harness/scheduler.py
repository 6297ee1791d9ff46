"""Drives clients: asks a generator what to do, does it, tells the generator how it went.

One coordinator asks and one task an operation performs; everything that happens goes through the recorder first.
A thread whose operation ended indefinitely goes on under a new process identity, with a client of its own.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

from .client.outcome import Definite, Indefinite, Ok, Outcome
from .client.perform import perform
from .client.protocol import StreamClient
from .history.events import CRASH
from .history.recorder import Recorder
from .s2 import Answer
from .workload import Completion, Context, Generator, Invocation, Pending

_MOMENT = 0.005
"""Seconds after which a generator that had nothing is asked again."""

_BACK_OFF = (0.02, 0.5)
"""First and longest pause (seconds) of a thread whose connection was refused."""

_SLACK = 2.0
"""Seconds that operations in flight get, past their own time-out, before they are cancelled."""

_GRACE = 2.0
"""Seconds that they get when the run is stopped."""


@dataclass(slots=True)
class _Thread:
    process: int
    client: StreamClient
    refusals: int = 0


class Scheduler:
    """Performs the operations of one generator with a fixed number of threads.

    ``connect`` makes a client for a new process identity. ``clock`` is ns since the clients start and the same as
    the recorder's. ``timeout`` is seconds an operation.
    """

    def __init__(
        self,
        recorder: Recorder,
        connect: Callable[[], StreamClient],
        clock: Callable[[], int],
        *,
        threads: int,
        seed: int,
        timeout: float,
    ) -> None:
        self._recorder = recorder
        self._connect = connect
        self._clock = clock
        self._seed = seed
        self._timeout = timeout
        self._invoked = 0
        self._threads = [_Thread(process, connect()) for process in range(threads)]
        self._next_process = threads
        self._free = set(range(threads))
        self._flying: set[asyncio.Task[None]] = set()
        self._completions: deque[Completion] = deque()
        self._news = asyncio.Event()
        self._crashes: list[BaseException] = []
        self.completed = 0
        """Operations that have ended so far."""

    async def run(self, generator: Generator, stopping: asyncio.Event) -> None:
        """Perform until the generator is exhausted, or until ``stopping``; then drain.

        What is in flight then may end within its time-out (after a stop, within moments) or is cancelled, and thereby
        indefinite. Raises the first unexpected exception of a client task, after recording it, once all else has
        drained.
        """
        stop = asyncio.create_task(stopping.wait())
        stop.add_done_callback(lambda _: self._news.set())
        try:
            await self._generate(generator, stop)
            await self._drain(_GRACE if stop.done() else self._timeout + _SLACK)
        finally:
            stop.cancel()
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)
            await asyncio.gather(*(thread.client.aclose() for thread in self._threads), return_exceptions=True)
        if self._crashes:
            raise self._crashes[0]

    async def _generate(self, generator: Generator, stop: asyncio.Task[bool]) -> None:
        held: Invocation | None = None
        while not stop.done() and not self._crashes:
            while self._completions:
                generator = generator.update(self._context(), self._completions.popleft())
            if held is None and self._free:
                step = generator.next(self._context())
                if step is None:
                    return
                asked, generator = step
                held = None if isinstance(asked, Pending) else asked
                if held is not None and held.thread is not None and held.thread not in self._free:
                    raise ValueError(f"the generator asks for thread {held.thread}, which is not free: {held}")
            wait = self._until(held)
            if held is not None and wait <= 0 and self._can_take(held):
                invocation = replace(held, thread=min(self._free) if held.thread is None else held.thread)
                held = None
                generator = generator.update(self._context(), invocation)
                self._launch(invocation)
                await asyncio.sleep(0)
                continue
            await self._event(wait if wait > 0 else _MOMENT)

    def _until(self, held: Invocation | None) -> float:
        """Seconds until a held invocation is due."""
        return 0.0 if held is None or held.time is None else (held.time - self._clock()) / 1e9

    def _can_take(self, held: Invocation) -> bool:
        return bool(self._free) if held.thread is None else held.thread in self._free

    async def _event(self, seconds: float) -> None:
        """Wait for a completion, a free thread or the stop, or that time."""
        alarm = asyncio.get_running_loop().call_later(seconds, self._news.set)
        await self._news.wait()
        alarm.cancel()
        self._news.clear()

    def _context(self) -> Context:
        return Context(
            time=self._clock(),
            threads=tuple(range(len(self._threads))),
            free=tuple(sorted(self._free)),
            process=tuple(thread.process for thread in self._threads),
            random=Random((self._seed << 40) + self._invoked),
        )

    def _launch(self, invocation: Invocation) -> None:
        assert invocation.thread is not None
        self._free.discard(invocation.thread)
        self._invoked += 1
        task = asyncio.create_task(self._perform(invocation, invocation.thread))
        self._flying.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crashes.append(error)
        self._news.set()

    async def _perform(self, invocation: Invocation, number: int) -> None:
        thread = self._threads[number]
        process = thread.process
        op = self._recorder.invoke(invocation, process)
        try:
            outcome = await perform(thread.client, invocation.stream, invocation.call)
        except asyncio.CancelledError:
            self._recorder.complete(op, Indefinite("cancelled by the harness"))
            raise
        except Exception as error:
            self._recorder.remark(CRASH, f"the client of process {process} raised: {traceback.format_exc()}")
            self._crashes.append(error)
            outcome = Indefinite(f"the client raised {type(error).__name__}: {error}")
        time = self._recorder.complete(op, outcome)
        self.completed += 1
        self._completions.append(Completion(time, number, process, invocation, outcome))
        await self._recover(thread, outcome)
        self._free.add(number)

    async def _recover(self, thread: _Thread, outcome: Outcome[Answer]) -> None:
        """After an indefinite end a new identity; after a refused connection a pause."""
        if isinstance(outcome, Indefinite):
            with suppress(Exception):
                await thread.client.aclose()
            thread.process = self.next_process()
            thread.client = self._connect()
        if isinstance(outcome, Definite) and outcome.status is None:
            first, longest = _BACK_OFF
            await asyncio.sleep(min(first * 2**thread.refusals, longest))
            thread.refusals += 1
        elif isinstance(outcome, Ok):
            thread.refusals = 0

    async def _drain(self, seconds: float) -> None:
        if self._flying:
            _, late = await asyncio.wait(set(self._flying), timeout=seconds)
            for task in late:
                task.cancel()

    def next_process(self) -> int:
        """A process identity that nobody has had."""
        process, self._next_process = self._next_process, self._next_process + 1
        return process
