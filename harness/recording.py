"""The part of a run that happens in an event loop and ends with a history on disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from . import store
from .closing import Closer, ClosingFailure
from .history.events import CRASH, INTERRUPT, SCHEMA, Header, StreamState
from .history.recorder import Recorder
from .interrupts import Interrupts
from .nemesis.fault import Fault
from .nemesis.nemesis import Nemesis
from .nemesis.schedules import struck_by
from .options import RunOptions
from .reporter import Reporter
from .scheduler import Scheduler
from .signals import held
from .targets.target import Lifetimes, Mortal, Target, TargetFailure
from .workload import Workload, WorkloadOptions, checkers_of, has_unique_records
from .world.world import World

_log = logging.getLogger("fencepost.run")


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one run: what to run, where to write, and when it began.

    ``stored`` is the form of the options that may be stored.
    """

    options: RunOptions
    stored: Mapping[str, Any]
    workload: Workload
    faults: list[Fault]
    target: Target
    folder: Path
    run_id: str
    now: datetime
    world: World


class Recording:
    """The recording of one run according to its plan. Use it once."""

    def __init__(self, plan: Plan, reporter: Reporter) -> None:
        self._plan = plan
        self._reporter = reporter
        self._recorder: Recorder | None = None

    def record(self) -> str | None:
        """Record a history. Return what went wrong with the run itself, or None if nothing did."""
        with held() as early:
            return asyncio.run(self._record(early))

    async def _record(self, early: list[signal.Signals]) -> str | None:
        troubles: list[str] = []
        interrupts = Interrupts(self._interrupted)
        try:
            with interrupts.watch(early):
                try:
                    with self._noting(troubles):
                        await self._carry_out(interrupts, troubles)
                finally:
                    with self._noting(troubles):
                        await self._plan.target.tear_down()
        except asyncio.CancelledError:
            _log.warning("interrupted twice: recording stops here")
        finally:
            self._close(troubles)
        return "; ".join(dict.fromkeys(troubles)) or None

    @contextlib.contextmanager
    def _noting(self, troubles: list[str]) -> Iterator[None]:
        """Add an exception to ``troubles`` and go on, so that it neither hides another one nor stops the next step."""
        try:
            yield
        except (TargetFailure, ClosingFailure) as failure:
            troubles.append(str(failure))
            _log.error("%s", failure)
        except OSError as error:
            troubles.append(store.describe(error))
            _log.exception("the run crashed")
        except Exception as error:
            troubles.append(f"{type(error).__name__}: {error} (the traceback is in {store.LOG})")
            _log.exception("the run crashed")

    def _close(self, troubles: list[str]) -> None:
        if self._recorder is None:
            return
        try:
            for trouble in troubles:
                self._recorder.remark(CRASH, trouble)
            self._recorder.close()
        except OSError as error:
            troubles.append(store.describe(error))
            _log.error("the history could not be closed: %s", error)

    async def _carry_out(self, interrupts: Interrupts, troubles: list[str]) -> None:
        options = self._plan.options
        self._reporter.phase("setting up")
        streams = await self._plan.target.set_up()
        rate = options.rate if options.rate is not None else self._plan.target.gentle_rate
        monotonic_ns = self._plan.world.clock.monotonic_ns
        zero = monotonic_ns()

        def clock() -> int:
            return monotonic_ns() - zero

        recorder = self._recorder = Recorder(self._plan.folder / store.HISTORY, self._header(streams, rate), clock)
        nemesis = Nemesis(self._plan.faults, self._plan.target, recorder)
        scheduler = Scheduler(
            recorder,
            self._plan.target.connect,
            clock,
            threads=options.clients,
            streams=self._plan.world.random.stream,
            timeout=options.timeout,
            strike=nemesis.strike if self._plan.faults else None,
        )
        generator = self._plan.workload.generator(
            WorkloadOptions(
                streams=tuple(stream.name for stream in streams),
                threads=options.clients,
                seed=options.seed,
                time_limit=options.time_limit,
                operations=options.operations,
                rate=rate,
            )
        )
        self._phase("clients")
        try:
            async with self._watching(scheduler):
                await scheduler.run(struck_by(self._plan.faults, generator), interrupts.stopping)
        finally:
            with self._noting(troubles):
                await nemesis.heal_all()
        self._phase("closing")
        await Closer(recorder, self._plan.target.connect, scheduler.next_process).close(streams, self._plan.run_id)

    def _header(self, streams: list[StreamState], rate: float | None) -> Header:
        checkers = checkers_of(self._plan.workload)
        target = self._plan.target
        lifetimes = target.lifetimes() if isinstance(target, Mortal) else Lifetimes()
        return Header(
            schema=SCHEMA,
            version=version("fencepost"),
            workload=self._plan.options.workload,
            seed=self._plan.options.seed,
            started=self._plan.now.isoformat(timespec="seconds"),
            streams=streams,
            target=target.describe(),
            options={**self._plan.stored, "rate": rate},
            exercises={exercise.counter: exercise.at_least for exercise in self._plan.workload.exercises},
            unique_records=has_unique_records(self._plan.workload),
            checkers=None if checkers is None else list(checkers),
            others_may_delete=lifetimes.others_may_delete,
            retention_ms=lifetimes.retention_ms,
        )

    @contextlib.asynccontextmanager
    async def _watching(self, scheduler: Scheduler) -> AsyncIterator[None]:
        async def watch() -> None:
            loop = asyncio.get_running_loop()
            began = loop.time()
            while True:
                await asyncio.sleep(0.25)
                elapsed = loop.time() - began
                self._reporter.progress(scheduler.completed, elapsed, self._plan.options.time_limit)

        watcher = asyncio.create_task(watch())
        try:
            yield
        finally:
            watcher.cancel()

    def _phase(self, text: str) -> None:
        self._reporter.phase(text)
        _log.info("phase: %s", text)
        assert self._recorder is not None
        self._recorder.remark("phase", text)

    def _interrupted(self, number: signal.Signals, count: int) -> None:
        text = f"{number.name} number {count}"
        what = "ending the clients; press Ctrl-C again to stop recording" if count == 1 else "recording stops here"
        self._reporter.phase(f"interrupted ({text}): {what}")
        _log.warning("interrupted: %s", text)
        if self._recorder is not None:
            with contextlib.suppress(OSError):  # a recorder that cannot write ends the run by itself
                self._recorder.remark(INTERRUPT, text)
