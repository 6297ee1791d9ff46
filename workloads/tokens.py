"""Makes fencing tokens: unique tokens that look alike, and near misses of a given token.

A unique token contains the identity of the operation that sets it, so only one operation of a run sets it. Tokens have
at most 36 bytes of UTF-8. A service refuses longer ones as malformed, so they would test nothing here.
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

    ``name`` is the identity of the operation. Apart from padding, the token ends with ``name`` and a mark that no
    identity contains. A token that extends another one is therefore unique as well. A fence that is ``alone`` in its
    batch gets a token with a different mark, by which :func:`may_be_set_again` recognises it.
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
    """Return whether a second fence may set this token: False if the first fence may be alone in its batch.

    Two fences that set one token are equal records. Each batch therefore needs another record that identifies it.
    """
    return _END_ALONE not in token


def similar(token: str, random: Random) -> str:
    """Return another token that a careless comparison would mistake for ``token``.

    It is a prefix or an extension of ``token``, ``""``, or ``token`` in another case, in another Unicode normal form,
    with white space added, or with a different last character.
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

# The first two are the same letter, composed and decomposed. A server that normalises would treat them as equal.
_FOREIGN: Final = Weighted([(1.0, "\u00e9"), (1.0, "e\u0301"), (1.0, "漢字"), (1.0, "\U0001f512")])
