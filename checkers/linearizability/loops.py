"""The loops of the fast acceptance, as plain functions: CPython runs them on lists, and compiled they run on columns.

They are written in what both understand. See :mod:`.quick` for what they are for; NONE is -1 in each column.
"""

from __future__ import annotations

from typing import Any, Final

from fencepost.harness.history.history import NONE

from ..chain.stream import UNKNOWN

NEAR: Final = 256
"""How many batches are looked at for the place where a token is in force again, and operations of one instant."""


def chain(
    acked: Any,
    start: Any,
    end: Any,
    tail: Any,
    offset: Any,
    match: Any,
    token: Any,
    fence: Any,
    first_tail: Any,
    first_token: Any,
    batch: Any,
    token_at: Any,
) -> Any:
    """Lay the acknowledged appends side by side, from the first tail on, and test their conditions.

    ``batch[p]`` becomes the row, plus one, of the append at position p (counted from the first tail), 0 where none
    starts; ``token_at[p]`` the token in force there, where a batch starts or the last ends. Both have one place more
    than there are records, and ``batch`` holds zeros. True if all fit, with nothing between them. Where the first
    token is UNKNOWN, it becomes the first that an append had to give.
    """
    for row in acked:
        low = start[row] - first_tail
        length = end[row] - start[row]
        if low < 0 or length <= 0 or length != offset[row + 1] - offset[row] or tail[row] != end[row] or batch[low]:
            return False
        batch[low] = row + 1
    low, last, in_force = 0, len(batch) - 1, first_token
    while low < last:
        row = batch[low] - 1
        if row < 0 or (match[row] != NONE and match[row] != low + first_tail):
            return False
        token_at[low] = in_force
        if token[row] != NONE and token[row] != in_force:
            if in_force != UNKNOWN:
                return False
            in_force = token[row]
        if fence[row] != NONE:
            in_force = fence[row]
        low += end[row] - start[row]
    token_at[last] = in_force
    return True


def sweep(
    invoked: Any,
    returned: Any,
    process: Any,
    by_return: Any,
    upper: Any,
    wanted: Any,
    first_tail: Any,
    end: Any,
    batch: Any,
    token_at: Any,
    at: Any,
) -> Any:
    """Theorems 1 and 2: does each operation find a place not below those that had returned before it was invoked?

    ``by_return`` are all rows in the order of their returns. The place of an operation is in [at, upper], and where
    ``wanted`` is not NONE, where that token is in force. ``at`` becomes the tail that each row has reached once it is
    done: least in each case. A row that says nothing holds NONE in both.
    """
    passed, number, reached = 0, len(by_return), first_tail
    for row in range(len(upper)):
        if upper[row] == NONE:
            continue
        now = invoked[row]
        while passed < number and returned[by_return[passed]] < now:
            reached = max(reached, at[by_return[passed]])
            passed += 1
        least = reached
        tied = passed
        while tied < number and returned[by_return[tied]] == now:
            other = by_return[tied]
            if other < row and process[other] == process[row]:
                least = max(least, at[other])  # a process sends nothing before it has its last answer
            tied += 1
            if tied - passed > NEAR:
                return False
        if least > upper[row]:
            return False
        least = max(least, at[row])
        if wanted[row] != NONE:
            low, tried = least - first_tail, 0
            while token_at[low] != wanted[row]:
                if low >= len(batch) - 1 or tried == NEAR:
                    return False
                low, tried = end[batch[low] - 1] - first_tail, tried + 1
            least = low + first_tail
        at[row] = least
    return True


def ordered(at: Any, start: Any, first_tail: Any, number: Any, order: Any) -> None:
    """The rows in the order of a linearization: by place, appends after what was observed at theirs.

    A row that says nothing, ``at`` NONE, is none of them. ``number`` is filled with where those of each place begin,
    and must hold zeros, two for each position.
    """
    for row in range(len(at)):
        if at[row] == NONE:
            continue
        key = 2 * (at[row] - first_tail) if start[row] == NONE else 2 * (start[row] - first_tail) + 1
        number[key] += 1
    total = 0
    for key in range(len(number)):
        count = number[key]
        number[key] = total
        total += count
    for row in range(len(at)):
        if at[row] == NONE:
            continue
        key = 2 * (at[row] - first_tail) if start[row] == NONE else 2 * (start[row] - first_tail) + 1
        order[number[key]] = row
        number[key] += 1


def chained(batch: Any, offset: Any, digest: Any, stream_hash: Any, fold: Any, hashes: Any) -> None:
    """``hashes[p]`` becomes the chained hash of all below position p, where a batch starts or the last ends."""
    low, last = 0, len(batch) - 1
    while low < last:
        hashes[low] = stream_hash
        row = batch[low] - 1
        for record in range(offset[row], offset[row + 1]):
            stream_hash = fold(stream_hash, digest[record])
        low += offset[row + 1] - offset[row]
    hashes[last] = stream_hash
