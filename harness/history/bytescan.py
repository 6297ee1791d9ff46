"""Compiled primitives for reading lines of JSON that one encoder wrote: no blanks, fields in one order.

Each takes the bytes ``data`` (uint8, shape (n,)) and a place in it. It returns the place after what it read, or -1 if
something else stands there. Given -1 it returns -1, so that a caller can read a whole line and test the result once.
Each may read up to the next newline, so ``data`` must end with one. What they refuse need not be wrong: the ordinary
reader looks at it again.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NONE: Final = -1
BEYOND: Final = 2**63 - 2

_NEWLINE: Final = 10
_QUOTE: Final = 34
_BACKSLASH: Final = 92
_ZERO: Final = 48
_BLANK: Final = 32
_OPEN: Final = 91
_CLOSE: Final = 93
_COMMA: Final = 44
_TEN: Final = np.uint64(10)
_LAST: Final = np.uint64(2**64 // 10)
_LARGEST: Final = np.uint64(BEYOND)
_FNV_OFFSET: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)


def literal(text: str) -> NDArray[np.uint8]:
    """Return the text in the form that :func:`match` compares with."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def find_newline(data: Any, place: int) -> int:
    """Return the place of the next newline."""
    while data[place] != _NEWLINE:
        place += 1
    return place


def match(data: Any, place: int, text: Any) -> bool:
    """Return whether ``text`` (without a newline) stands here."""
    for i in range(len(text)):  # noqa: SIM110 - a compiled loop
        if data[place + i] != text[i]:
            return False
    return True


def take(data: Any, place: int, text: Any) -> int:
    """Read ``text``."""
    if place >= 0 and match(data, place, text):
        return place + len(text)
    return -1


def parse_uint(data: Any, place: int) -> tuple[Any, int]:
    """Read a JSON number from 0 to 2⁶⁴ - 1; return it (uint64) and the place after it."""
    value = np.uint64(0)
    if place < 0:
        return value, -1
    begin = place
    while True:
        digit = np.int64(data[place]) - _ZERO
        if digit < 0 or digit > 9:
            break
        if place - begin >= 19 and (place - begin > 19 or value > _LAST or (value == _LAST and digit > 5)):
            return value, -1
        value = value * _TEN + np.uint64(digit)
        place += 1
    if place == begin or (place - begin > 1 and data[begin] == _ZERO):
        return value, -1
    return value, place


def parse_int(data: Any, place: int, largest: int) -> tuple[Any, int]:
    """Read a number from 0 to ``largest``; return it (int64) and the place after it."""
    value, after = parse_uint(data, place)
    if after < 0 or value > np.uint64(largest):
        return 0, -1
    return np.int64(value), after


def parse_position(data: Any, place: int) -> tuple[Any, int]:
    """Read a number from 0 to 2⁶⁴ - 1; return it, or 2⁶³ - 2 if it is at least 2⁶³, and the place after it."""
    value, after = parse_uint(data, place)
    if value > _LARGEST:
        value = _LARGEST
    return np.int64(value), after


def optional_int(data: Any, place: int, name: Any, largest: int) -> tuple[int, int]:
    """Read a field whose text up to the number is ``name``; return NONE and the same place if it is absent."""
    if place < 0 or not match(data, place, name):
        return NONE, place
    return parse_int(data, place + len(name), largest)


def optional_position(data: Any, place: int, name: Any) -> tuple[int, int]:
    """Read an optional position, as :func:`optional_int` does."""
    if place < 0 or not match(data, place, name):
        return NONE, place
    return parse_position(data, place + len(name))


def parse_uints(data: Any, place: int, values: Any, number: int) -> tuple[int, int]:
    """Read a list of numbers up to 2⁶⁴ - 1 into ``values`` (uint64) from index ``number``; return the new count."""
    place = after_open(data, place)
    if place > 0 and data[place] == _CLOSE:
        return number, place + 1
    while place > 0:
        value, place = parse_uint(data, place)
        values[number] = value
        number += 1
        if place < 0 or data[place] == _CLOSE:
            break
        place = after_comma(data, place)
    return number, place + 1 if place > 0 else -1


def parse_ints(data: Any, place: int, values: Any, number: int, largest: int) -> tuple[int, int]:
    """Read a list of numbers up to ``largest`` into ``values`` from index ``number``; return the new count."""
    place = after_open(data, place)
    if place > 0 and data[place] == _CLOSE:
        return number, place + 1
    while place > 0:
        value, place = parse_int(data, place, largest)
        values[number] = value
        number += 1
        if place < 0 or data[place] == _CLOSE:
            break
        place = after_comma(data, place)
    return number, place + 1 if place > 0 else -1


def parse_positions(data: Any, place: int, values: Any, number: int) -> tuple[int, int]:
    """Read a list of positions into ``values`` (int64) from index ``number``; return the new count."""
    place = after_open(data, place)
    if place > 0 and data[place] == _CLOSE:
        return number, place + 1
    while place > 0:
        value, place = parse_position(data, place)
        values[number] = value
        number += 1
        if place < 0 or data[place] == _CLOSE:
            break
        place = after_comma(data, place)
    return number, place + 1 if place > 0 else -1


def after_open(data: Any, place: int) -> int:
    """Read a ``[``."""
    return place + 1 if place >= 0 and data[place] == _OPEN else -1


def after_comma(data: Any, place: int) -> int:
    """Read a ``,``."""
    return place + 1 if data[place] == _COMMA else -1


def string_end(data: Any, place: int) -> int:
    """Return the place of the quote that ends the text beginning here; -1 if it has escapes or is not JSON text."""
    if place < 0:
        return -1
    while data[place] != _QUOTE:
        if data[place] < _BLANK or data[place] == _BACKSLASH:
            return -1
        place += 1
    return place


def intern(data: Any, begin: int, end: int, slots: Any, texts: Any, number: int) -> tuple[int, int]:
    """Return the number of a text among those met so far, and their new count.

    ``slots`` (int32, a power of two long, -1 where empty) is a table by FNV-1a hash; ``texts`` holds, for each text,
    where it first began and ended, its hash, and its slot (int64, shape (n, 4)). There must be room in both.
    """
    hashed = _FNV_OFFSET
    for i in range(begin, end):
        hashed = (hashed ^ np.uint64(data[i])) * _FNV_PRIME
    mask = len(slots) - 1
    slot = np.int64(hashed ^ (hashed >> np.uint64(32))) & mask
    while slots[slot] >= 0:
        known = slots[slot]
        first = texts[known, 0]
        if texts[known, 2] == np.int64(hashed) and texts[known, 1] - first == end - begin:
            same = True
            for i in range(end - begin):
                if data[first + i] != data[begin + i]:
                    same = False
                    break
            if same:
                return known, number
        slot = (slot + 1) & mask
    slots[slot] = number
    texts[number, 0], texts[number, 1], texts[number, 2], texts[number, 3] = begin, end, np.int64(hashed), slot
    return number, number + 1
