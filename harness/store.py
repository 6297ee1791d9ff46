"""The layout of ``results/``: one folder per run. The names of unfinished runs end in ``.partial``.

A run writes into ``<workload>/<UTC time>-<seed>.partial``, and drops the suffix once the folder is complete. ``latest``
links to the run that finished last.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from .failure import UsageFailure
from .files import replaced
from .history.sources import STDIN, sha256
from .printable import sayable
from .verdict import CheckResult, Verdict

HISTORY: Final = "history.jsonl"
VERDICT: Final = "verdict.json"
VERDICT_FORMAT: Final = 2
"""The version of what a verdict's JSON holds. 2: a violation tells its signature and what it accuses."""
CERTIFICATE: Final = "certificate.zip"
OPTIONS: Final = "options.json"
LOG: Final = "run.log"
PLOTS: Final = "plots"
LATEST: Final = "latest"
PARTIAL: Final = ".partial"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One folder under ``results/``. ``verdict`` is the JSON of its verdict, or None if it has none yet."""

    path: Path
    verdict: Mapping[str, Any] | None

    @property
    def workload(self) -> str:
        """The workload of the run."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """The UTC time and seed of the run."""
        return self.path.name.removesuffix(PARTIAL)

    @property
    def whole(self) -> bool:
        """True if the run finished."""
        return self.path.suffix != PARTIAL


def open_run(results: Path, workload: str, seed: int, now: datetime) -> Path:
    """Return a new folder for a run. Its name ends in ``.partial``. Raises UsageFailure."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    for number in range(100):
        suffix = f"-{number}" if number else ""
        folder = results / workload / f"{stamp}-{seed}{suffix}{PARTIAL}"
        if folder.with_suffix("").exists():
            continue
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageFailure(f"{folder}: cannot be made: {error.strerror}; choose another --results") from error
        return folder
    raise UsageFailure(f"{results / workload} has a hundred runs of this second and seed already")


def finish_run(folder: Path) -> Path:
    """Return the final path of a complete run, after renaming its folder. Raises OSError."""
    final = folder.with_name(folder.name.removesuffix(PARTIAL))
    folder.rename(final)
    return final


def point_latest(final: Path, results: Path) -> None:
    """Point the link ``latest`` at a finished run. Raises OSError, also if ``latest`` is not a link."""
    latest, draft = results / LATEST, results / f".{LATEST}-{os.getpid()}"
    if latest.exists() and not latest.is_symlink():
        raise FileExistsError(errno.EEXIST, "exists and is not a link", str(latest))
    try:
        draft.unlink(missing_ok=True)
        draft.symlink_to(final.relative_to(results))
        draft.replace(latest)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def describe(error: OSError) -> str:
    """Return a text that says which file failed and why, as in ``results/x/verdict.json: No space left on device``."""
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file completely or not at all. Raises OSError."""
    with replaced(path) as draft:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def verdict_json(verdict: Verdict, identity: Mapping[str, str], crashes: Sequence[str]) -> dict[str, Any]:
    """Return the stored form of a verdict: format version, history (name and SHA-256), and each checker's result.

    ``crashes`` lists what went wrong with the run itself. The verdict then covers only the time before.
    """
    return {
        "format": VERDICT_FORMAT,
        "history": dict(identity),
        "validity": verdict.validity,
        "crashes": list(crashes),
        "checkers": {name: _result_json(result) for name, result in verdict.results.items()},
    }


def _result_json(result: CheckResult) -> dict[str, Any]:
    """Return a checker's result without its certificate, which is stored beside the verdict."""
    stored = asdict(replace(result, certificate=None))
    del stored["certificate"]
    return stored


def identity(path: Path) -> dict[str, str]:
    """Return the name and SHA-256 of the history at ``path``."""
    return {"file": sayable(path.name), "sha256": sha256(path)}


def history_of(path: Path) -> Path:
    """Return the history file of a run's folder, or the file itself (``-`` is standard input).

    Raises UsageFailure if there is none.
    """
    if path == STDIN:
        return path
    if path.is_dir():
        if not (path / HISTORY).exists():
            raise UsageFailure(f"{path} is a folder without a {HISTORY}; name a run's folder or a history file")
        return path / HISTORY
    if not path.exists():
        raise UsageFailure(f"{path} does not exist; name a run's folder or a history file (see: fencepost runs)")
    return path


def stored_runs(results: Path) -> Iterator[StoredRun]:
    """Yield every run under ``results``, oldest first within each workload."""
    for folder in sorted(results.glob("*/*")):
        if folder.is_dir() and not folder.parent.is_symlink() and (folder / OPTIONS).exists():
            yield StoredRun(folder, read_verdict(folder))


def crashes_of(folder: Path) -> tuple[str, ...]:
    """Return the failures that a run's folder records, or else that the run did not finish."""
    told = (read_verdict(folder) or {}).get("crashes")
    if isinstance(told, list) and told:
        return tuple(map(str, told))
    unfinished = folder.resolve().suffix == PARTIAL
    return ("it did not finish, or its results could not be stored",) if unfinished else ()


def read_verdict(folder: Path) -> Mapping[str, Any] | None:
    """Return the JSON of a run's verdict, or None if there is none or it cannot be read."""
    try:
        return msgspec.json.decode((folder / VERDICT).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return None
