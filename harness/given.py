"""Read a history from any source: a path, bytes, a History, or events."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from . import store
from .history.consistency import contradiction
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
"""The name of a history without a file, in messages."""


@dataclass(frozen=True, slots=True)
class Given:
    """A history and where it came from: its ``file``, or else the ``content`` that was given. A History has neither.

    ``name`` is the given path, which may be a run's folder, or the name of a history in memory for messages.
    ``crashes`` lists the failures of the run that its folder records, including those after the history was closed.
    """

    history: History
    name: str
    file: Path | None = None
    content: bytes | None = None
    crashes: tuple[str, ...] = ()

    def identity(self) -> dict[str, str]:
        """Return the name and SHA-256 of the file, of the given bytes, or of the history's journal."""
        if self.file is not None:
            return store.identity(self.file)
        hashed = hashlib.sha256()
        for piece in journal(self.history) if self.content is None else [self.content]:
            hashed.update(piece)
        return {"file": self.name, "sha256": hashed.hexdigest()}


def given(source: Source, failures: Failures = Failures.ANY, watcher: Watcher = UNWATCHED) -> Given:
    """Return the history in a source.

    ``failures`` says how to read definite failures of appends in s2-porcupine's format, which does not say. Raises
    UsageFailure if there is no such file, HistoryFailure if its content is not a history (for events, the header is
    line 1 and every event is one line), and TypeError for any other source.
    """
    if isinstance(source, History):
        if (found := contradiction(source)) is not None:
            raise HistoryFailure(f"{HISTORY}: operation {source.id[found.place]}: {found.field}: {found.text}")
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
    """Return the journal of these events, so that events in memory are validated like a file."""
    if isinstance(source, Mapping) or not isinstance(source, Iterable):
        what = "a path, bytes, a fencepost.History or an iterable of events"
        raise TypeError(f"a history is {what}, not {type(source).__name__}")
    return b"".join(msgspec.json.encode(event) + b"\n" for event in source)
