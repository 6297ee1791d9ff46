"""Compiled readers of the fields of a line: texts, positions, commands and the bodies of refusals.

Like :mod:`..bytescan`'s, each returns the place after what it read, or -1 if something else stands there.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..bytescan import (
    NONE,
    after_comma,
    after_open,
    intern,
    literal,
    match,
    parse_int,
    parse_position,
    parse_uint,
    string_end,
    take,
)
from ..evidence import MISMATCHES
from .layout import (
    ANSWER,
    FIRST,
    INDEX,
    N_COMMANDS,
    N_TEXTS,
    PLACE,
    SAID,
    STATUS,
    TRIM,
    VALUE,
)

_TIMESTAMP: Final = literal(',"timestamp":')
_BODIES: Final = [f',"body":{{"{one.row.member}":' + '"' * one.is_token for one in MISMATCHES]
_MISMATCHES: Final = literal("".join(_BODIES))
_BEGINS: Final = np.cumsum([0, *map(len, _BODIES)])
_STATUSES: Final = np.array([one.status for one in MISMATCHES])
_ARE_TOKENS: Final = np.array([one.is_token for one in MISMATCHES])
_TAIL_BODY: Final = literal(',"body":{"tail":{"seq_num":')
_COMMA: Final = literal(",")
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
_QUOTE: Final = 34
_CLOSE: Final = 93
_LAST_OF_ASCII: Final = 126
_COMMA_BYTE: Final = 44


def given(data: Any, place: int, values: Any, number: int) -> tuple[int, int]:
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


def commands_of(
    data: Any, place: int, number: int, answer: int, of: int, commands: Any, slots: Any, texts: Any, counts: Any
) -> int:
    """The fence and the trim commands among ``number`` records, if any, each kind with ascending indices."""
    for trim in range(2):
        if place >= 0 and match(data, place, _TRIMS if trim else _FENCES):
            place = _commands_of_kind(
                data, place + len(_TRIMS if trim else _FENCES), number, answer, of, trim, commands, slots, texts, counts
            )
    return place


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
            value, place = text(data, take(data, place, _KEYED), slots, texts, counts)
        if place < 0:
            return -1
        command = commands[counts[N_COMMANDS]]
        command[ANSWER], command[PLACE], command[INDEX], command[TRIM], command[VALUE] = answer, of, index, trim, value
        counts[N_COMMANDS] += 1
        if data[place] == _CLOSING:
            return place + 1
        last, place = index, take(data, place, _NEXT)
    return -1


def body(data: Any, place: int, row: Any, slots: Any, texts: Any, counts: Any) -> int:
    """The body of a refusal that says something of the stream, or none."""
    row[FIRST] = NONE
    for column in range(len(_STATUSES)):
        row[SAID + column] = NONE
    if place < 0 or data[place] != _COMMA_BYTE:
        return place
    telling = row[STATUS] == 416
    for column in range(len(_STATUSES)):
        begin, end = _BEGINS[column], _BEGINS[column + 1]
        telling |= row[STATUS] == _STATUSES[column]
        if row[STATUS] == _STATUSES[column] and match(data, place, _MISMATCHES[begin:end]):
            if _ARE_TOKENS[column]:
                row[SAID + column], place = text(data, place + end - begin, slots, texts, counts)
            else:
                row[SAID + column], place = parse_position(data, place + end - begin)
            return take(data, place, _BRACE)
    if row[STATUS] == 416 and match(data, place, _TAIL_BODY):
        row[FIRST], place = parse_position(data, place + len(_TAIL_BODY))
        row[FIRST + 1], place = parse_position(
            data,
            take(data, place, _TIMESTAMP),
        )
        return take(data, place, _BRACES)
    if telling or not match(data, place, _BODY):
        return -1
    return _skip(data, place + len(_BODY))


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


def _plain_end(data: Any, place: int) -> int:
    """Return the place of the quote that ends a text of ASCII without escapes; -2 if it is another."""
    end = string_end(data, place)
    for i in range(place, end):
        if data[i] > _LAST_OF_ASCII:
            return -2
    return end if end >= 0 else -2


def pair(data: Any, place: int, name: Any, row: Any, column: int) -> int:
    """A position, after ``name``, into two columns: the second is NONE where nobody knows the timestamp."""
    row[column], place = parse_position(data, take(data, place, name))
    place = take(data, place, _COMMA)
    if place >= 0 and match(data, place, _NULL):
        row[column + 1], place = NONE, place + len(_NULL)
    else:
        row[column + 1], place = parse_position(data, place)
    return take(data, place, _BRACKET)


def text(data: Any, place: int, slots: Any, texts: Any, counts: Any) -> tuple[int, int]:
    """The number of the text that begins here, and the place after its quote."""
    end = string_end(data, place)
    if end < 0:
        return NONE, -1
    text, counts[N_TEXTS] = intern(data, place, end, slots, texts, counts[N_TEXTS])
    return text, end + 1


def optional_text(data: Any, place: int, name: Any, slots: Any, texts: Any, counts: Any) -> tuple[int, int]:
    """Read a field whose text up to the value is ``name``; return NONE and the same place if it is absent."""
    if place < 0 or not match(data, place, name):
        return NONE, place
    return text(data, place + len(name), slots, texts, counts)
