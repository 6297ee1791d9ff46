"""The state of a stream before its first operation, in a format whose streams always begin empty.

Earlier records are written as the collector writes them: as an append by client 0, acknowledged before anything else.
An earlier token is set by that append or, on an empty stream, by one without records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...failure import UsageFailure
from ..events import StreamState
from ..history import NONE, History, Int64s
from ..losses import Losses
from .lines import Arguments

_MOST: Final = 10_000_000
"""Records before the first operation: the format has a hash for each of them."""

_UNKNOWN_CONTENT: Final = 0


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a file begins: with ``append``, or with nothing if that is None.

    ``known`` says whether its records are the real ones. If not, a hash of the whole stream means nothing.
    """

    append: Arguments | None
    known: bool


def beginning(history: History, rows: Int64s, stream: StreamState, losses: Losses) -> Beginning:
    """Return how the file of ``rows`` on the stream begins. Raises UsageFailure for too many records."""
    if stream.tail > _MOST:
        raise UsageFailure(
            f"the stream {stream.name!r} begins with a tail of {stream.tail:,}; s2-porcupine's format has a hash for "
            f"each record before, and more than {_MOST:,} are not written"
        )
    losses.add("a stream that holds records before its first operation: written as an append", int(stream.tail > 0))
    given = history.appends.token[rows]
    if stream.fencing_token is None:
        conditional = int((given != NONE).sum())
        losses.add("an append with a token, the first token being unknown: theirs begins with none", conditional)
    contents, known = _contents(history, rows, stream.tail)
    token = stream.fencing_token
    # Without records an append only says the token. It need not where nobody gives it, nor the empty one, with which
    # whoever reads the format lets a stream begin.
    asked = {history.tokens[index] for index in set(given.tolist()) - {NONE}}
    if not stream.tail and (token is None or not asked & {token, ""}):
        return Beginning(None, True)
    return Beginning(Arguments(stream.tail, contents, token), known)


def _contents(history: History, rows: Int64s, tail: int) -> tuple[list[int], bool]:
    """Return the digests of the records below ``tail`` that some read saw, and whether each was seen."""
    if not tail:
        return [], True
    reads = history.reads
    digests, seen = np.full(tail, _UNKNOWN_CONTENT, dtype=np.uint64), np.zeros(tail, dtype=np.bool_)
    for row in rows[reads.offset[rows + 1] > reads.offset[rows]].tolist():
        part = slice(reads.offset[row], reads.offset[row + 1])
        below = reads.seq_num[part] < tail
        at = reads.seq_num[part][below]
        fresh = ~seen[at]
        digests[at[fresh]] = reads.digest[part][below][fresh]
        seen[at] = True
        if seen.all():
            break
    return digests.tolist(), bool(seen.all())
