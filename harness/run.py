"""A run from start to end: set up the target, run clients and faults, heal, drain, fence and read, check, store.

The history is complete on disk before any check starts, and checkers see nothing but the history.
"""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import certificates, store
from .check_limits import CheckLimits, usable_cores
from .checking import CheckedHistory
from .client.protocol import StreamClient
from .exits import ExitCode
from .failure import UsageFailure
from .given import Given
from .history.events import INTERRUPT
from .history.failure import HistoryFailure
from .history.history import History
from .history.reader import read_history
from .judge import CHECKERS, judge
from .nemesis.fault import Fault
from .options import RunOptions
from .pictures import draw
from .printable import printable, printable_lines
from .recording import Plan, Recording
from .registry import Registry
from .reporter import UNWATCHED, Reporter
from .run_log import RunLog
from .targets.options import resolve, without_secrets
from .targets.target import Target, TargetOptions, options_of
from .verdict import Verdict
from .workload import Workload, checkers_of
from .world.world import World, real_world

WORKLOADS: Registry[Workload] = Registry("fencepost.workloads", "workload")
TARGETS: Registry[Target] = Registry("fencepost.targets", "target")
CLIENTS: Registry[StreamClient] = Registry("fencepost.clients", "client")
FAULTS: Registry[Fault] = Registry("fencepost.faults", "fault")

_log = logging.getLogger("fencepost.run")


@dataclass(frozen=True, slots=True, repr=False)
class RunResult:
    """The result of a run. Printing it shows the verdict with its first witnesses.

    ``crash`` says what went wrong with the run itself; the verdict then covers what was recorded up to that point.
    ``complaints`` name pictures that could not be drawn.
    """

    folder: Path
    history: History
    verdict: Verdict
    crash: str | None = None
    complaints: tuple[str, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended the run early."""
        return any(remark.kind == INTERRUPT for remark in self.history.remarks)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code. A crash takes precedence over invalid, then unknown, then valid."""
        return self.checked.exit_code

    @property
    def checked(self) -> CheckedHistory:
        """The history with its verdict, ready to be explained, verified and drawn."""
        file = self.folder / store.HISTORY
        # The history may report the crash already, in its own words.
        crashes = (self.crash,) if self.crash is not None and not self.history.crashes else ()
        return CheckedHistory(self.history, self.verdict, Given(self.history, str(self.folder), file, crashes=crashes))

    def __str__(self) -> str:
        crashed = [] if self.crash is None else printable_lines(f"CRASH: {self.crash}")
        return "\n".join([str(self.checked), *crashed])

    def __repr__(self) -> str:
        how = "" if self.crash is None else f", crash: {self.crash.splitlines()[0]}"
        return printable(f"<RunResult {self.folder}: {self.verdict.validity}{how}>")

    def _repr_html_(self) -> str:
        return self.checked._repr_html_()


class RunFailure(Exception):
    """A run ended before it recorded a history. The text says why, and what was kept in ``folder``."""

    def __init__(self, why: str, folder: Path) -> None:
        super().__init__(f"{why}; {_kept(folder)}")
        self.folder = folder


def check_names(options: RunOptions) -> None:
    """Raise UsageFailure for a name that is not registered, or for options that the target does not take."""
    for name in checkers_of(WORKLOADS.make(options.workload)) or ():
        CHECKERS.get(name)
    resolve(options.target, options_of(TARGETS.get(options.target)), options.target_options)
    CLIENTS.get(options.client)
    for name in options.faults:
        FAULTS.get(name)


def execute(options: RunOptions, reporter: Reporter = UNWATCHED, world: World | None = None) -> RunResult:
    """Carry out one run, check, draw and store it, and return the result. ``world`` defaults to the real world.

    Raise UsageFailure before anything starts, RunFailure if the target could not be set up, and KeyboardInterrupt if
    a signal interrupted the setup.
    """
    check_names(options)
    workload = WORKLOADS.make(options.workload)
    faults = [FAULTS.make(name) for name in dict.fromkeys(options.faults)]
    make_target = TARGETS.get(options.target)
    rows = options_of(make_target)
    own = resolve(options.target, rows, options.target_options)
    stored = options.public() | {"target_options": without_secrets(rows, own)}
    world = world or real_world(options.seed)
    now = datetime.fromtimestamp(world.clock.wall_ms() / 1000, UTC)
    folder = store.open_run(Path(options.results), options.workload, options.seed, now)
    run_id = f"{now:%Y%m%dt%H%M%S}-{world.random.fresh(3).hex()}"
    target = _make(make_target, options, own, folder, run_id, faults, world)
    try:
        store.write_json(folder / store.OPTIONS, stored)
        log = RunLog(folder / store.LOG)
    except OSError as error:
        raise RunFailure(store.describe(error), folder) from error
    with log:
        plan = Plan(options, stored, workload, faults, target, folder, run_id, now, world)
        crash = Recording(plan, reporter).record()
        if not (folder / store.HISTORY).exists():
            if crash is None and folder.exists():
                raise KeyboardInterrupt  # interrupted during the setup of the target: there is no history to check
            raise RunFailure(crash or "the results folder was removed during the run", folder)
        result = _conclude(options, reporter, folder, crash)
    if log.error is not None and result.crash is None:
        result = replace(result, crash=f"{store.describe(log.error)}; {_kept(result.folder)}")
    if result.crash is not None:
        # A later check of the folder must know what went wrong after the verdict was stored.
        with contextlib.suppress(OSError):
            _store_verdict(result)
    return result


def _kept(folder: Path) -> str:
    """Return what a run that ended badly left behind, and where."""
    if (folder / store.HISTORY).exists():
        return f"the history up to that point is in {folder / store.HISTORY} (check it with: fencepost check)"
    return f"the files of the run are in {folder}" if folder.exists() else f"nothing was kept: {folder} is gone"


def _make(
    make: Callable[..., Target],
    options: RunOptions,
    own: Mapping[str, Any],
    folder: Path,
    run_id: str,
    faults: list[Fault],
    world: World,
) -> Target:
    """Return the target. If it refuses its options or a fault does not apply to it, remove the folder again."""
    try:
        target = make(
            TargetOptions(
                folder=folder,
                run_id=run_id,
                streams=options.streams,
                timeout=options.timeout,
                keep=options.keep,
                client=CLIENTS.get(options.client),
                own=own,
                world=world,
            )
        )
        for fault in faults:
            if not fault.applies_to(target):
                raise UsageFailure(f"the fault {fault.name!r} does not apply to this target")
    except UsageFailure:
        folder.rmdir()
        raise
    return target


def _conclude(options: RunOptions, reporter: Reporter, folder: Path, crash: str | None) -> RunResult:
    reporter.phase("checking")
    try:
        history = read_history(folder / store.HISTORY)
    except HistoryFailure as failure:
        raise RunFailure(crash or f"the recorded history cannot be checked: {failure}", folder) from failure
    verdict = judge(
        history, lambda name: _log.info("checking: %s", name), CheckLimits(options.budget, cores=usable_cores())
    )
    _log.info("verdict: %s", verdict.validity)
    result = RunResult(folder, history, verdict, crash)
    try:
        return _store(options, reporter, result)
    except OSError as error:
        _log.error("the results could not be stored: %s", error)
        return replace(result, crash=f"{crash or store.describe(error)}; {_kept(folder)}")


def _store(options: RunOptions, reporter: Reporter, result: RunResult) -> RunResult:
    """Store the verdict, its proof and its pictures, and give the folder its final name. Raise OSError if it fails."""
    folder, history, verdict, crash = result.folder, result.history, result.verdict, result.crash
    identity = _store_verdict(result)
    unproven = None if crash else _prove(reporter, folder, identity, result)
    complaints: list[str] = []
    if options.formats:
        reporter.phase("drawing")
        try:
            _, complaints = draw(history, verdict, folder / store.PLOTS, options.formats)
        except KeyboardInterrupt:
            complaints = ["interrupted: not all pictures were drawn (draw them with: fencepost plot)"]
    final = store.finish_run(folder)
    if crash:
        crash = f"{crash.replace(str(folder), str(final))}; {_kept(final)}"
    try:
        store.point_latest(final, Path(options.results))
    except OSError as error:
        unproven = unproven or f"{store.describe(error)}; {_kept(final)}"
    return RunResult(final, history, verdict, crash or unproven, tuple(complaints))


def _store_verdict(result: RunResult) -> dict[str, str]:
    """Store the verdict, and return the name and SHA-256 of its history. Raise OSError if it cannot be stored."""
    identity = store.identity(result.folder / store.HISTORY)
    store.write_json(
        result.folder / store.VERDICT, store.verdict_json(result.verdict, identity, result.checked.crashes)
    )
    return identity


def _prove(reporter: Reporter, folder: Path, identity: Mapping[str, str], result: RunResult) -> str | None:
    """Store the verdict's certificate, verify it, and return what went wrong. An unverified verdict does not count.

    Raise OSError if the certificate cannot be stored.
    """
    if all(each.certificate is None for each in result.verdict.results.values()):
        return None
    reporter.phase("verifying")
    try:
        found = certificates.prove(folder / store.CERTIFICATE, identity, result.history, result.verdict)
    except KeyboardInterrupt:
        return "interrupted: the verdict's certificate was not verified (verify it with: fencepost verify)"
    except OSError:
        raise
    except Exception:
        _log.exception("the certificate")
        return f"the verdict's certificate could not be made or verified:\n{traceback.format_exc()}"
    return "; ".join(f"the verdict's certificate does not verify: {failure}" for failure in found.failures) or None
