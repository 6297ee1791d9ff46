"""Drives the threads of a run: asks a generator for operations, performs them, and reports the outcomes to it.

Each thread is one task that performs one operation after another. The code that ends an operation asks the generator
for the next one. The recorder records every event before the generator sees it. After an indefinite outcome the thread
continues under a new process identity with a new client.
"""

from __future__ import annotations

import asyncio
import traceback
from bisect import insort
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

from .client.outcome import Definite, Indefinite, Ok, Outcome
from .client.protocol import StreamClient
from .draws import Draws
from .history.events import CRASH
from .history.recorder import CutOff, Recorder
from .s2 import Ack, Answer, Append, Read
from .s2.errors import NOT_SENT
from .threads import Identities, Pipeline, Thread
from .workload import NEMESIS, NO_SESSIONS, Completion, Context, Generator, Invocation, Pending, Strike

_MOMENT = 0.005
"""Seconds after which the scheduler asks again a generator that had no operation."""

_BACK_OFF = (0.02, 0.5)
"""First and longest pause (seconds) of a thread after a refused connection."""

_SLACK = 2.0
"""Seconds beyond their own time-out after which operations still in flight at the end of a run are cancelled."""

_GRACE = 2.0
"""Seconds after which operations still in flight are cancelled when the run is stopped."""

_STRIKE = 30.0
"""Seconds that a strike in flight may take to finish, however the run ended."""

_BREATH = 32
"""Operations after which a thread yields to the others, in case its client never waits for anything."""

_CANCELLED = Indefinite("cancelled by the harness")
_NEVER_SENT = Definite(NOT_SENT.code, None, {"message": "the run ended before this was sent"})


class Scheduler:
    """One performance of a generator's operations by a fixed number of threads. Use an instance once.

    ``connect`` makes a client for a new process identity. ``clock`` returns ns since the clients started, like the
    clock of the recorder. ``streams`` returns an independent stream of random numbers for each sequence of names.
    ``timeout`` is in seconds per operation. ``strike`` performs the strikes of the nemesis. If it is given, the nemesis
    is an additional thread, and any exception from ``strike`` ends the run.
    """

    def __init__(
        self,
        recorder: Recorder,
        connect: Callable[[], StreamClient],
        clock: Callable[[], int],
        *,
        threads: int,
        streams: Callable[..., Random],
        timeout: float,
        strike: Callable[[Strike], Awaitable[Outcome[None]]] | None = None,
    ) -> None:
        self._recorder = recorder
        self._connect = connect
        self._clock = clock
        self._timeout = timeout
        self._strike = strike
        numbers = [*([NEMESIS] if strike else []), *range(threads)]
        self._threads = {
            number: Thread(number, None if number == NEMESIS else connect(), Draws(streams("thread", number)))
            for number in numbers
        }
        self._shared = self._threads[0].draws if numbers == [0] else Draws(streams("shared"))
        self._numbers = tuple(numbers)
        self._free = numbers
        # The identity of the nemesis (thread -1) comes last, where the index -1 finds it.
        self._identities = Identities((*range(threads), *([NEMESIS] if strike else [])))
        self._open: dict[int, int] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._planned: tuple[Invocation, Generator] | None = None
        self._finished = asyncio.Event()
        self._failures: list[Exception] = []
        self._crashes: list[Exception] = []
        self.completed = 0
        """Number of client operations that have ended so far."""

    async def run(self, generator: Generator, stopping: asyncio.Event) -> None:
        """Perform operations until the generator is exhausted or ``stopping`` is set, then drain.

        Operations in flight may still end within their time-out and a little slack (2 s after a stop). The rest are
        cancelled, which makes them indefinite. Raises the first unexpected exception of a client once the others have
        drained; that exception is already recorded. An exception of the run itself ends it without draining.
        """
        self._generator = generator
        stop = asyncio.create_task(stopping.wait())
        stop.add_done_callback(lambda _: self._finish())
        for thread in self._threads.values():
            thread.task = asyncio.create_task(self._work(thread))
        try:
            self._guarded(self._turn)
            await self._finished.wait()
            if not self._failures:
                await self._drain(_GRACE if stopping.is_set() else self._timeout + _SLACK)
        finally:
            stop.cancel()
            self._finish()
            await self._let_go()
        for error in (*self._failures, *self._crashes):
            raise error

    def next_process(self) -> int:
        """Return a process identity that has never been used."""
        return self._identities.next_process()

    # -- asking

    def _turn(self) -> None:
        """Hand out operations until the generator has none for now or no thread can take another."""
        while not self._finished.is_set() and (self._free or self._open):
            if self._free == [NEMESIS] and not self._open and self._alarm is not None:
                return  # every client is at work, and the alarm is soon
            context = self._context()
            step = self._planned or self._generator.next(context)
            self._planned = None
            if step is None:
                self._finish()
                return
            answer, successor = step
            if isinstance(answer, Pending):
                self._generator = successor
                self._ring_in(_MOMENT)
                return
            if answer.time is not None and answer.time > context.time:
                # Keep the answer if it is due soon and no event comes first. Otherwise discard it and ask the pure
                # generator again: a part of it that was PENDING may have an operation by then.
                remaining = (answer.time - context.time) / 1e9
                self._planned = (answer, successor) if remaining <= _MOMENT else None
                self._ring_in(min(remaining, _MOMENT))
                return
            number = context.taker(answer)
            if number is None:
                which = "a thread, and none" if answer.thread is None else f"thread {answer.thread}, which"
                raise ValueError(f"the generator asks for {which} is not free: {answer}")
            self._generator = successor
            self._dispatch(self._threads[number], answer.on(number))

    def _ring_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if self._alarm is None or self._alarm.when() > when:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._guarded(self._turn)

    def _context(self) -> Context:
        self._shared.rewind()
        free, sessions = tuple(self._free), self._open.copy() if self._open else NO_SESSIONS
        return Context(
            self._clock(), self._numbers, free, self._identities.processes, self._shared, sessions, self._own
        )

    def _own(self, number: int) -> Random:
        draws = self._threads[number].draws
        draws.rewind()
        return draws

    def _tell(self, event: Invocation | Completion) -> None:
        self._planned = None
        if not self._finished.is_set():
            self._generator = self._generator.update(self._context(), event)

    def _guarded(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call ``act``; an exception that it raises is a failure of the run itself and ends it."""
        try:
            act(*arguments)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failures.append(error)
        self._finish()

    # -- performing

    def _dispatch(self, thread: Thread, invocation: Invocation) -> None:
        thread.draws.advance()
        if self._shared is not thread.draws:
            self._shared.advance()
        pipeline = thread.pipeline
        if thread.number in self._free:
            self._free.remove(thread.number)
        if invocation.batches and pipeline is not None and pipeline.number == invocation.session:
            self._tell(invocation)
            self._submit(thread, pipeline, invocation)
            return
        thread.busy = True
        self._tell(invocation)
        if isinstance(invocation.call, Strike):
            thread.give(self._perform_strike, invocation)
        elif invocation.batches:
            thread.give(self._open_pipeline, invocation)
        else:
            session = None if invocation.session is None else self._identities.next_session()
            # Recording it here keeps invocations in the order in which the generator gave them.
            thread.give(self._perform, (self._recorder.invoke(invocation, thread.process, session), invocation))

    async def _work(self, thread: Thread) -> None:
        """Perform the jobs of a thread until the run is finished and the thread has nothing in flight."""
        performed = 0
        try:
            while (job := thread.drop() or await thread.take()) is not None:
                act, subject = job
                await act(thread, subject)
                self._settle(thread)
                self._turn()
                performed += 1
                if performed % _BREATH == 0:
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            if not self._finished.is_set():
                self._fail(RuntimeError(f"the client of thread {thread.number} was cancelled, and not by the run"))
            raise
        except Exception as error:
            self._fail(error)

    def _settle(self, thread: Thread) -> None:
        """Mark the thread's job as done. The thread may take another, or leaves if the run is finished."""
        thread.busy = False
        self._offer(thread)
        if thread.idle:
            if self._finished.is_set():
                thread.leave()
            else:
                insort(self._free, thread.number)

    async def _perform(self, thread: Thread, recorded: tuple[int, Invocation]) -> None:
        op, invocation = recorded
        process, client, call, frames = thread.process, thread.client, invocation.call, None
        assert not isinstance(call, Strike)
        outcome: Outcome[Answer]
        try:
            if invocation.session is not None and isinstance(call, Read):
                frames = self._recorder.frames(op, call)
                frames.cut = invocation.cut
                outcome = frames.conclude(await client.read_session(invocation.stream, call, frames.add))
            else:
                outcome = await client.perform(invocation.stream, call)
        except asyncio.CancelledError:
            self._recorder.complete(op, frames.conclude(_CANCELLED) if frames else _CANCELLED)
            raise
        except CutOff as cut:
            outcome = Indefinite(str(cut))
        except Exception as error:
            outcome = self._crashed(process, error)
            outcome = frames.conclude(outcome) if frames else outcome
        time = self._recorder.complete(op, outcome)
        self._ended(thread, outcome)
        reached = frames.reached if frames else None
        self._tell(Completion(time, thread.number, process, invocation, outcome, reached))
        if not isinstance(outcome, Ok):
            await self._recover(thread, outcome)
        elif thread.refusals:
            thread.refusals = 0

    async def _perform_strike(self, thread: Thread, invocation: Invocation) -> None:
        outcome = await self._strike(invocation.call)  # type: ignore[arg-type, misc]
        self._tell(Completion(self._clock(), thread.number, thread.process, invocation, outcome))

    def _crashed(self, process: int, error: Exception) -> Indefinite:
        self._recorder.remark(CRASH, f"the client of process {process} raised: {traceback.format_exc()}")
        self._crashes.append(error)
        self._finish()
        return Indefinite(f"the client raised {type(error).__name__}: {error}")

    def _ended(self, thread: Thread, outcome: Outcome[Answer]) -> None:
        """Count an operation that ended. After an indefinite outcome give the thread a new process identity."""
        self.completed += 1
        if isinstance(outcome, Indefinite):
            thread.process = self._identities.renew(thread.number)

    async def _recover(self, thread: Thread, outcome: Definite | Indefinite) -> None:
        """Replace the client after an indefinite outcome; pause after a refused connection."""
        if isinstance(outcome, Indefinite):
            thread.pipeline = None
            with suppress(Exception):
                await thread.client.aclose()
            if not self._finished.is_set():
                thread.client = self._connect()
        elif outcome.status is None and not self._finished.is_set():
            first, longest = _BACK_OFF
            await asyncio.sleep(min(first * 2**thread.refusals, longest))
            thread.refusals += 1

    # -- append sessions

    async def _open_pipeline(self, thread: Thread, invocation: Invocation) -> None:
        """Close the thread's append session if it has one, open a new one, and submit its first batch."""
        assert invocation.session is not None
        if thread.pipeline is not None:
            await thread.pipeline.session.aclose()
        session = thread.client.append_session(invocation.stream)
        thread.pipeline = Pipeline(invocation.session, self._identities.next_session(), invocation.stream, session)
        self._submit(thread, thread.pipeline, invocation)

    def _submit(self, thread: Thread, pipeline: Pipeline, invocation: Invocation) -> None:
        """Record a batch, then submit it to the session. The next batch may follow at once."""
        call = invocation.call
        assert isinstance(call, Append)
        if invocation.stream != pipeline.stream:
            raise ValueError(f"a session is of one stream, {pipeline.stream!r}: {invocation}")
        op = self._recorder.invoke(invocation, thread.process, pipeline.recorded)
        pipeline.flying[op] = invocation
        try:
            ticket = pipeline.session.submit(call)
        except Exception as error:
            ended = self._crashed(thread.process, error)
            asyncio.get_running_loop().call_soon(self._guarded, self._landed, thread, pipeline, op, ended)
        else:
            ticket.on_outcome(partial(self._guarded, self._landed, thread, pipeline, op))
        self._offer(thread)

    def _offer(self, thread: Thread) -> None:
        """Record whether the thread has batches in flight and could take another one."""
        if thread.pipeline is not None and thread.pipeline.flying and thread.pipeline.open and not thread.busy:
            self._open[thread.number] = thread.pipeline.number
        else:
            self._open.pop(thread.number, None)

    def _landed(self, thread: Thread, pipeline: Pipeline, op: int, outcome: Outcome[Ack]) -> None:
        """Record the outcome of a batch. The first failure ends the session, which then takes no further batch."""
        invocation = pipeline.flying.pop(op, None)
        if invocation is None:
            return  # the end of the run gave this batch up
        time, process = self._recorder.complete(op, outcome), thread.process
        pipeline.note(outcome)
        self._offer(thread)
        if pipeline.flying or pipeline.failure is None:
            self.completed += 1
        else:
            self._ended(thread, pipeline.failure)
        if thread.idle and pipeline.failure is None and not thread.busy:
            self._settle(thread)
        self._tell(Completion(time, thread.number, process, invocation, outcome))
        if not pipeline.flying and pipeline.failure is not None:
            thread.busy = True
            thread.give(self._end_pipeline, pipeline)
        self._turn()

    async def _end_pipeline(self, thread: Thread, pipeline: Pipeline) -> None:
        thread.pipeline = None
        with suppress(Exception):
            await pipeline.session.aclose()
        assert pipeline.failure is not None
        await self._recover(thread, pipeline.failure)

    # -- ending

    def _finish(self) -> None:
        """Stop asking the generator and let threads leave that have nothing in flight."""
        if self._finished.is_set():
            return
        self._finished.set()
        if self._alarm is not None:
            self._alarm.cancel()
        for thread in self._threads.values():
            if thread.idle and not thread.busy:
                thread.leave()

    async def _drain(self, seconds: float) -> None:
        clients = [thread.task for thread in self._threads.values() if thread.number != NEMESIS]
        await asyncio.wait(clients, timeout=seconds)
        if NEMESIS in self._threads:
            await asyncio.wait([self._threads[NEMESIS].task], timeout=_STRIKE)

    async def _let_go(self) -> None:
        """Cancel the operations still in flight, which records them as indefinite, and close every client."""
        for thread in self._threads.values():
            thread.task.cancel()
        await asyncio.gather(*(thread.task for thread in self._threads.values()), return_exceptions=True)
        with suppress(OSError):
            for thread in self._threads.values():
                if (job := thread.drop()) is not None and job[0] == self._perform:
                    self._recorder.complete(job[1][0], _NEVER_SENT)
                for op in thread.pipeline.give_up() if thread.pipeline is not None else ():
                    self._recorder.complete(op, _CANCELLED)
        clients = [thread.client for thread in self._threads.values() if thread.number != NEMESIS]
        await asyncio.gather(*(client.aclose() for client in clients), return_exceptions=True)
