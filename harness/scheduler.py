"""Drives the threads of a run: asks a generator what to do, does it, tells the generator how it went.

Each thread is one task that performs one operation after another, and whatever ends an operation asks the generator
what comes next. All that happens goes through the recorder first. A thread whose operation ended indefinitely goes on
under a new process identity, with a client of its own.
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
from .client.perform import perform
from .client.protocol import StreamClient
from .draws import Draws
from .history.events import CRASH
from .history.recorder import Recorder
from .s2 import Ack, Answer, Append, Read
from .s2.errors import NOT_SENT
from .threads import Identities, Pipeline, Thread
from .workload import NEMESIS, NO_SESSIONS, Completion, Context, Generator, Invocation, Pending, Strike

_MOMENT = 0.005
"""Seconds after which a generator that had nothing is asked again."""

_BACK_OFF = (0.02, 0.5)
"""First and longest pause (seconds) of a thread whose connection was refused."""

_SLACK = 2.0
"""Seconds that operations in flight get, past their own time-out, before they are cancelled."""

_GRACE = 2.0
"""Seconds that they get when the run is stopped."""

_STRIKE = 30.0
"""Seconds that a strike gets to end in, whatever ended the run."""

_BREATH = 32
"""Operations after which a thread lets others run, should its client never wait for anything."""

_CANCELLED = Indefinite("cancelled by the harness")
_NEVER_SENT = Definite(NOT_SENT.code, None, {"message": "the run ended before this was sent"})


class Scheduler:
    """Performs the operations of one generator with a fixed number of threads. Use it once.

    ``connect`` makes a client for a new process identity. ``clock`` gives ns since the clients started, as the
    recorder's does. ``streams`` gives an independent stream of random numbers for each sequence of names.
    ``timeout`` is seconds per operation. ``strike`` performs the strikes of the nemesis, which then is one more thread;
    what it raises ends the run.
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
        # A nemesis is -1: its identity stands last, where that index finds it.
        self._identities = Identities((*range(threads), *([NEMESIS] if strike else [])))
        self._open: dict[int, int] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._planned: tuple[Invocation, Generator] | None = None
        self._finished = asyncio.Event()
        self._failures: list[Exception] = []
        self._crashes: list[Exception] = []
        self.completed = 0
        """Operations of clients that have ended so far."""

    async def run(self, generator: Generator, stopping: asyncio.Event) -> None:
        """Perform until the generator is exhausted, or until ``stopping``; then drain.

        What is in flight then may end within its time-out (after a stop, within moments) or is cancelled, and thereby
        indefinite. Raises the first unexpected exception of a client, after recording it, once all else has drained.
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
        """A process identity that nobody has had."""
        return self._identities.next_process()

    # -- asking

    def _turn(self) -> None:
        """Ask the generator and hand out what it gives, until it has nothing or nobody can take more."""
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
                # Kept until it is due, if that is soon and nothing happens. Else the generator, which is pure, is asked
                # anew: a part of it may have had nothing for now.
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
        """Whatever goes wrong with the run itself ends it."""
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
            # Recorded here, so that invocations stand in the order in which the generator gave them.
            thread.give(self._perform, (self._recorder.invoke(invocation, thread.process, session), invocation))

    async def _work(self, thread: Thread) -> None:
        """What a thread does all its life. It ends when it has nothing in flight and the run is finished."""
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
        """The thread has done what it was given: it may take more, or leave when the run is finished."""
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
                outcome = frames.conclude(await client.read_session(invocation.stream, call, frames.add))
            else:
                outcome = await perform(client, invocation.stream, call)
        except asyncio.CancelledError:
            self._recorder.complete(op, frames.conclude(_CANCELLED) if frames else _CANCELLED)
            raise
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
        """Count an operation that ended. If nobody knows how, the thread acts under a new identity from now on."""
        self.completed += 1
        if isinstance(outcome, Indefinite):
            thread.process = self._identities.renew(thread.number)

    async def _recover(self, thread: Thread, outcome: Definite | Indefinite) -> None:
        """After an indefinite end a new client; after a refused connection a pause."""
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
        """Open an append session in place of the one that the thread has, and submit its first batch."""
        assert invocation.session is not None
        if thread.pipeline is not None:
            await thread.pipeline.session.aclose()
        session = thread.client.append_session(invocation.stream)
        thread.pipeline = Pipeline(invocation.session, self._identities.next_session(), invocation.stream, session)
        self._submit(thread, thread.pipeline, invocation)

    def _submit(self, thread: Thread, pipeline: Pipeline, invocation: Invocation) -> None:
        """Hand a batch to the session. It is recorded before; the next may follow at once."""
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
        """Note whether the thread, while it has batches in flight, could take another."""
        if thread.pipeline is not None and thread.pipeline.flying and thread.pipeline.open and not thread.busy:
            self._open[thread.number] = thread.pipeline.number
        else:
            self._open.pop(thread.number, None)

    def _landed(self, thread: Thread, pipeline: Pipeline, op: int, outcome: Outcome[Ack]) -> None:
        """A batch has its outcome. The first failure ends the session: no other batch of it is submitted."""
        invocation = pipeline.flying.pop(op, None)
        if invocation is None:
            return  # given up when the run ended
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
        """Ask no more. Threads that have nothing in flight leave."""
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
        """Cancel what is still in flight, which records it as indefinite, and close every client."""
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
