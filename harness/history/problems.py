"""Finds everything that is wrong with a file, not only the first mistake: for authors of recorders."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Final

from .failure import HistoryFailure
from .history import History
from .reader import parse_history
from .sniffing import Format, format_of

MOST: Final = 20
"""The most problems that are reported."""

_OPERATION: Final = re.compile(rb'"op(?:_id)?"\s*:\s*(\d+)')


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file holds: the problems (``wrong``), and the history of the rest (None if nothing is left).

    ``left_out`` counts the lines that were skipped, including the other lines of the operations concerned.
    """

    wrong: list[str]
    history: History | None
    left_out: int = 0


def examine(data: bytes, name: str) -> Examined:
    """Read the file. Wherever the reader stops, leave that operation out and read on, up to :data:`MOST` times.

    A Parquet file is read as a whole, so only its first problem is reported.
    """
    by_lines = format_of(data) is not Format.PARQUET
    headed = format_of(data) is Format.JSONL
    lines = list(enumerate(io.BytesIO(data).readlines(), 1)) if by_lines else []
    all_lines = len(lines)
    wrong: list[str] = []
    while True:
        try:
            history = parse_history(b"".join(line for _, line in lines) if wrong else data, name)
        except HistoryFailure as failure:
            found = re.match(rf"{re.escape(name)}:(\d+):", str(failure))
            number = int(found.group(1)) if found else 0
            if found is None or not by_lines or not 0 < number <= len(lines):
                wrong.append(str(failure))
                return Examined(wrong, None)
            place, line = lines[number - 1]
            wrong.append(f"{name}:{place}:{str(failure)[found.end() :]}")
            # Without its header a journal is none.
            if len(wrong) == MOST or (headed and number == 1):
                return Examined(wrong, None, all_lines - len(lines))
            lines = _without(lines, number - 1, line)
        else:
            return Examined(wrong, history, all_lines - len(lines))


def _without(lines: list[tuple[int, bytes]], index: int, line: bytes) -> list[tuple[int, bytes]]:
    """Return the lines without that one and without the other lines of its operation, which depend on it."""
    found = _OPERATION.search(line)
    rest = lines[:index] + lines[index + 1 :]
    if found is None:
        return rest
    same = re.compile(rb'"(?:op|op_id|of)"\s*:\s*%s\b' % found.group(1))
    return [one for one in rest if not same.search(one[1])]
