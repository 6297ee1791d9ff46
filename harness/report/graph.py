"""Find the registered writer for the graph of a violation, by the ending of the file's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ..failure import UsageFailure
from ..files import refuse_to_replace, replaced
from ..history.history import History
from ..registry import Registry
from ..verdict import GraphWriter, Violation

GRAPHS: Registry[GraphWriter] = Registry("fencepost.graphs", "graph format")

Write: TypeAlias = Callable[[History, Violation, Path], None]


def writer_for(path: Path) -> Write:
    """Return the function that writes a graph to this path.

    Raises UsageFailure for an unknown ending (the message lists the known ones), or if the path is not a regular file.
    """
    ending = path.suffix.removeprefix(".").lower()
    if ending not in (names := GRAPHS.names()):
        what = f"a graph cannot be written as .{ending}" if ending else "the name has no ending that names a format"
        raise UsageFailure(f"{path}: {what}; the endings are: {', '.join(names)}")
    refuse_to_replace(path)
    writer = GRAPHS.make(ending)

    def write(history: History, violation: Violation, path: Path) -> None:
        try:
            with replaced(path) as draft:
                writer.write(history, violation, draft)
        except OSError as error:
            raise UsageFailure(f"{path}: cannot be written: {error.strerror}; choose another file") from error

    return write
