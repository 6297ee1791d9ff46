"""Fencing tokens: unique ones that look alike, and near misses of a given one.

A token of its own carries the identity of the operation that sets it, so it is set once in a run. Tokens are up
to 36 bytes of UTF-8; what is longer is refused as malformed, which would test nothing here.
"""

from __future__ import annotations

import unicodedata
from random import Random
from typing import Final

from .choice import Weighted

LONGEST: Final = 36

_END: Final = "~"
_END_ALONE: Final = "!"


def unique(name: str, in_force: str | None, alone: bool, random: Random) -> str:
    """A token that no other operation makes: plain, exactly 36 bytes, non-ASCII, or ``in_force`` with more after it.

    ``name`` is the identity of the operation. It stands whole at the end of the token (padding aside), followed by
    a mark that is in no identity, so a token that extends another one is unique too. A token whose fence shall be
    ``alone`` in its batch has a mark of its own, by which :func:`may_be_set_again` knows it.
    """
    own = name + (_END_ALONE if alone else _END)
    kind = _KINDS.draw(random)
    if kind == "extended" and in_force and len((in_force + "+" + own).encode()) <= LONGEST:
        return in_force + "+" + own
    if kind == "longest" and len(own) < LONGEST:
        return own + "=" * (LONGEST - len(own))
    begin = _FOREIGN.draw(random) if kind == "foreign" else ""
    return begin + own if len((begin + own).encode()) <= LONGEST else own


def may_be_set_again(token: str) -> bool:
    """Whether a second fence may set this token: not if there can be a fence to it that is alone in its batch.

    Two fences to one token are equal records. Each batch then needs another record that tells it from the other.
    """
    return _END_ALONE not in token


def similar(token: str, random: Random) -> str:
    """Another token that a careless comparison takes for ``token``.

    A prefix of it, an extension of it, ``""``, another case, another Unicode normal form, white space added, or one
    that differs in its last character alone.
    """
    found = [other for other in _alike(token) if other != token and len(other.encode()) <= LONGEST]
    return found[int(random.random() * len(found))]


def _alike(token: str) -> tuple[str, ...]:
    if not token:
        return ("0", " ", "null")
    return (
        token[:-1],
        token[: len(token) // 2],
        "",
        token + "0",
        token + " ",
        token[:-1] + "#",
        token.swapcase(),
        unicodedata.normalize("NFC", token),
        unicodedata.normalize("NFD", token),
    )


_KINDS: Final = Weighted([(40.0, "plain"), (30.0, "extended"), (15.0, "longest"), (15.0, "foreign")])

# The first is composed, the second its decomposed twin: a server that normalizes would take them for equal.
_FOREIGN: Final = Weighted([(1.0, "\u00e9"), (1.0, "e\u0301"), (1.0, "漢字"), (1.0, "\U0001f512")])
