"""Make text safe to show anywhere: on a terminal, in a table, in a picture, as JSON.

Names, tokens, error bodies and file names come from outside. Escape sequences in them could move the cursor or change
colours, line breaks could forge lines of our output, and overrides of the writing direction could swap words.
Everything that fencepost prints or draws goes through this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator


def printable(text: str, keep: Callable[[str], bool] = str.isprintable) -> str:
    r"""Return the text on one line, with every character that ``keep`` refuses escaped, such as ESC as ``\x1b``.

    Control characters (C0 and C1), line breaks, overrides of the writing direction and lone surrogates are not
    printable. Letters of every script are. Escaping escaped text again changes nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if keep(character) else _escaped(character) for character in text)


def printable_lines(text: str, indent: str = "  ") -> Iterator[str]:
    """Yield the lines of a text such as a traceback, all but the first indented.

    The indentation keeps a line break inside an outside name from forging a line of our output.
    """
    first, *others = text.rstrip("\n").split("\n")
    yield printable(first)
    for other in others:
        yield indent + printable(other)


def quoted(text: str) -> str:
    """Return the text in double quotes, printable, with quotes and backslashes in it escaped."""
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def printable_json(content: bytes) -> bytes:
    r"""Return the same JSON with unprintable characters escaped as ``\u009b``; its line breaks stay.

    JSON is printable outside of strings. Only strings change, and their meaning stays the same.
    """
    if content.isascii() and b"\x7f" not in content:
        return content
    text = content.decode()
    return "".join(c if c == "\n" or c.isprintable() else _json_escape(c) for c in text).encode()


def sayable(text: str) -> str:
    """Return the text with lone surrogates escaped. Python uses them for file names that are not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
