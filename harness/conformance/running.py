"""Runs the suite: pytest underneath, without its terminal, its configuration and other people's plugins."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from ..client.connection import ConnectionClosed
from ..failure import UsageFailure
from ..interrupts import cancelling
from ..printable import printable
from ..signals import held
from ..world.world import World
from . import cases as own_cases
from .clause import Clause, clause_of
from .place import Place
from .reply import Interrupted, NoAnswer, NotOffered
from .report import Case, Report, Verdict, told, untested
from .settings import Settings

_PACKAGE = "fencepost.harness.conformance"
_OPTIONS = {
    "asyncio_mode": "auto",
    "asyncio_default_fixture_loop_scope": "session",
    "asyncio_default_test_loop_scope": "session",
    "junit_logging": "system-out",
    "junit_log_passing_tests": "true",
    "python_files": "*.py",
}


def run(settings: Settings, world: World) -> Report:
    """Run the suite and return what it found, after removing what it made.

    Raise UsageFailure if there is nothing to run, and TargetFailure if the endpoint cannot be used or something may be
    left there.
    """
    place = Place(settings, world)
    collector = Collector(place)
    try:
        # A KeyboardInterrupt in the middle of pytest and an event loop leaves both in disorder. So the signals are
        # kept, the case that is running sends no more requests, and no other case begins.
        with held() as place.interrupts:
            asyncio.run(place.set_up())
            code = pytest.main(_arguments(settings), plugins=[collector])
    finally:
        asyncio.run(_clean(place))
    if code == pytest.ExitCode.NO_TESTS_COLLECTED and not untested(settings.clauses):
        raise UsageFailure(f"no case is about {', '.join(settings.clauses) or 'anything'}")
    if code not in (
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.INTERRUPTED,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    ):
        raise UsageFailure("the cases cannot be run" + "".join(f"\n{problem}" for problem in collector.problems))
    if collector.problems:
        raise UsageFailure("the cases cannot be loaded" + "".join(f"\n{problem}" for problem in collector.problems))
    interrupted = bool(place.interrupts)
    return Report(settings.url, place.basin, collector.cases, untested(settings.clauses), interrupted)


async def _clean(place: Place) -> None:
    with cancelling():
        await place.clean()


def _arguments(settings: Settings) -> list[str]:
    folder = Path(next(iter(own_cases.__path__)))
    arguments = [str(path) for path in (folder, *settings.paths)]
    arguments += ["--rootdir", str(folder), "-c", os.devnull, "--disable-plugin-autoload"]
    for plugin in ("no:terminal", "no:cacheprovider", "no:doctest", "pytest_asyncio.plugin", f"{_PACKAGE}.fixtures"):
        arguments += ["-p", plugin]
    for name, value in _OPTIONS.items():
        arguments += ["-o", f"{name}={value}"]
    if settings.junit is not None:
        arguments.append(f"--junit-xml={settings.junit}")
    return arguments


class Collector:
    """The plugin that hands cases their place, and keeps what came of them."""

    def __init__(self, place: Place) -> None:
        self.cases: list[Case] = []
        self.problems: list[str] = []
        self._place = place

    @pytest.fixture(scope="session")
    def place(self) -> Place:
        """Where the run works."""
        return self._place

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the cases that are about the chosen clauses."""
        chosen = self._place.settings.clauses
        if chosen:
            config.hook.pytest_deselected(items=[item for item in items if _clause(item).number not in chosen])
            items[:] = [item for item in items if _clause(item).number in chosen]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be loaded."""
        if report.failed:
            self.problems.append(str(report.longrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Begin no case after an interrupt."""
        if not self._place.interrupts:
            return None
        item.session.shouldstop = "interrupted"
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep what came of a case, and take tokens out of what pytest reports of it."""
        report = yield
        failed = call.excinfo is not None
        if call.when == "setup":
            item.user_properties.append(("clause", _clause(item).number))
        if not (failed or call.when == "call"):
            return report
        about = _clause(item)
        verdict, why = _judged(call.excinfo.value if call.excinfo else None)
        case = Case(
            clause=about.number,
            kind=about.kind,
            quote=about.quote,
            name=item.nodeid.rpartition("/")[2],
            title=(getattr(item, "obj", None).__doc__ or item.name).strip().splitlines()[0],
            verdict=verdict,
            why=self._place.transcript.struck(why),
            exchanges=self._place.transcript.take(),
        )
        self.cases.append(case)
        item.add_report_section("call", "stdout", "\n".join(map(printable, told(case.exchanges))))
        # The sections of this report are those of its assertion, which may repeat a token.
        report.sections = []
        if isinstance(call.excinfo and call.excinfo.value, NotOffered | Interrupted):
            report.outcome = "skipped"
            report.longrepr = (case.name, 0, f"{verdict}: {printable(case.why)}")
        elif report.failed:
            report.longrepr = f"{verdict}: {printable(case.why)}"
        return report


def _clause(item: pytest.Item) -> Clause:
    return clause_of(getattr(item, "obj", None))


def _judged(error: BaseException | None) -> tuple[Verdict, str]:
    """Return the verdict on a case that ended with this error, and the error in words."""
    match error:
        case None:
            return Verdict.CONFORMS, ""
        case Interrupted():
            return Verdict.NOT_TRIED, str(error)
        case NotOffered():
            return Verdict.NOT_OFFERED, str(error)
        case pytest.skip.Exception():
            return Verdict.NOT_TRIED, str(error)
        case AssertionError() | pytest.fail.Exception():
            return Verdict.VIOLATED, str(error) or "an assertion failed"
        case NoAnswer() | ConnectionClosed() | OSError() | httpx.HTTPError():
            return Verdict.UNKNOWN, str(error)
    return Verdict.UNKNOWN, f"the case itself failed: {type(error).__name__}: {error}"
