"""Scans lines of a journal into rows of numbers: an invocation or an answer each.

Only the form that the recorder writes is taken: no blanks, fields in the order of :mod:`..events`, defaults left out,
texts without escapes. Where a line begins like that but goes on otherwise, its row holds no more than the operation,
the time and the mark that it was deferred. A line that does not even begin like that ends the scan.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ...compiling import compiled, inner
from ..bytescan import (
    BEYOND,
    NONE,
    after_comma,
    after_open,
    find_newline,
    intern,
    literal,
    match,
    optional_int,
    optional_position,
    parse_int,
    parse_ints,
    parse_position,
    parse_positions,
    parse_uint,
    parse_uints,
    string_end,
    take,
)

# Columns of both tables: where the line begins, and what every event of an operation has.
AT, OP, TIME, KIND, DEFERRED, NUMBER = range(6)

# Of an invocation. Texts are numbers of :func:`..bytescan.intern`.
PROCESS, STREAM, THREAD, PURPOSE, INTENDED, SESSION, MATCH, TOKEN = range(6, 14)
FROM_SEQ_NUM, FROM_TIMESTAMP, TAIL_OFFSET, CLAMP, COUNT, BYTES, UNTIL, WAIT, GIVEN = range(14, 23)
ASKED: Final = 23

# Of an answer. What it says of the stream begins at FIRST; the hash of a whole stream stands after its tail.
STATUS, CODE, MISMATCH, TOKEN_MISMATCH, OF, FIRST = range(6, 12)
HASH: Final = FIRST + 2
ANSWERED: Final = 18

# Kinds: the first three are invocations, those below OTHER are answers, in the order of :class:`..tables.Ending`.
APPEND, READ, CHECK_TAIL, ACK, BATCH, WHOLE, TAIL, FAILURE, INDEFINITE, FRAME, OTHER, END, UNKNOWN = range(13)

# What is counted.
N_ASKED, N_ANSWERED, N_OTHERS, N_TEXTS, N_SENT, N_SEEN, N_COMMANDS, N_GIVEN, N_ENDED = range(9)
COUNTS: Final = 9

# Of a command: is it in an answer, the place of its invocation or answer in their table, its index; is it a trim
# command; its token or position.
ANSWER, PLACE, INDEX, TRIM, VALUE = range(5)
COMMAND: Final = 5

_SMALL: Final = 2**31 - 1
_TYPE: Final = literal('{"type":"')
_APPEND: Final = literal('append","op":')
_ACK: Final = literal('ack","op":')
_READ: Final = literal('read","op":')
_CHECK_TAIL: Final = literal('check-tail","op":')
_BATCH: Final = literal('batch","op":')
_TAIL: Final = literal('tail","op":')
_FAILURE: Final = literal('failure","op":')
_INDEFINITE: Final = literal('indefinite","op":')
_WHOLE: Final = literal('whole","op":')
_FRAME: Final = literal('frame","op":')
_OF: Final = literal(',"of":')
_STREAM_HASH: Final = literal(',"stream_hash":')
_FAULT: Final = literal('fault","time":')
_REMARK: Final = literal('remark","time":')
_END: Final = literal('end","time":')
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
_SEQ_NUM_MISMATCH: Final = literal(',"body":{"seq_num_mismatch":')
_TOKEN_MISMATCH: Final = literal(',"body":{"fencing_token_mismatch":"')
_TAIL_BODY: Final = literal(',"body":{"tail":{"seq_num":')
_COMMA: Final = literal(",")
_GIVEN: Final = literal(',"timestamps":')
_FENCES: Final = literal(',"fences":{"')
_TRIMS: Final = literal(',"trims":{"')
_KEYED: Final = literal('":"')
_NUMBERED: Final = literal('":')
_BODY: Final = literal(',"body":{"')
_TRUE: Final = literal("true")
_FALSE: Final = literal("false")
_NEXT: Final = literal(',"')
_CLOSING: Final = 125
_NULL: Final = literal("null")
_BRACKET: Final = literal("]")
_BRACE: Final = literal("}")
_BRACES: Final = literal("}}")
_NEWLINE: Final = 10
_QUOTE: Final = 34
_CLOSE: Final = 93
_LAST_OF_ASCII: Final = 126
_COMMA_BYTE: Final = 44


@inner
def _kind(data: Any, place: int) -> tuple[int, int]:
    """What a line is, by the rest of its first field and the name of its second, and the place after them."""
    first = data[place]
    if first == 97:
        if match(data, place, _APPEND):
            return APPEND, place + len(_APPEND)
        if match(data, place, _ACK):
            return ACK, place + len(_ACK)
    elif first == 98:
        if match(data, place, _BATCH):
            return BATCH, place + len(_BATCH)
    elif first == 114:
        if match(data, place, _READ):
            return READ, place + len(_READ)
        if match(data, place, _REMARK):
            return OTHER, place + len(_REMARK)
    elif first == 99:
        if match(data, place, _CHECK_TAIL):
            return CHECK_TAIL, place + len(_CHECK_TAIL)
    elif first == 116:
        if match(data, place, _TAIL):
            return TAIL, place + len(_TAIL)
    elif first == 102:
        if match(data, place, _FAILURE):
            return FAILURE, place + len(_FAILURE)
        if match(data, place, _FRAME):
            return FRAME, place + len(_FRAME)
        if match(data, place, _FAULT):
            return OTHER, place + len(_FAULT)
    elif first == 105:
        if match(data, place, _INDEFINITE):
            return INDEFINITE, place + len(_INDEFINITE)
    elif first == 119:
        if match(data, place, _WHOLE):
            return WHOLE, place + len(_WHOLE)
    elif match(data, place, _END):
        return END, place + len(_END)
    return UNKNOWN, -1


@inner
def _begin(data: Any, place: int, kind: int, row: Any) -> int:
    """The operation and the time; before the time of a frame, its read."""
    row[OP], place = parse_int(data, place, BEYOND)
    if kind == FRAME:
        row[OF], place = parse_int(data, take(data, place, _OF), BEYOND)
    row[TIME], place = parse_int(data, take(data, place, _TIME), BEYOND)
    return place


@inner
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
    row[STREAM], place = _text(data, take(data, place, _STREAM), slots, texts, counts)
    if kind == APPEND:
        before = counts[N_SENT]
        digests, place = parse_uints(data, take(data, place, _DIGESTS), sent[0], before)
        sizes, place = parse_ints(data, take(data, place, _SIZES), sent[1], before, _SMALL)
        if digests != sizes:
            return -1
        counts[N_SENT] = digests
        row[NUMBER] = digests - before
        row[MATCH], place = optional_position(data, place, _MATCH)
        row[TOKEN], place = _optional_text(data, place, _TOKEN, slots, texts, counts)
        row[GIVEN] = NONE
        if place >= 0 and match(data, place, _GIVEN):
            row[GIVEN] = counts[N_GIVEN]
            counts[N_GIVEN], place = _given(data, place + len(_GIVEN), sent[2], row[GIVEN])
            if counts[N_GIVEN] - row[GIVEN] != row[NUMBER]:
                return -1
        place = _commands(data, place, row[NUMBER], 0, counts[N_ASKED] - 1, commands, slots, texts, counts)
    elif kind == READ:
        place = _parameters(data, place, row)
    row[THREAD], place = optional_int(data, place, _THREAD, _SMALL)
    row[PURPOSE], place = _optional_text(data, place, _PURPOSE, slots, texts, counts)
    row[INTENDED], place = optional_int(data, place, _INTENDED, BEYOND)
    row[SESSION] = NONE
    if kind != CHECK_TAIL:
        row[SESSION], place = optional_int(data, place, _SESSION, _SMALL)
    return take(data, place, _BRACE)


@inner
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


@inner
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
        place = _pair(data, place, _START_PAIR, row, FIRST)
        place = _pair(data, place, _END_PAIR, row, FIRST + 2)
        place = _pair(data, place, _TAIL_PAIR, row, FIRST + 4)
    elif kind in (BATCH, FRAME):
        place = _batch(data, place, row, seen, counts)
        place = _commands(data, place, row[NUMBER], 1, counts[N_ANSWERED] - 1, commands, slots, texts, counts)
        row[FIRST] = NONE
        if place >= 0 and data[place] == _COMMA_BYTE:
            place = _pair(data, place, _TAIL_PAIR, row, FIRST)
    elif kind in (TAIL, WHOLE):
        place = _pair(data, place, _TAIL_PAIR, row, FIRST)
        if kind == WHOLE:
            value, place = parse_uint(data, take(data, place, _STREAM_HASH))
            row[HASH] = np.int64(value)
    elif kind == FAILURE:
        row[CODE], place = _text(data, take(data, place, _CODE), slots, texts, counts)
        row[STATUS], place = optional_int(data, place, _STATUS, 999)
        place = _body(data, place, row, slots, texts, counts)
    elif kind == INDEFINITE:
        row[CODE], place = _text(data, take(data, place, _REASON), slots, texts, counts)
        row[STATUS], place = optional_int(data, place, _STATUS, 999)
    else:
        return -1
    if FAILURE <= kind <= INDEFINITE and NONE < row[STATUS] < 100:
        return -1
    return take(data, place, _BRACE)


@inner
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


@inner
def _given(data: Any, place: int, values: Any, number: int) -> tuple[int, int]:
    """Read a list of positions and nulls (NONE) into ``values`` from index ``number``; return the new count."""
    place = after_open(data, place)
    if place > 0 and data[place] == _CLOSE:
        return number, place + 1
    while place > 0:
        values[number] = NONE
        if match(data, place, _NULL):
            place += len(_NULL)
        else:
            values[number], place = parse_position(data, place)
        number += 1
        if place < 0 or data[place] == _CLOSE:
            break
        place = after_comma(data, place)
    return number, place + 1 if place > 0 else -1


@inner
def _commands(
    data: Any, place: int, number: int, answer: int, of: int, commands: Any, slots: Any, texts: Any, counts: Any
) -> int:
    """The fence and the trim commands among ``number`` records, if any, each kind with ascending indices."""
    for trim in range(2):
        if place >= 0 and match(data, place, _TRIMS if trim else _FENCES):
            place = _commands_of_kind(
                data, place + len(_TRIMS if trim else _FENCES), number, answer, of, trim, commands, slots, texts, counts
            )
    return place


@inner
def _commands_of_kind(
    data: Any,
    place: int,
    number: int,
    answer: int,
    of: int,
    trim: int,
    commands: Any,
    slots: Any,
    texts: Any,
    counts: Any,
) -> int:
    last = -1
    while place >= 0 and last < number - 1:
        index, place = parse_int(data, place, number - 1)
        if place < 0 or index <= last:
            return -1
        if trim:
            value, place = parse_position(data, take(data, place, _NUMBERED))
        else:
            value, place = _text(data, take(data, place, _KEYED), slots, texts, counts)
        if place < 0:
            return -1
        command = commands[counts[N_COMMANDS]]
        command[ANSWER], command[PLACE], command[INDEX], command[TRIM], command[VALUE] = answer, of, index, trim, value
        counts[N_COMMANDS] += 1
        if data[place] == _CLOSING:
            return place + 1
        last, place = index, take(data, place, _NEXT)
    return -1


@inner
def _body(data: Any, place: int, row: Any, slots: Any, texts: Any, counts: Any) -> int:
    """The body of a refusal that says something of the stream, or none."""
    row[MISMATCH], row[TOKEN_MISMATCH], row[FIRST] = NONE, NONE, NONE
    if place < 0 or data[place] != _COMMA_BYTE:
        return place
    if row[STATUS] == 412 and match(data, place, _SEQ_NUM_MISMATCH):
        row[MISMATCH], place = parse_position(data, place + len(_SEQ_NUM_MISMATCH))
        return take(data, place, _BRACE)
    if row[STATUS] == 412 and match(data, place, _TOKEN_MISMATCH):
        row[TOKEN_MISMATCH], place = _text(data, place + len(_TOKEN_MISMATCH), slots, texts, counts)
        return take(data, place, _BRACE)
    if row[STATUS] == 416 and match(data, place, _TAIL_BODY):
        row[FIRST], place = parse_position(data, place + len(_TAIL_BODY))
        row[FIRST + 1], place = parse_position(
            data,
            take(data, place, _TIMESTAMP),
        )
        return take(data, place, _BRACES)
    if row[STATUS] in (412, 416) or not match(data, place, _BODY):
        return -1
    return _skip(data, place + len(_BODY))


@inner
def _skip(data: Any, place: int) -> int:
    """Pass over the rest of an object, from within its first name on: names and simple values of ASCII, no escapes."""
    while place >= 0:
        place = take(data, _plain_end(data, place), _NUMBERED)
        if place < 0:
            return -1
        if data[place] == _QUOTE:
            place = _plain_end(data, place + 1) + 1
        elif match(data, place, _NULL) or match(data, place, _TRUE):
            place += len(_NULL)
        elif match(data, place, _FALSE):
            place += len(_FALSE)
        else:
            place = parse_uint(data, place)[1]
        if place <= 0:
            return -1
        if data[place] == _CLOSING:
            return place + 1
        place = take(data, place, _NEXT)
    return -1


@inner
def _plain_end(data: Any, place: int) -> int:
    """Return the place of the quote that ends a text of ASCII without escapes; -2 if it is another."""
    end = string_end(data, place)
    for i in range(place, end):
        if data[i] > _LAST_OF_ASCII:
            return -2
    return end if end >= 0 else -2


@inner
def _pair(data: Any, place: int, name: Any, row: Any, column: int) -> int:
    """A position, after ``name``, into two columns: the second is NONE where nobody knows the timestamp."""
    row[column], place = parse_position(data, take(data, place, name))
    place = take(data, place, _COMMA)
    if place >= 0 and match(data, place, _NULL):
        row[column + 1], place = NONE, place + len(_NULL)
    else:
        row[column + 1], place = parse_position(data, place)
    return take(data, place, _BRACKET)


@inner
def _text(data: Any, place: int, slots: Any, texts: Any, counts: Any) -> tuple[int, int]:
    """The number of the text that begins here, and the place after its quote."""
    end = string_end(data, place)
    if end < 0:
        return NONE, -1
    text, counts[N_TEXTS] = intern(data, place, end, slots, texts, counts[N_TEXTS])
    return text, end + 1


@inner
def _optional_text(data: Any, place: int, name: Any, slots: Any, texts: Any, counts: Any) -> tuple[int, int]:
    if place < 0 or not match(data, place, name):
        return NONE, place
    return _text(data, place + len(name), slots, texts, counts)


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
