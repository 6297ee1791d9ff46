"""The results of checkers, and how several results make one verdict."""

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
    """Whether a history is valid."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How bad an anomaly is for the users of the stream."""

    CRITICAL = "critical"
    SERIOUS = "serious"
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A row of a checker's anomaly table.

    ``rule`` is the invariant, or the edges of the cycle. ``promise`` quotes the clause of docs/semantics.md that the
    anomaly breaks. ``lead`` is what happened to the user, in a few words; an explanation begins with it.
    """

    name: str
    definition: str
    severity: Severity
    rule: str
    promise: str
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """Operation ``source`` comes before operation ``target`` (ids); ``because`` says why in a sentence.

    Kinds: ``ww`` stream order, ``wr`` append → observer, ``rw`` observer → next append, ``rt`` real time,
    ``process``, ``session``, ``tw`` fence set → seen, ``tr`` seen → replaced.
    """

    source: int
    target: int
    kind: str
    because: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a part of a sentence claims of some ``operations`` (ids), in the order of its words, and of ``values``.

    ``claim`` is the name of its kind; the checker that made it has the list.
    """

    claim: str
    operations: tuple[int, ...]
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, repr=False)
class Violation:
    """A broken promise and the operations that prove it.

    ``operations`` are the ids of the few that prove it, and ``context`` those of operations that help to understand
    it. ``position`` is the stream position it is about, if any. ``count`` is the number of violations with the same
    root that it stands for, itself included, and ``also`` lists the other anomalies under which that root shows.
    Times in the sentences count from ``since`` (ns since the start of the run; None: from the first operation).
    ``accused`` are the ids of the operations whose answers are wrong: without them the violation would not be.
    ``signature`` is the same for violations of one kind, whatever the run. ``claims`` are what the sentences claim, in
    their order.
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
    accused: tuple[int, ...] = ()
    signature: str = ""
    claims: tuple[Statement, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every anomaly that it shows as, the most specific first."""
        return (self.anomaly, *self.also)

    def __str__(self) -> str:
        return " ".join([f"{self.anomaly} on {self.stream}:", *self.sentences])

    def __repr__(self) -> str:
        operations = ", ".join(f"#{op}" for op in self.operations)
        more = f" ×{self.count:,}" if self.count > 1 else ""
        return f"<Violation {self.anomaly} on {self.stream!r}: {operations}{more}>"


@dataclass(frozen=True, slots=True)
class Explained:
    """How far some order explains every answer of a ``stream`` that is not valid.

    ``moments`` of ``of`` are in that order (an operation has a moment, or several), up to this ``tail`` and the time
    ``until`` (ns since the start of the run) at which the last of them had begun. The answer of operation ``refused``
    (its id) is not right after them: ``because`` says why.
    """

    stream: str
    moments: int
    of: int
    tail: int
    until: int
    refused: int
    because: str


class Certificate(Protocol):
    """The proof of a checker's result, which can be re-checked without the checker (see :class:`Verifier`)."""

    def parts(self) -> Mapping[str, bytes]:
        """Return the proof as parts, by file name. Computed on demand."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class CheckResult:
    """The result of one checker for one history.

    ``reasons`` say why it is unknown. ``warnings`` do not change validity. ``details`` is ready for JSON.
    ``certificate`` proves the result, if the checker has a proof. ``explained`` says of each stream that is not valid
    how far an order explains it, if the checker knows one.
    """

    validity: Validity
    violations: tuple[Violation, ...] = ()
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    certificate: Certificate | None = field(default=None, compare=False)
    explained: tuple[Explained, ...] = ()

    def __repr__(self) -> str:
        found = _listed(violation.anomaly for violation in self.violations)
        return f"<CheckResult {self.validity}{found or _listed(self.reasons)}>"


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """The composed verdict over all checkers: invalid > unknown > valid."""

    validity: Validity
    results: Mapping[str, CheckResult]

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The violations of all checkers, in the checkers' order."""
        return tuple(v for result in self.results.values() for v in result.violations)

    @property
    def explained(self) -> tuple[Explained, ...]:
        """How far an order explains each stream that is not valid, as far as the checkers know."""
        return tuple(one for result in self.results.values() for one in result.explained)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of this verdict."""
        return ExitCode[self.validity.name]

    def __repr__(self) -> str:
        return f"<Verdict {self.validity}{_listed(f'{name} {result!r}' for name, result in self.results.items())}>"


class Checker(Protocol):
    """Judges a history. Registered under ``fencepost.checkers``; the entry point makes one without arguments.

    A checker whose class says ``general = False`` judges only histories of workloads that name it.
    """

    name: str
    summary: str

    @property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """The table of what it can find."""
        ...

    def check(self, history: History, limits: CheckLimits) -> CheckResult:
        """Judge a history and nothing else. An exception counts as ``unknown``, with its traceback as the reason."""
        ...


def is_general(checker: object) -> bool:
    """Whether a checker, or its class, judges every history that names no checkers of its own."""
    return bool(getattr(checker, "general", True))


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of re-checking a certificate: ``lines`` say what holds, ``failures`` what does not."""

    lines: tuple[str, ...]
    failures: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether the certificate proves the verdict."""
        return not self.failures

    def __str__(self) -> str:
        return "\n".join([*self.lines, *self.failures, "VERIFIED" if self.verified else "NOT VERIFIED"])


class Verifier(Protocol):
    """Re-checks the certificates of a checker. Registered under ``fencepost.verifiers`` by the checker's name.

    It believes nothing that they say, and decides anew.
    """

    def verify(self, history: History, parts: Mapping[str, bytes], claimed: Validity) -> Verification:
        """Re-check that the certificate proves the claimed validity. Raises UsageFailure if it is damaged."""
        ...


class Plot(Protocol):
    """Draws a judged history. Registered under ``fencepost.plots``."""

    name: str
    summary: str

    def draw(self, history: History, verdict: Verdict, folder: Path, formats: tuple[str, ...]) -> list[Path]:
        """Write ``<name>.<format>`` (``png``, ``svg``) for each format into ``folder``; return the paths.

        A plot without anything to show (a witness of a valid history) writes nothing. Several pictures get numbers
        after the name.
        """
        ...


class GraphWriter(Protocol):
    """Writes the dependency graph of one violation. Registered under ``fencepost.graphs`` by file extension."""

    summary: str

    def write(self, history: History, violation: Violation, path: Path) -> None:
        """Write the file. Raises OSError if it cannot be written."""
        ...


def _listed(parts: Iterable[str]) -> str:
    """What follows a colon, if there is anything: each part once, in their order."""
    text = ", ".join(dict.fromkeys(parts))
    return f": {text}" if text else ""


def compose(results: Mapping[str, CheckResult]) -> Verdict:
    """Return one verdict for many results: invalid if any is, else unknown if any is, else valid."""
    return Verdict(worst(result.validity for result in results.values()), dict(results))


def worst(validities: Iterable[Validity]) -> Validity:
    """Return the worst: invalid > unknown > valid. No result at all is unknown, because nothing was judged."""
    seen = set(validities)
    if Validity.INVALID in seen:
        return Validity.INVALID
    if Validity.UNKNOWN in seen or not seen:
        return Validity.UNKNOWN
    return Validity.VALID
