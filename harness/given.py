"""Histories however they are given: as a path, as bytes, as a History, or as events."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from . import store
from .history.consistency import overlap
from .history.events import Event, Header
from .history.failure import HistoryFailure
from .history.history import History
from .history.reader import parse_history, read_history
from .history.s2_porcupine.described import Failures
from .history.sources import decompressed
from .history.writer import journal
from .reporter import UNWATCHED, Watcher

Source: TypeAlias = str | os.PathLike[str] | bytes | History | Iterable[Header | Event | Mapping[str, Any]]
"""A path (a run's folder, a history file, ``-`` for standard input), the content of such a file, a History, or the
events of a journal in their order: values of :mod:`.history.events`, or the same as dicts."""

BYTES: Final = "<bytes>"
EVENTS: Final = "<events>"
HISTORY: Final = "<history>"
"""What messages call histories that have no file."""


@dataclass(frozen=True, slots=True)
class Given:
    """A history and where it came from: its ``file``, or else the ``content`` that was given. A History has neither.

    ``name`` is the path as it was given, which may be a run's folder, or what messages call a history in memory.
    ``crashes`` is what the folder tells of failures of the run, some of which came when the history was closed already.
    """

    history: History
    name: str
    file: Path | None = None
    content: bytes | None = None
    crashes: tuple[str, ...] = ()

    def identity(self) -> dict[str, str]:
        """Return name and SHA-256: of the file as it is, of the bytes that were given, or of the history's journal."""
        if self.file is not None:
            return store.identity(self.file)
        hashed = hashlib.sha256()
        for piece in journal(self.history) if self.content is None else [self.content]:
            hashed.update(piece)
        return {"file": self.name, "sha256": hashed.hexdigest()}


def given(source: Source, failures: Failures = Failures.ANY, watcher: Watcher = UNWATCHED) -> Given:
    """Return the history that a source holds.

    ``failures`` says what definite failures of appends are, in a format that does not (s2-porcupine's). Raises
    UsageFailure where there is no such file, HistoryFailure where it makes no sense as a history (of events, a line is
    one of them and the header is line 1), and TypeError for what is no source.
    """
    if isinstance(source, History):
        if (found := overlap(source)) is not None:
            raise HistoryFailure(f"{HISTORY}: operation {found.op}: {found.field}: {found.text}")
        return Given(source, HISTORY)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        file = store.history_of(path)
        crashes = store.crashes_of(path) if path.is_dir() else ()
        return Given(read_history(file, watcher.reading, failures), os.fspath(source), file, crashes=crashes)
    if isinstance(source, bytes | bytearray | memoryview):
        name, content = BYTES, bytes(source)
    else:
        name, content = EVENTS, _encoded(source)
    return Given(parse_history(decompressed(content, name), name, watcher.reading, failures), name, None, content)


def _encoded(source: object) -> bytes:
    """Return the journal of these events: what makes no sense in a file makes none in memory."""
    if isinstance(source, Mapping) or not isinstance(source, Iterable):
        what = "a path, bytes, a fencepost.History or an iterable of events"
        raise TypeError(f"a history is {what}, not {type(source).__name__}")
    return b"".join(msgspec.json.encode(event) + b"\n" for event in source)
