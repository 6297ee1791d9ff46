"""Text that can stand in a picture, whatever a history holds."""

from __future__ import annotations

import textwrap
from functools import cache, lru_cache
from typing import Final

from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

from fencepost.harness.printable import printable

_ELLIPSIS: Final = "…"
_MEASURED_SIZE: Final = 100


@cache
def _drawable() -> frozenset[int]:
    """The code points that our font has a glyph for."""
    return frozenset(_font().get_charmap())


def plain(text: str) -> str:
    r"""The text with everything that cannot be drawn escaped, such as ``日`` to ``\u65e5``.

    Newlines and tabs are escaped too: what a history holds does not break our lines.
    """
    if text.isascii() and text.isprintable():
        return text
    drawable = _drawable()
    return printable(text, lambda character: character.isprintable() and ord(character) in drawable)


def short(text: str, most: int = 14) -> str:
    """At most so many characters of :func:`plain` text, the middle left out."""
    text = plain(text)
    if len(text) <= most:
        return text
    tail = (most - 1) // 3
    return text[: most - 1 - tail] + _ELLIPSIS + text[len(text) - tail :]


def token(value: str, most: int = 14) -> str:
    """A fencing token in quotes, so that the empty one can be seen."""
    return f'"{short(value, most)}"'


@cache
def _font() -> FT2Font:
    font = FT2Font(findfont(FontProperties(family=["DejaVu Sans"])))
    font.set_size(_MEASURED_SIZE, 72)
    return font


@lru_cache(maxsize=4096)
def width(text: str, size: float) -> float:
    """How many points wide one line of :func:`plain` text is in our font at this size (points)."""
    font = _font()
    font.set_text(text)
    return float(font.get_width_height()[0]) / 64 * size / _MEASURED_SIZE


def fitted(text: str, points: float, size: float) -> str:
    """The longest :func:`short` form of a text that is at most so many points wide; empty if none is."""
    text = plain(text)
    if width(text, size) <= points:
        return text
    least, most = 0, len(text)
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if width(short(text, middle), size) <= points else (least, middle - 1)
    return short(text, least) if least > 1 else ""


def wrapped(text: str, width: int) -> str:
    """:func:`plain` text in lines of at most so many characters."""
    return "\n".join(textwrap.wrap(plain(text), width)) if text else ""


def number(count: int, noun: str) -> str:
    """Such as ``1 operation`` or ``3,000 operations``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(nanoseconds: float) -> str:
    """A stretch of time in the unit that suits it, such as ``1.2 ms``."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(nanoseconds) >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.0f} ns"
