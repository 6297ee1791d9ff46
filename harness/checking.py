"""Check, explain, verify and plot histories from Python. The commands of the same names call these functions."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from . import certificates, store
from .check_limits import Budget, CheckLimits
from .exits import ExitCode
from .failure import UsageFailure
from .given import Given, Source, given
from .history.history import History
from .history.reader import read_history
from .history.s2_porcupine.described import Failures
from .judge import judge
from .printable import printable, sayable
from .reporter import UNWATCHED, Watcher
from .verdict import Validity, Verdict, Verification, Violation

PathLike: TypeAlias = str | os.PathLike[str]


class CheckFailure(AssertionError):
    """A history is not valid. The message explains why. ``result`` is the complete result."""

    def __init__(self, result: CheckedHistory) -> None:
        super().__init__(result.explain())
        self.result = result


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CheckedHistory:
    """A history and the verdict on it.

    Printing it shows the verdict with its first witnesses, as ``fencepost check`` does. ``source`` says where the
    history came from, and ``failures`` how it was read.
    """

    history: History
    verdict: Verdict
    source: Given
    failures: Failures = Failures.ANY

    @property
    def valid(self) -> bool:
        """True if one order of operations explains every answer. False if there is none, or if that is unknown."""
        return self.verdict.validity is Validity.VALID

    @property
    def validity(self) -> Validity:
        """Valid, invalid or unknown."""
        return self.verdict.validity

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Each reported broken promise, with the operations that prove it and the reason."""
        return self.verdict.violations

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of ``fencepost check`` for this verdict."""
        return ExitCode.CRASH if self.crashes else self.verdict.exit_code

    @property
    def crashes(self) -> tuple[str, ...]:
        """What went wrong with the run that recorded the history. The history then covers only the time before."""
        return tuple(dict.fromkeys((*self.history.crashes, *self.source.crashes)))

    def raise_if_invalid(self, *, allow_unknown: bool = False) -> None:
        """Raise CheckFailure, with the explanation, unless the history is valid.

        An unknown verdict raises as well, because a test that decided nothing must not pass. Pass
        ``allow_unknown=True`` to accept it.
        """
        if not (self.valid or (allow_unknown and self.validity is Validity.UNKNOWN)):
            raise CheckFailure(self)

    def lines(self) -> Iterator[str]:
        """Yield the verdict and its first witnesses, line by line."""
        from .report.text import verdict_lines

        return verdict_lines(self.history, self.verdict, self._explaining)

    def explain(self, anomaly: int | None = None, *, every: bool = False) -> str:
        """Return the explanation: anomalies with their proofs and reasons, or the basis of a valid verdict.

        The first anomaly of each signature is explained, and the others are listed. ``anomaly`` (from 1) selects one
        instead, and ``every`` all, grouped by signature. Raises UsageFailure for both, or if there is no anomaly of
        that number.
        """
        return "\n".join(map(printable, self.explanation(anomaly, every=every)))

    def explanation(self, anomaly: int | None = None, *, every: bool = False) -> Iterator[str]:
        """Yield the explanation line by line. See :meth:`explain`."""
        from .report.explanation import explanation

        if anomaly is not None and every:
            raise UsageFailure(f"anomaly {anomaly}, and every one: these exclude each other; leave one of them out")
        self._chosen(anomaly)
        return explanation(self.history, self.verdict, anomaly, every=every, explaining=self._explaining)

    def verify(self) -> Verification:
        """Return the result of re-checking the verdict's proof with the checker's kernel, run alone.

        Raises UsageFailure if no checker has a proof.
        """
        identity = self._identity()
        proof = certificates.proof(Path(self.source.name), identity, self.verdict)
        return certificates.verify(self.history, identity, proof)

    def write_certificate(self, path: PathLike) -> Verification:
        """Return the verification of the verdict's proof, after writing it to a file and reading it back.

        Raises UsageFailure if the file cannot be written, or if no checker has a proof.
        """
        try:
            return certificates.prove(Path(path), self._identity(), self.history, self.verdict)
        except OSError as error:
            raise UsageFailure(f"{store.describe(error)}; choose another file for the certificate") from error

    def plot(
        self,
        folder: PathLike,
        *,
        formats: Sequence[str] = ("png",),
        only: Sequence[str] = (),
        watcher: Watcher = UNWATCHED,
    ) -> list[Path]:
        """Return the paths of pictures, after drawing them into a folder.

        ``formats`` are ``png`` and ``svg``. ``only`` names plots (if none, all registered plots are drawn). Raises
        UsageFailure for an unknown plot, OSError if the folder cannot be written, and PlotFailure if a plot raised an
        exception. The other pictures are drawn nevertheless.
        """
        from .pictures import PLOTS, PlotFailure, draw

        for name in only:
            PLOTS.get(name)
        files, complaints = draw(
            self.history,
            self.verdict,
            Path(folder),
            tuple(formats),
            lambda name: watcher.phase(f"drawing {name}"),
            tuple(only),
        )
        if complaints:
            raise PlotFailure(files, complaints)
        return files

    def graph(self, path: PathLike, anomaly: int | None = None) -> Path:
        """Return the path of a file, after writing the dependency graph of an anomaly (from 1; None: the first) to it.

        The ending of the name selects the format: svg, dot, graphml or json. Raises UsageFailure for another ending,
        for an anomaly that does not exist, and if the file cannot be written.
        """
        from .report.graph import writer_for

        write, path = writer_for(Path(path)), Path(path)
        violation = self._chosen(anomaly)
        if violation is None:
            raise UsageFailure(f"{path} is not written: there is no anomaly to draw")
        write(self.history, violation, path)
        return path

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as ``fencepost check --json`` prints it."""
        path = {"path": sayable(self.source.name)}
        return path | store.verdict_json(self.verdict, self.source.identity(), self.crashes)

    def __str__(self) -> str:
        return "\n".join(map(printable, self.lines()))

    def __repr__(self) -> str:
        from .report.text import summary_line

        return printable(f"<CheckedHistory {self.source.name}: {summary_line(self.history, self.verdict)}>")

    def _repr_html_(self) -> str:
        from .report.notebook import page

        return page(self.history, self.verdict)

    @property
    def _explaining(self) -> str:
        """How to see every anomaly explained."""
        if self.source.file is None:
            return "result.explain(every=True)"
        return f"fencepost explain {shlex.quote(self.source.name)} --all"

    def _identity(self) -> dict[str, str]:
        return {**self.source.identity(), "failures": self.failures.value}

    def _chosen(self, anomaly: int | None) -> Violation | None:
        """Return the anomaly of that number, or the first. Raises UsageFailure if there is no such anomaly."""
        found = self.violations
        if anomaly is None:
            return found[0] if found else None
        if not 0 < anomaly <= len(found):
            there_are = f"there are {len(found)}" if len(found) > 1 else "there is one" if found else "none was found"
            raise UsageFailure(f"anomaly {anomaly}: {there_are}; leave the number out to see them all")
        return found[anomaly - 1]


def check(
    source: Source,
    *,
    budget: Budget | None = None,
    failures: Failures | Literal["any", "condition"] = "any",
    cores: int = 1,
    watcher: Watcher = UNWATCHED,
) -> CheckedHistory:
    """Return a history with its verdict: does one order of each stream's operations explain every answer?

    ``source`` is a path (a run's folder, a history file in any format that fencepost reads, compressed or not, or ``-``
    for standard input), the bytes of such a file, a History, or the events of a journal in order, as values or dicts
    (docs/history.md).

    ``budget`` bounds the search that is needed if the history leaves open who wrote what. ``failures`` says how to read
    definite failures of appends in s2-porcupine's format, which does not say: as anything without effect, or as a
    condition that did not hold. ``cores`` is the largest number of processes to use for several streams. ``watcher``
    receives progress.

    Raises UsageFailure if there is no such file, HistoryFailure if its content is not a history, and TypeError for any
    other source. An interrupt (Ctrl-C) during the check makes the verdict unknown, with that as the reason.
    """
    how = Failures(failures)
    found = given(source, how, watcher)
    limits = CheckLimits(budget or Budget(), cores=cores)
    verdict = judge(found.history, lambda name: watcher.phase(f"checking ({name})"), limits)
    return CheckedHistory(found.history, verdict, found, how)


def explain(source: Source, anomaly: int | None = None, *, every: bool = False, budget: Budget | None = None) -> str:
    """Return the explanation of a history's verdict: what is wrong and why, or the basis of a valid verdict.

    See :meth:`CheckedHistory.explain` for ``anomaly`` and ``every``, and :func:`check` for the other arguments.
    """
    return check(source, budget=budget).explain(anomaly, every=every)


def plot(
    source: Source, folder: PathLike, *, formats: Sequence[str] = ("png",), only: Sequence[str] = ()
) -> list[Path]:
    """Return the paths of a history's pictures, after checking it and drawing them. See :meth:`CheckedHistory.plot`."""
    return check(source).plot(folder, formats=formats, only=only)


def verify(run: PathLike, certificate: PathLike | None = None, *, watcher: Watcher = UNWATCHED) -> Verification:
    """Return the result of re-checking a stored proof with the checker's kernel, run alone.

    ``run`` is a run's folder, which contains the proof, or a history file; then pass the path of its ``certificate``.
    The verdict stored in a folder must be the proven one. Raises UsageFailure if a file is missing or damaged, or if
    the certificate belongs to another history.
    """
    path = Path(run)
    file = store.history_of(path)
    if certificate is None and not path.is_dir():
        raise UsageFailure(f"{path} is no run's folder; name its certificate as well (--certificate FILE)")
    stored = certificates.read(path / store.CERTIFICATE if certificate is None else Path(certificate))
    history = read_history(file, watcher.reading, Failures(stored.history.get("failures", "any")))
    watcher.phase("verifying")
    found = certificates.verify(history, store.identity(file), stored)
    return replace(found, failures=(*found.failures, *(_contradictions(path, stored) if path.is_dir() else ())))


def _contradictions(run: Path, stored: certificates.StoredCertificate) -> Iterator[str]:
    """Yield each difference between the stored verdict and what the certificate beside it proves."""
    verdict = store.read_verdict(run)
    if verdict is None:
        return
    said = {name: result.get("validity") for name, result in verdict.get("checkers", {}).items()}
    for name, validity in stored.validities.items():
        if said.get(name) != validity:
            yield f"{name}: the stored verdict is {said.get(name)}, and the certificate is of {validity}"
