"""Fencing tokens: unique ones that look alike, and near misses of a given one.

A unique token carries the identity of the operation that sets it, so only one operation of a run sets it. Tokens have
at most 36 bytes of UTF-8: a service refuses longer ones as malformed, which would test nothing here.
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
    """Return a token that no other operation makes: plain, of exactly 36 bytes, non-ASCII, or extending ``in_force``.

    ``name`` is the identity of the operation. The token ends with it (padding aside) and with a mark that no identity
    contains, so that a token that extends another one is unique as well. If the fence is ``alone`` in its batch the
    token has another mark, by which :func:`may_be_set_again` recognises it.
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
    """Return whether a second fence may set this token: not if its first fence may be alone in its batch.

    Two fences to one token are equal records, so each of their batches needs another record to be told apart by.
    """
    return _END_ALONE not in token


def similar(token: str, random: Random) -> str:
    """Return another token that a careless comparison takes for ``token``.

    It is a prefix or an extension, ``""``, in another case or another Unicode normal form, has white space added, or
    differs in the last character only.
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

# The first two are one letter, composed and decomposed: a server that normalises takes them for equal.
_FOREIGN: Final = Weighted([(1.0, "\u00e9"), (1.0, "e\u0301"), (1.0, "漢字"), (1.0, "\U0001f512")])
