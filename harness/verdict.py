"""What a checker says, and how several of them are composed into one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .exits import ExitCode

if TYPE_CHECKING:
    from .check_limits import CheckLimits
    from .history.history import History


class Validity(StrEnum):
    """Valid, invalid, or not decided."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How bad an anomaly is for those who rely on the stream."""

    CRITICAL = "critical"
    SERIOUS = "serious"
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A row of a checker's anomaly table.

    ``rule`` is the invariant, or the edges of the cycle; ``promise`` quotes the clause that it breaks.
    """

    name: str
    definition: str
    severity: Severity
    rule: str
    promise: str


@dataclass(frozen=True, slots=True)
class Edge:
    """``source`` comes before ``target`` (operation ids), because of ``kind``, as ``because`` says in a sentence.

    Kinds: ``ww`` stream order, ``wr`` append → observer, ``rw`` observer → next append, ``rt`` real time,
    ``process``, ``session``, ``tw`` fence set → seen, ``tr`` seen → replaced.
    """

    source: int
    target: int
    kind: str
    because: str


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise and the operations that prove it.

    ``operations`` are ids, the few that prove it; ``context`` are ids that help to understand it. ``position``
    is the stream position it is about, if one. ``count`` tells how many more of the same root it stands for, and
    ``also`` under which other names of the anomaly table that root shows itself. Times in the sentences count from
    ``since`` (ns since the start of the run; None: from the first operation).
    """

    anomaly: str
    stream: str
    promise: str
    operations: tuple[int, ...]
    edges: tuple[Edge, ...]
    sentences: tuple[str, ...]
    context: tuple[int, ...] = ()
    position: int | None = None
    count: int = 1
    also: tuple[str, ...] = ()
    since: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the anomaly table that it goes by, the most specific first."""
        return (self.anomaly, *self.also)


class Certificate(Protocol):
    """The proof of what a checker says, such that another program can re-check it (see :class:`Verifier`)."""

    def parts(self) -> Mapping[str, bytes]:
        """The proof as named parts, the names such as files have. Made when it is asked for."""
        ...


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one checker says of one history.

    ``reasons`` say why it is unknown; ``warnings`` do not change validity; ``details`` is JSON-ready. ``certificate``
    proves it, where the checker has one.
    """

    validity: Validity
    violations: tuple[Violation, ...] = ()
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    certificate: Certificate | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The composed verdict over all checkers: invalid > unknown > valid."""

    validity: Validity
    results: Mapping[str, CheckResult]

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The violations of all checkers, in the checkers' order."""
        return tuple(v for result in self.results.values() for v in result.violations)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that says it."""
        return ExitCode[self.validity.name]


class Checker(Protocol):
    """Judges a history. Registered under ``fencepost.checkers``; the entry point makes one without arguments.

    A checker whose class says ``general = False`` judges only histories of workloads that name it.
    """

    name: str
    summary: str
    anomalies: tuple[Anomaly, ...]

    def check(self, history: History, limits: CheckLimits) -> CheckResult:
        """Judge. Reads the history and nothing else; may raise, which is then ``unknown`` with the traceback."""
        ...


def is_general(checker: object) -> bool:
    """Whether a checker, or its class, judges every history that names no checkers of its own."""
    return bool(getattr(checker, "general", True))


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of re-checking a certificate: ``lines`` tell what holds, ``failures`` what does not."""

    lines: tuple[str, ...]
    failures: tuple[str, ...] = ()


class Verifier(Protocol):
    """Re-checks the certificates of a checker. Registered under ``fencepost.verifiers`` by the checker's name.

    It shares no code with whatever found what they claim.
    """

    def verify(self, history: History, parts: Mapping[str, bytes], claimed: Validity) -> Verification:
        """Does the certificate prove that the history is as claimed? Raises UsageFailure where it is damaged."""
        ...


class Plot(Protocol):
    """Draws a judged history. Registered under ``fencepost.plots``."""

    name: str
    summary: str

    def draw(self, history: History, verdict: Verdict, folder: Path, formats: tuple[str, ...]) -> list[Path]:
        """Write ``<name>.<format>`` (``png``, ``svg``) for each format into ``folder``; the paths written.

        A plot that has nothing to show (a witness of a valid history) writes nothing. Where there are several
        pictures to draw, the name is followed by a number.
        """
        ...


class GraphWriter(Protocol):
    """Writes the dependency graph of one violation. Registered under ``fencepost.graphs``, by its files' ending."""

    summary: str

    def write(self, history: History, violation: Violation, path: Path) -> None:
        """Write the file. Raises OSError where it cannot be written."""
        ...


def compose(results: Mapping[str, CheckResult]) -> Verdict:
    """One verdict of many: invalid if any is invalid, else unknown if any is unknown, else valid."""
    return Verdict(worst(result.validity for result in results.values()), dict(results))


def worst(validities: Iterable[Validity]) -> Validity:
    """Invalid > unknown > valid. Nothing at all is unknown: nothing was judged."""
    seen = set(validities)
    if Validity.INVALID in seen:
        return Validity.INVALID
    if Validity.UNKNOWN in seen or not seen:
        return Validity.UNKNOWN
    return Validity.VALID
