"""Compiled loops that read lines of s2-porcupine's JSONL byte by byte.

They understand only what the collector and our own :mod:`.writer` write: its fields in its order, without spaces.
Anything else sends the whole file to the ordinary reader, so nothing here says what is wrong.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...loops.loop import Integer, compiled
from ..bytescan import intern
from ..history import BEYOND, Int32s, Int64s, UInt8s, UInt64s

APPEND, READ, CHECK_TAIL, ACKED, REFUSED, LOST, TAIL, TAIL_LOST, WHOLE, READ_LOST, CODES = range(11)
"""What a line is: three ways to begin an operation (as in :class:`..history.Kind`), seven ways to end it."""

CODE, CLIENT, OP, VALUE, EVENT_COLUMNS = range(5)
"""Columns of an event: what it is, whose, of which operation, and the tail that it tells."""

COUNT, MATCH, SET, GIVEN, APPEND_COLUMNS = range(5)
"""Columns of an append: its records, the position it asks for, the token it sets and the one it gives (NONE if none).

Tokens are numbers of :func:`..bytescan.intern`.
"""

PADDING: Final = 512
"""Bytes that must be there, and be zero, after the text."""

_MOST: Final = np.uint64(BEYOND)
_MOST_RECORDS: Final = np.uint64(1 << 40)
_LARGEST_ID: Final = np.uint64((1 << 63) - 1)
_NONE: Final = -1


def _text(text: str) -> UInt8s:
    return np.frombuffer(text.encode(), dtype=np.uint8).copy()


_EVENT = _text('{"event":{"')
_START = _text('Start":')
_START_APPEND = _text('{"Append":{"num_records":')
_HASHES = _text(',"record_hashes":[')
_SET = _text(',"set_fencing_token":')
_GIVEN = _text(',"fencing_token":')
_MATCHING = _text(',"match_seq_num":')
_START_READ = _text('"Read"')
_START_TAIL = _text('"CheckTail"')
_FINISH = _text('Finish":')
_ACK = _text('{"AppendSuccess":{"tail":')
_TAIL = _text('{"CheckTailSuccess":{"tail":')
_READ = _text('{"ReadSuccess":{"tail":')
_STREAM_HASH = _text(',"stream_hash":')
_REFUSED = _text('"AppendDefiniteFailure"')
_LOST = _text('"AppendIndefiniteFailure"')
_TAIL_LOST = _text('"CheckTailFailure"')
_READ_LOST = _text('"ReadFailure"')
_CLIENT = _text('},"client_id":')
_OP = _text(',"op_id":')
_END = _text("}\n")
_NULL = _text("null")
_BRACES = _text("}}")
_BLANK, _QUOTE, _COMMA, _BACKSLASH, _BRACKET, _BRACE = 32, 34, 44, 92, 93, 123
_TENTH, _LAST = np.uint64((2**64 - 1) // 10), np.uint64((2**64 - 1) % 10)


def _after(data: UInt8s, at: Integer, text: UInt8s) -> Integer:
    """Return where the text at ``at`` ends; NONE if another text stands there or ``at`` is NONE."""
    if at < 0:
        return _NONE
    differing = np.uint8(0)
    for index in range(len(text)):
        differing |= data[at + index] ^ text[index]
    return _NONE if differing else at + len(text)


def _number(data: UInt8s, at: Integer) -> tuple[np.uint64, np.uint64]:
    """Return the number at ``at`` and its count of digits: 0 if there is no number or it exceeds 2⁶⁴."""
    number, digits = np.uint64(0), 0
    while True:
        digit = np.uint64(data[at + digits]) - np.uint64(48)
        if digit > np.uint64(9):
            break
        digits += 1
        if digits >= 20 and (digits > 20 or number > _TENTH or (number == _TENTH and digit > _LAST)):
            return np.uint64(0), np.uint64(0)
        number = number * np.uint64(10) + digit
    if digits > 1 and data[at] == 48:
        digits = 0
    return number, np.uint64(digits)


def _position(data: UInt8s, at: Integer) -> tuple[Integer, Integer]:
    """Return the position at ``at``, at most 2⁶³ - 2, and where it ends; NONE for that if there is none."""
    number, digits = _number(data, at)
    if not digits:
        return 0, _NONE
    return np.int64(min(number, _MOST)), at + np.int64(digits)


def _string_end(data: UInt8s, at: Integer) -> Integer:
    """Return where the string that begins at ``at`` ends, with its quotes; NONE if there is none."""
    if data[at] != _QUOTE:
        return _NONE
    at += 1
    while data[at] != _QUOTE:
        if data[at] < _BLANK:
            return _NONE
        at += 2 if data[at] == _BACKSLASH else 1
    return at + 1


def _optional_token(
    data: UInt8s, at: Integer, append: Int64s, column: Integer, slots: Any, texts: Any, counts: Any
) -> Integer:
    """Note the token at ``at``, or its absence; return where it ends, or NONE if it is malformed."""
    append[column] = _NONE
    if at < 0:
        return _NONE
    if data[at] != _QUOTE:
        return _after(data, at, _NULL)
    end = _string_end(data, at)
    if end >= 0:
        append[column], counts[0] = intern(data, at, end, slots, texts, counts[0])
    return end


def _append(
    data: UInt8s,
    at: Integer,
    append: Int64s,
    digests: UInt64s,
    records: Integer,
    slots: Any,
    texts: Any,
    counts: Any,
) -> Integer:
    """Note an append's arguments after ``records`` digests; return where they end, or NONE if malformed."""
    at = _after(data, at, _START_APPEND)
    if at < 0:
        return _NONE
    count, digits = _number(data, at)
    at = _after(data, at + np.int64(digits), _HASHES)
    if at < 0 or not digits or count > _MOST_RECORDS:
        return _NONE
    append[COUNT] = np.int64(count)
    for record in range(append[COUNT]):
        digest, digits = _number(data, at)
        at += np.int64(digits) + 1
        if not digits or data[at - 1] != (_COMMA if record + 1 < append[COUNT] else _BRACKET):
            return _NONE
        digests[records + record] = digest
    if not count:
        if data[at] != _BRACKET:
            return _NONE
        at += 1
    at = _optional_token(data, _after(data, at, _SET), append, SET, slots, texts, counts)
    at = _optional_token(data, _after(data, at, _GIVEN), append, GIVEN, slots, texts, counts)
    at = _after(data, at, _MATCHING)
    if at < 0:
        return _NONE
    append[MATCH] = _NONE
    if data[at] == _NULL[0]:
        at = _after(data, at, _NULL)
    else:
        append[MATCH], at = _position(data, at)
    return _after(data, at, _BRACES)


def _answer(data: UInt8s, at: Integer, events: NDArray[np.int64], hashes: UInt64s, index: Integer) -> Integer:
    """Note how an operation ended (a chained hash goes to ``hashes``); return where that ends, or NONE."""
    if data[at] != _BRACE:
        events[index, VALUE] = _NONE
        if data[at + 1] == 65:  # A
            lost = _after(data, at, _LOST)
            events[index, CODE] = REFUSED if lost < 0 else LOST
            return _after(data, at, _REFUSED) if lost < 0 else lost
        events[index, CODE] = READ_LOST if data[at + 1] == 82 else TAIL_LOST
        return _after(data, at, _READ_LOST if data[at + 1] == 82 else _TAIL_LOST)
    if data[at + 2] == 65:  # A
        events[index, CODE], at = ACKED, _after(data, at, _ACK)
    elif data[at + 2] == 82:  # R
        events[index, CODE], at = WHOLE, _after(data, at, _READ)
    else:
        events[index, CODE], at = TAIL, _after(data, at, _TAIL)
    if at < 0:
        return _NONE
    events[index, VALUE], at = _position(data, at)
    if events[index, CODE] == WHOLE:
        at = _after(data, at, _STREAM_HASH)
        if at < 0:
            return _NONE
        hashes[index], digits = _number(data, at)
        if not digits:
            return _NONE
        at += np.int64(digits)
    return _after(data, at, _BRACES)


def _ids(data: UInt8s, at: Integer, events: NDArray[np.int64], index: Integer) -> Integer:
    """Note whose event it is; return where the line ends, or NONE if it is malformed."""
    at = _after(data, at, _CLIENT)
    if at < 0:
        return _NONE
    client, digits = _number(data, at)
    at = _after(data, at + np.int64(digits), _OP)
    if at < 0 or not digits or client >= np.uint64(1 << 31):
        return _NONE
    op, digits = _number(data, at)
    if not digits or op > _LARGEST_ID:
        return _NONE
    events[index, CLIENT], events[index, OP] = np.int64(client), np.int64(op)
    return _after(data, at + np.int64(digits), _END)


@compiled("int64(uint8[::1], int64, int64)")
def line_after(data: UInt8s, at: Integer, end: Integer) -> Integer:
    """Return where the next line after ``at`` begins; NONE if there is no newline before ``end``."""
    while at < end:
        if data[at] == 10:
            return at + 1
        at += 1
    return _NONE


@compiled(
    "int64(uint8[::1], int64, int64, int64[:,::1], uint64[::1], int64[:,::1], uint64[::1], int32[::1], int64[:,::1],"
    " int64[::1])"
)
def parse(
    data: UInt8s,
    at: Integer,
    end: Integer,
    events: NDArray[np.int64],
    hashes: UInt64s,
    appends: NDArray[np.int64],
    digests: UInt64s,
    slots: Int32s,
    texts: NDArray[np.int64],
    counts: Int64s,
) -> Integer:
    """Read the lines from ``at`` to ``end`` into the other arrays; return their number, or NONE if one is unusual.

    ``slots`` and ``texts`` are for :func:`..bytescan.intern`, and ``counts[0]`` is the number of texts.
    """
    count = appended = records = 0
    while at < end:
        at = _after(data, at, _EVENT)
        if at < 0:
            return _NONE
        if data[at] == _START[0]:
            at = _after(data, at, _START)
            if at < 0:
                return _NONE
            if data[at] == _BRACE:
                events[count, CODE] = APPEND
                at = _append(data, at, appends[appended], digests, records, slots, texts, counts)
                records += appends[appended, COUNT]
                appended += 1
            elif data[at + 1] == _START_READ[1]:
                events[count, CODE], at = READ, _after(data, at, _START_READ)
            else:
                events[count, CODE], at = CHECK_TAIL, _after(data, at, _START_TAIL)
        else:
            at = _after(data, at, _FINISH)
            if at < 0:
                return _NONE
            at = _answer(data, at, events, hashes, count)
        at = _ids(data, at, events, count)
        if at < 0:
            return _NONE
        count += 1
    return count
