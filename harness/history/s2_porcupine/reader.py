"""Reads s2-porcupine's format and says exactly what is wrong with a bad file.

The time of an event is the number of its line, because the format knows only their order. This reader is the
reference for any faster one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from .. import events
from ..builder import Builder, InconsistentEvent
from ..failure import HistoryFailure
from ..history import History
from ..lines import column_of, lines, malformed, whole
from ..progress import Progress
from .described import COLLECTOR, STREAM, Failures, described, header
from .lines import LARGEST, Append, Arguments, Line, Success

_EVERY: Final = 50_000

_FIELDS: Final = {"op": "op_id", "process": "client_id", "digests": "record_hashes"}
"""What this format calls fields of events."""

_ANSWERS: Final = {
    "AppendDefiniteFailure": "append",
    "AppendIndefiniteFailure": "append",
    "AppendSuccess": "append",
    "ReadFailure": "read",
    "ReadSuccess": "read",
    "CheckTailFailure": "check-tail",
    "CheckTailSuccess": "check-tail",
}
"""The finishes, and the kind of the operations that they can be of."""

_CODES: Final = {
    "AppendDefiniteFailure": "append_definite_failure",
    "ReadFailure": "read_failure",
    "CheckTailFailure": "check_tail_failure",
}


class _Refused(Exception):
    """A line is impossible; ``field`` is at fault."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def read_s2_porcupine(
    data: bytes, name: str, progress: Progress | None = None, failures: Failures = Failures.ANY
) -> History:
    """Return the history in a file of this format; errors refer to it as ``name``.

    A last line that was cut short is skipped with a warning in :attr:`~..history.History.warnings`. Anything else that
    is malformed raises :class:`HistoryFailure`. ``failures`` says what definite failures of appends mean.
    """
    lined = _decoded(data, name)
    token, told = _first_token(lined)
    reading = _Reading(failures, token)
    warnings: list[str] = []
    for number, line, position, parsed in chain(told, lined):
        if parsed is None:
            warnings.append(f"line {number} was cut after {len(line)} bytes and is left out")
            break
        try:
            reading.add(number, parsed)
        except (InconsistentEvent, _Refused) as error:
            field = _FIELDS.get(error.field, error.field)
            raise HistoryFailure(f"{name}:{number}:{column_of(line, field)}: {field}: {error}") from error
        if progress is not None and number % _EVERY == 0:
            progress(position, len(data))
    return described(reading.build(warnings))


_Numbered = tuple[int, bytes, int, Line | None]
"""Number and bytes of a line, its offset in the file, and what it says (None: it was cut)."""


def _decoded(data: bytes, name: str) -> Iterator[_Numbered]:
    decode = msgspec.json.Decoder(Line).decode
    for number, line, position in lines(data, name):
        try:
            yield number, line, position, decode(line)
        except RecursionError as error:
            raise HistoryFailure(f"{name}:{number}:1: a value is nested too deeply") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if position + len(line) == len(data) and not whole(line):
                yield number, line, position, None
                return
            raise malformed(name, number, line, error) from error


def _first_token(lined: Iterator[_Numbered]) -> tuple[str, list[_Numbered]]:
    """Return the token of the stream before the first operation, and the lines read so far that are operations.

    A history may begin with an append of no records by the collector that sets a token, acknowledged at once: in the
    model of s2-porcupine that sets the token of an empty stream, and it is how :mod:`.writer` says which it was.
    """
    first = next(lined, None)
    if first is None:
        return "", []
    asked = _arguments(first[3])
    if (
        asked is None
        or first[3] is None
        or first[3].client_id != COLLECTOR
        or asked.num_records
        or asked.record_hashes
        or asked.set_fencing_token is None
        or (asked.fencing_token, asked.match_seq_num) != (None, None)
    ):
        return "", [first]
    second = next(lined, None)
    if second is None:
        return "", [first]
    answer = None if second[3] is None else second[3].event.finish
    if isinstance(answer, Success) and answer.append is not UNSET and answer.append.tail == 0:
        assert second[3] is not None
        if second[3].op_id == first[3].op_id:
            return asked.set_fencing_token, []
    return "", [first, second]


def _arguments(line: Line | None) -> Arguments | None:
    start = None if line is None else line.event.start
    return start.arguments if isinstance(start, Append) else None


class _Started(Struct, frozen=True, gc=False):
    """An operation that was started: by whom and, for an append, the arguments that matter for its finish."""

    client: int
    kind: str
    records: int = 0
    conditional: bool = False


class _Reading:
    """Turns lines into events for the builder."""

    def __init__(self, failures: Failures, fencing_token: str) -> None:
        self._builder = Builder(header(fencing_token))
        self._failures = failures
        self._started: dict[int, _Started] = {}
        self._busy: dict[int, int] = {}

    def add(self, number: int, line: Line) -> None:
        """Add the next line. Raises InconsistentEvent and _Refused."""
        start, finish = line.event.start, line.event.finish
        if start is not UNSET and finish is UNSET:
            self._builder.add(self._start(number, line, start))
            self._busy[line.client_id] = line.op_id
        elif finish is not UNSET and start is UNSET:
            self._builder.add(self._finish(number, line, finish))
        else:
            raise _Refused("event", "it has to hold one of Start and Finish")

    def build(self, warnings: list[str]) -> History:
        """Return the history of the lines added so far."""
        return self._builder.build(warnings)

    def _start(self, number: int, line: Line, start: Append | str) -> events.Invoked:
        op, client = line.op_id, line.client_id
        if op in self._started:
            raise _Refused("op_id", f"operation {op} was started before")
        if client in self._busy:
            raise _Refused(
                "client_id",
                f"client {client} started operation {op} while its operation {self._busy[client]} was not over, or had "
                "ended indefinitely; a client does one thing after another, and nothing after an indefinite end",
            )
        if not isinstance(start, Append):
            self._started[op] = _Started(client, "read" if start == "Read" else "check-tail")
            if start == "Read":
                return events.ReadInvoked(op=op, time=number, process=client, stream=STREAM, seq_num=0)
            return events.CheckTailInvoked(op=op, time=number, process=client, stream=STREAM)
        asked = start.arguments
        _check_arguments(asked)
        conditional = asked.fencing_token is not None or asked.match_seq_num is not None
        self._started[op] = _Started(client, "append", asked.num_records, conditional)
        return events.AppendInvoked(
            op=op,
            time=number,
            process=client,
            stream=STREAM,
            digests=asked.record_hashes,
            sizes=[0] * asked.num_records,
            match_seq_num=asked.match_seq_num,
            fencing_token=asked.fencing_token,
            fences=None if asked.set_fencing_token is None else {asked.num_records - 1: asked.set_fencing_token},
        )

    def _finish(self, number: int, line: Line, finish: Success | str) -> events.Completed:
        op = line.op_id
        name, answer = (finish, None) if isinstance(finish, str) else _success(finish)
        started = self._started.get(op)
        if started is None:
            raise _Refused("op_id", f"operation {op} finished but was never started")
        if started.kind != _ANSWERS[name]:
            raise _Refused("Finish", f"operation {op}, which is of the kind {started.kind}, cannot finish with {name}")
        if started.client != line.client_id:
            raise _Refused("client_id", f"operation {op} was started by client {started.client}")
        if name != "AppendIndefiniteFailure":
            self._busy.pop(line.client_id, None)
        else:
            return events.Indefinite(op, number, "append_indefinite_failure")
        if answer is None:
            if self._failures is Failures.CONDITION and started.conditional:
                return events.Failed(op, number, "condition_failed", 412)
            return events.Failed(op, number, _CODES[name])
        tail = _bounded("tail", answer.tail)
        if name == "ReadSuccess":
            return events.WholeRead(op, number, (tail, None), _bounded("stream_hash", answer.stream_hash))
        if name == "CheckTailSuccess":
            return events.TailRead(op, number, (tail, None))
        # Too short a tail is the service's mistake and not the file's: the range is then shorter than the batch.
        start = max(tail - started.records, 0)
        return events.Acked(op, number, (start, None), (tail, None), (tail, None))


def _check_arguments(asked: Arguments) -> None:
    if len(asked.record_hashes) != asked.num_records:
        hashes = len(asked.record_hashes)
        raise _Refused("num_records", f"{asked.num_records} records, but {hashes} record_hashes: an old collector's?")
    if asked.set_fencing_token is not None and not asked.num_records:
        raise _Refused("set_fencing_token", "a batch of no records has no record that could set a token")
    for record_hash in asked.record_hashes:
        _bounded("record_hashes", record_hash)
    if asked.match_seq_num is not None:
        _bounded("match_seq_num", asked.match_seq_num)


def _success(finish: Success) -> tuple[str, Any]:
    """Return which kind of success it is, and its content."""
    append, read, check_tail = finish.append, finish.read, finish.check_tail
    if (append is UNSET) + (read is UNSET) + (check_tail is UNSET) != 2:
        raise _Refused("Finish", "it has to hold one of AppendSuccess, ReadSuccess and CheckTailSuccess")
    if append is not UNSET:
        return "AppendSuccess", append
    return ("ReadSuccess", read) if read is not UNSET else ("CheckTailSuccess", check_tail)


def _bounded(field: str, value: int) -> int:
    if value > LARGEST:
        raise _Refused(field, f"{value} is beyond 2⁶⁴")
    return value
