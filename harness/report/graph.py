"""Which registered writer writes the graph of a violation to a file, by the file's ending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ..failure import UsageFailure
from ..history.history import History
from ..registry import Registry
from ..verdict import GraphWriter, Violation

GRAPHS: Registry[GraphWriter] = Registry("fencepost.graphs", "graph format")

Write: TypeAlias = Callable[[History, Violation, Path], None]


def writer_for(path: Path) -> Write:
    """What writes a graph to this path. Raises UsageFailure for an ending that nothing writes, naming those known."""
    ending = path.suffix.removeprefix(".").lower()
    if ending not in (names := GRAPHS.names()):
        what = f"the ending .{ending} is none" if ending else "it has no ending"
        raise UsageFailure(f"{path}: {what} that says how to write a graph; there are: {', '.join(names)}")
    writer = GRAPHS.make(ending)

    def write(history: History, violation: Violation, path: Path) -> None:
        try:
            writer.write(history, violation, path)
        except OSError as error:
            raise UsageFailure(f"{path}: cannot be written: {error.strerror}; choose another file") from error

    return write
