"""Scans lines of a journal into rows of numbers: an invocation or an answer each.

Only the form that the recorder writes is taken: no blanks, fields in the order of :mod:`..events`, defaults left out,
texts without escapes. Where a line begins like that but goes on otherwise, its row holds no more than the operation,
the time and the mark that it was deferred. A line that does not even begin like that ends the scan.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ...loops.loop import compiled
from ..bytescan import (
    BEYOND,
    NONE,
    find_newline,
    literal,
    match,
    optional_int,
    optional_position,
    parse_int,
    parse_ints,
    parse_positions,
    parse_uint,
    parse_uints,
    take,
)
from .fields import (
    body,
    commands_of,
    given,
    optional_text,
    pair,
    text,
)
from .heads import BEGINS, CODES, FOUND, NEXT, TEXTS
from .layout import (
    ACK,
    APPEND,
    AT,
    BATCH,
    BYTES,
    CLAMP,
    CODE,
    COUNT,
    DEFERRED,
    END,
    FAILURE,
    FIRST,
    FRAME,
    FROM_SEQ_NUM,
    FROM_TIMESTAMP,
    GIVEN,
    HASH,
    INDEFINITE,
    INTENDED,
    KIND,
    MATCH,
    N_ANSWERED,
    N_ASKED,
    N_COMMANDS,
    N_ENDED,
    N_GIVEN,
    N_OTHERS,
    N_SEEN,
    N_SENT,
    NUMBER,
    OF,
    OP,
    OTHER,
    PROCESS,
    PURPOSE,
    READ,
    SESSION,
    STATUS,
    STREAM,
    TAIL,
    TAIL_OFFSET,
    THREAD,
    TIME,
    TOKEN,
    UNKNOWN,
    UNTIL,
    WAIT,
    WHOLE,
)

_SMALL: Final = 2**31 - 1
_TYPE: Final = literal('{"type":"')
_OF: Final = literal(',"of":')
_STREAM_HASH: Final = literal(',"stream_hash":')
_TIME: Final = literal(',"time":')
_PROCESS: Final = literal(',"process":')
_STREAM: Final = literal(',"stream":"')
_DIGESTS: Final = literal(',"digests":')
_SIZES: Final = literal(',"sizes":')
_MATCH: Final = literal(',"match_seq_num":')
_TOKEN: Final = literal(',"fencing_token":"')
_THREAD: Final = literal(',"thread":')
_PURPOSE: Final = literal(',"purpose":"')
_INTENDED: Final = literal(',"intended":')
_SESSION: Final = literal(',"session":')
_SEQ_NUM: Final = literal(',"seq_num":')
_TIMESTAMP: Final = literal(',"timestamp":')
_TAIL_OFFSET: Final = literal(',"tail_offset":')
_CLAMP: Final = literal(',"clamp":true')
_COUNT: Final = literal(',"count":')
_BYTES: Final = literal(',"bytes":')
_UNTIL: Final = literal(',"until":')
_WAIT: Final = literal(',"wait":')
_START_PAIR: Final = literal(',"start":[')
_END_PAIR: Final = literal(',"end":[')
_TAIL_PAIR: Final = literal(',"tail":[')
_SEQ_NUMS: Final = literal(',"seq_nums":')
_TIMESTAMPS: Final = literal(',"timestamps":')
_CODE: Final = literal(',"code":"')
_REASON: Final = literal(',"reason":"')
_STATUS: Final = literal(',"status":')
_GIVEN: Final = literal(',"timestamps":')
_BRACE: Final = literal("}")
_NEWLINE: Final = 10
_COMMA_BYTE: Final = 44


def _kind(data: Any, place: int) -> tuple[int, int]:
    """What a line is, by the rest of its first field and the name of its second, and the place after them."""
    head = FOUND[data[place]]
    while head != NONE:
        begin, end = BEGINS[head], BEGINS[head + 1]
        if match(data, place, TEXTS[begin:end]):
            return CODES[head], place + end - begin
        head = NEXT[head]
    return UNKNOWN, -1


def _begin(data: Any, place: int, kind: int, row: Any) -> int:
    """The operation and the time; before the time of a frame, its read."""
    row[OP], place = parse_int(data, place, BEYOND)
    if kind == FRAME:
        row[OF], place = parse_int(data, take(data, place, _OF), BEYOND)
    row[TIME], place = parse_int(data, take(data, place, _TIME), BEYOND)
    return place


def _invocation(
    data: Any,
    place: int,
    kind: int,
    row: Any,
    slots: Any,
    texts: Any,
    sent: tuple[Any, Any, Any],
    commands: Any,
    counts: Any,
) -> int:
    row[PROCESS], place = parse_int(data, take(data, place, _PROCESS), _SMALL)
    row[STREAM], place = text(data, take(data, place, _STREAM), slots, texts, counts)
    if kind == APPEND:
        before = counts[N_SENT]
        digests, place = parse_uints(data, take(data, place, _DIGESTS), sent[0], before)
        sizes, place = parse_ints(data, take(data, place, _SIZES), sent[1], before, _SMALL)
        if digests != sizes:
            return -1
        counts[N_SENT] = digests
        row[NUMBER] = digests - before
        row[MATCH], place = optional_position(data, place, _MATCH)
        row[TOKEN], place = optional_text(data, place, _TOKEN, slots, texts, counts)
        row[GIVEN] = NONE
        if place >= 0 and match(data, place, _GIVEN):
            row[GIVEN] = counts[N_GIVEN]
            counts[N_GIVEN], place = given(data, place + len(_GIVEN), sent[2], row[GIVEN])
            if counts[N_GIVEN] - row[GIVEN] != row[NUMBER]:
                return -1
        place = commands_of(data, place, row[NUMBER], 0, counts[N_ASKED] - 1, commands, slots, texts, counts)
    elif kind == READ:
        place = _parameters(data, place, row)
    row[THREAD], place = optional_int(data, place, _THREAD, _SMALL)
    row[PURPOSE], place = optional_text(data, place, _PURPOSE, slots, texts, counts)
    row[INTENDED], place = optional_int(data, place, _INTENDED, BEYOND)
    row[SESSION] = NONE
    if kind in (APPEND, READ):
        row[SESSION], place = optional_int(data, place, _SESSION, _SMALL)
    return take(data, place, _BRACE)


def _parameters(data: Any, place: int, row: Any) -> int:
    row[FROM_SEQ_NUM], place = optional_position(data, place, _SEQ_NUM)
    row[FROM_TIMESTAMP], place = optional_position(data, place, _TIMESTAMP)
    row[TAIL_OFFSET], place = optional_position(data, place, _TAIL_OFFSET)
    row[CLAMP] = place >= 0 and match(data, place, _CLAMP)
    if row[CLAMP]:
        place += len(_CLAMP)
    row[COUNT], place = optional_position(data, place, _COUNT)
    row[BYTES], place = optional_position(data, place, _BYTES)
    row[UNTIL], place = optional_position(data, place, _UNTIL)
    row[WAIT], place = optional_position(data, place, _WAIT)
    return place


def _answer(
    data: Any,
    place: int,
    kind: int,
    row: Any,
    slots: Any,
    texts: Any,
    seen: tuple[Any, Any, Any, Any],
    commands: Any,
    counts: Any,
) -> int:
    if kind == ACK:
        place = pair(data, place, _START_PAIR, row, FIRST)
        place = pair(data, place, _END_PAIR, row, FIRST + 2)
        place = pair(data, place, _TAIL_PAIR, row, FIRST + 4)
    elif kind in (BATCH, FRAME):
        place = _batch(data, place, row, seen, counts)
        place = commands_of(data, place, row[NUMBER], 1, counts[N_ANSWERED] - 1, commands, slots, texts, counts)
        row[FIRST] = NONE
        if place >= 0 and data[place] == _COMMA_BYTE:
            place = pair(data, place, _TAIL_PAIR, row, FIRST)
    elif kind in (TAIL, WHOLE):
        place = pair(data, place, _TAIL_PAIR, row, FIRST)
        if kind == WHOLE:
            value, place = parse_uint(data, take(data, place, _STREAM_HASH))
            row[HASH] = np.int64(value)
    elif kind == FAILURE:
        row[CODE], place = text(data, take(data, place, _CODE), slots, texts, counts)
        row[STATUS], place = optional_int(data, place, _STATUS, 999)
        place = body(data, place, row, slots, texts, counts)
    elif kind == INDEFINITE:
        row[CODE], place = text(data, take(data, place, _REASON), slots, texts, counts)
        row[STATUS], place = optional_int(data, place, _STATUS, 999)
    else:
        return -1
    if FAILURE <= kind <= INDEFINITE and NONE < row[STATUS] < 100:
        return -1
    return take(data, place, _BRACE)


def _batch(data: Any, place: int, row: Any, seen: tuple[Any, Any, Any, Any], counts: Any) -> int:
    before = counts[N_SEEN]
    seq_nums, place = parse_positions(data, take(data, place, _SEQ_NUMS), seen[0], before)
    timestamps, place = parse_positions(data, take(data, place, _TIMESTAMPS), seen[1], before)
    digests, place = parse_uints(data, take(data, place, _DIGESTS), seen[2], before)
    sizes, place = parse_ints(data, take(data, place, _SIZES), seen[3], before, _SMALL)
    if timestamps != seq_nums or digests != seq_nums or sizes != seq_nums:
        return -1
    counts[N_SEEN] = seq_nums
    row[NUMBER] = seq_nums - before
    return place


@compiled(
    "boolean(text, int64, int64[:,::1], int64[:,::1], int64[::1], int32[::1], int64[:,::1],"
    " Tuple((uint64[::1], int64[::1], int64[::1])), Tuple((int64[::1], int64[::1], uint64[::1], int64[::1])),"
    " int64[:,::1], int64[::1])"
)
def scan(
    data: Any,
    base: int,
    asked: Any,
    answered: Any,
    others: Any,
    slots: Any,
    texts: Any,
    sent: tuple[Any, Any, Any],
    seen: tuple[Any, Any, Any, Any],
    commands: Any,
    counts: Any,
) -> bool:
    """Scan whole lines, ``data`` (uint8), of which the first lies at ``base`` in the file; False if one is not ours.

    ``asked`` (int64, shape (n, ASKED)), ``answered`` (int64, (n, ANSWERED)) and ``others`` (int64, (n,): where lines
    begin that are of no operation) are filled, and so are ``texts`` and ``slots`` (see :func:`..bytescan.intern`),
    ``sent`` (digests, sizes, timestamps that were given), ``seen`` (seq_nums, timestamps, digests, sizes) and
    ``commands`` (int64, (n, COMMAND)). ``counts`` (int64, (COUNTS,)) says how much; all must have room for as many as
    there can be.
    """
    place = 0
    while place < len(data):
        if counts[N_ENDED] or not match(data, place, _TYPE):
            return False
        line, sent_before, seen_before, commands_before = place, counts[N_SENT], counts[N_SEEN], counts[N_COMMANDS]
        kind, place = _kind(data, place + len(_TYPE))
        if kind < ACK:
            row = asked[counts[N_ASKED]]
            counts[N_ASKED] += 1
        elif kind < OTHER:
            row = answered[counts[N_ANSWERED]]
            counts[N_ANSWERED] += 1
        elif kind == OTHER:
            others[counts[N_OTHERS]] = base + line
            counts[N_OTHERS] += 1
            place = find_newline(data, place) + 1
            continue
        elif kind == END:
            place = take(data, parse_int(data, place, BEYOND)[1], _BRACE)
            if place < 0 or data[place] != _NEWLINE:
                return False
            counts[N_ENDED] = 1
            place += 1
            continue
        else:
            return False
        place = _begin(data, place, kind, row)
        if place < 0:
            return False
        row[AT], row[KIND] = base + line, kind
        if kind < ACK:
            after = _invocation(data, place, kind, row, slots, texts, sent, commands, counts)
        else:
            after = _answer(data, place, kind, row, slots, texts, seen, commands, counts)
        row[DEFERRED] = after < 0 or data[after] != _NEWLINE
        if row[DEFERRED]:
            counts[N_SENT], counts[N_SEEN], counts[N_COMMANDS] = sent_before, seen_before, commands_before
            after = find_newline(data, place)
        place = after + 1
    return True
