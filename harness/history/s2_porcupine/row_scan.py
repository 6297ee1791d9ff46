"""A compiled loop that joins the events of s2-porcupine's lines into the rows of a history."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...compiling import Integer, compiled
from ..history import FOREVER, NONE, Int32s, Int64s, Kind, Outcome, UInt8s, UInt64s
from .line_scan import (
    ACKED,
    APPEND,
    CHECK_TAIL,
    CLIENT,
    CODE,
    COUNT,
    GIVEN_AT,
    GIVEN_LENGTH,
    LONGEST_TOKEN,
    LOST,
    MATCH,
    OP,
    READ,
    READ_LOST,
    REFUSED,
    SET_AT,
    SET_LENGTH,
    TAIL,
    TAIL_LOST,
    VALUE,
    WHOLE,
)

ID, INVOKED, ENDED, TAILS, OFFSET, START, END, MATCHES, LONG_COLUMNS = range(9)
"""Columns of 64 bits. ``TAILS`` are exact tails; OFFSET is where a row's records begin, for one row more."""
PROCESS, TOKEN, FENCE, ENDING, SHORT_COLUMNS = range(5)
"""Columns of 32 bits. ``ENDING`` is the code of the line that told of a failure."""
KIND, OUTCOME, HASHED, FLAG_COLUMNS = range(4)
"""Columns of 8 bits."""

ROWS, RECORDS, LINE, TOKENS, PENDING, CONDITIONS, ENDINGS, COUNTERS = range(8)
"""What is counted. CONDITIONS tells whether MATCHES, TOKEN and FENCE are in use; ENDINGS, whether ENDING is.

A column that is not in use is not written: memory that is not touched costs nothing.
"""

MOST_CLIENTS: Final = 1 << 22
MOST_TOKENS: Final = 1 << 14
_SLOTS: Final = 1 << 16
_DEAD: Final = -1
_KIND_APPEND, _KIND_READ, _KIND_TAIL = int(Kind.APPEND), int(Kind.READ), int(Kind.CHECK_TAIL)
_OK, _FAILED, _INDEFINITE = int(Outcome.OK), int(Outcome.FAILED), int(Outcome.INDEFINITE)


def token_table() -> tuple[NDArray[np.uint8], Int64s]:
    """Return room for tokens (text, with its length in the last byte; the empty one is first) and a hash index."""
    texts = np.zeros((MOST_TOKENS + 1, LONGEST_TOKEN + 1), dtype=np.uint8)
    slots = np.zeros(_SLOTS, dtype=np.int64)
    return texts, slots


@compiled("int64(uint8[::1], int64, int64, uint8[:,::1], int64[::1], int64[::1])")
def _interned(
    data: UInt8s, at: Integer, length: Integer, texts: NDArray[np.uint8], slots: Int64s, counters: Int64s
) -> Integer:
    """Return the number of a token, in the order of first appearance. ``slots`` holds numbers by hash, from 1."""
    if length <= 0:
        return NONE if length < 0 else 0
    mixed = np.uint64(14695981039346656037)
    for index in range(length):
        mixed = (mixed ^ np.uint64(data[at + index])) * np.uint64(1099511628211)
    slot = np.int64(mixed >> np.uint64(40)) % _SLOTS
    while slots[slot]:
        number = slots[slot]
        same = texts[number, LONGEST_TOKEN] == length
        for index in range(length):
            same = same and texts[number, index] == data[at + index]
        if same:
            return number
        slot = (slot + 1) % _SLOTS
    number = counters[TOKENS]
    if number < MOST_TOKENS:
        counters[TOKENS] += 1
        slots[slot] = number
        texts[number, LONGEST_TOKEN] = length
        for index in range(length):
            texts[number, index] = data[at + index]
    return number


@compiled(
    "int64(uint8[::1], int64[:,::1], int64, int64[:,::1], int64, int64, uint8[:,::1], int64[::1], int64[::1],"
    " int64[:,::1], int32[:,::1], uint8[:,::1], int32[::1], int64[::1])"
)
def _begin(
    data: UInt8s,
    events: NDArray[np.int64],
    index: Integer,
    appends: NDArray[np.int64],
    appended: Integer,
    row: Integer,
    texts: NDArray[np.uint8],
    slots: Int64s,
    counters: Int64s,
    longs: NDArray[np.int64],
    shorts: NDArray[np.int32],
    flags: NDArray[np.uint8],
    row_of_op: Int32s,
    row_of_client: Int64s,
) -> Integer:
    """Make a row for an operation; return 0, or NONE if it must not begin here."""
    client, op, code = events[index, CLIENT], events[index, OP], events[index, CODE]
    if client >= len(row_of_client) or op >= len(row_of_op) or row_of_client[client] or row_of_op[op]:
        return NONE
    row_of_client[client] = row_of_op[op] = row + 1
    longs[ID, row], longs[INVOKED, row], longs[ENDED, row] = op, counters[LINE], FOREVER
    shorts[PROCESS, row] = client
    flags[KIND, row] = _KIND_APPEND if code == APPEND else _KIND_READ if code == READ else _KIND_TAIL
    flags[OUTCOME, row], flags[HASHED, row] = _INDEFINITE, 0
    for column in (TAILS, START, END):
        longs[column, row] = NONE
    if counters[ENDINGS]:
        shorts[ENDING, row] = NONE
    if counters[CONDITIONS]:
        longs[MATCHES, row] = shorts[TOKEN, row] = shorts[FENCE, row] = NONE
        if code == APPEND:
            longs[MATCHES, row] = appends[appended, MATCH]
            shorts[FENCE, row] = _interned(
                data, appends[appended, SET_AT], appends[appended, SET_LENGTH], texts, slots, counters
            )
            shorts[TOKEN, row] = _interned(
                data, appends[appended, GIVEN_AT], appends[appended, GIVEN_LENGTH], texts, slots, counters
            )
            if counters[TOKENS] >= MOST_TOKENS:
                return NONE
    if code == APPEND:
        counters[RECORDS] += appends[appended, COUNT]
    longs[OFFSET, row + 1] = counters[RECORDS]
    return 0


@compiled(
    "int64(int64[:,::1], int64, uint64[::1], int64[::1], int64[:,::1], int32[:,::1], uint8[:,::1], uint64[::1],"
    " int32[::1], int64[::1], int64[::1])"
)
def _complete(
    events: NDArray[np.int64],
    index: Integer,
    chunk_hashes: UInt64s,
    counters: Int64s,
    longs: NDArray[np.int64],
    shorts: NDArray[np.int32],
    flags: NDArray[np.uint8],
    hashes: UInt64s,
    row_of_op: Int32s,
    row_of_client: Int64s,
    endings: Int64s,
) -> Integer:
    """Enter how an operation ended; return 0, or NONE if that is impossible."""
    client, op, code = events[index, CLIENT], events[index, OP], events[index, CODE]
    row = row_of_op[op] - 1 if op < len(row_of_op) else NONE
    if row < 0 or shorts[PROCESS, row] != client or longs[ENDED, row] != FOREVER:
        return NONE
    kind = flags[KIND, row]
    expected = _KIND_APPEND if code in (ACKED, REFUSED, LOST) else _KIND_READ
    if kind != (_KIND_TAIL if code in (TAIL, TAIL_LOST) else expected):
        return NONE
    longs[ENDED, row] = counters[LINE]
    failed = code in (REFUSED, TAIL_LOST, READ_LOST)
    flags[OUTCOME, row] = _INDEFINITE if code == LOST else _FAILED if failed else _OK
    row_of_client[client] = _DEAD if code == LOST else 0
    if code == ACKED:
        number = longs[OFFSET, row + 1] - longs[OFFSET, row]
        if events[index, VALUE] < number:
            return NONE
        longs[START, row], longs[END, row] = events[index, VALUE] - number, events[index, VALUE]
    elif code in (WHOLE, TAIL):
        longs[TAILS, row] = events[index, VALUE]
        if code == WHOLE:
            flags[HASHED, row], hashes[row] = 1, chunk_hashes[index]
    else:
        if endings[code] == 0:
            endings[code] = counters[PENDING] = counters[PENDING] + 1
        shorts[ENDING, row] = endings[code] - 1
    return 0


@compiled(
    "int64(uint8[::1], int64[:,::1], uint64[::1], int64[:,::1], int64, uint8[:,::1], int64[::1], int64[::1],"
    " int64[:,::1], int32[:,::1], uint8[:,::1], uint64[::1], int32[::1], int64[::1], int64[::1])"
)
def merge(
    data: UInt8s,
    events: NDArray[np.int64],
    chunk_hashes: UInt64s,
    appends: NDArray[np.int64],
    count: Integer,
    texts: NDArray[np.uint8],
    slots: Int64s,
    counters: Int64s,
    longs: NDArray[np.int64],
    shorts: NDArray[np.int32],
    flags: NDArray[np.uint8],
    hashes: UInt64s,
    row_of_op: Int32s,
    row_of_client: Int64s,
    endings: Int64s,
) -> Integer:
    """Add ``count`` events to the rows; return 0, or NONE if one contradicts those before.

    The rows have room for as many more, and one. What the events need of the columns that are not always in use is.
    ``endings`` number the ways to fail in the order of first appearance, from 1.
    """
    appended = 0
    for index in range(count):
        if events[index, CODE] <= CHECK_TAIL:
            row = counters[ROWS]
            failed = _begin(
                data, events, index, appends, appended, row, texts, slots, counters, longs, shorts, flags, row_of_op,
                row_of_client,
            )  # fmt: skip
            counters[ROWS] += 1
            appended += events[index, CODE] == APPEND
        else:
            failed = _complete(
                events, index, chunk_hashes, counters, longs, shorts, flags, hashes, row_of_op, row_of_client, endings
            )
        if failed:
            return NONE
        counters[LINE] += 1
    return 0
