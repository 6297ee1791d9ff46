"""Appends of unknown outcome, as plain columns, and which of them may come next at a position.

Twins (equal in everything that can ever matter) form classes: of a class only the first that is left is tried, since
any other would lead to the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fencepost.harness.history.history import NONE, Outcome

from ..chain.axis import ranges
from ..chain.bounds import BYTES
from ..chain.chain import Chain
from ..chain.ties import batches_of_sessions, predecessors
from .moments import Moments, in_session


@dataclass(slots=True)
class Floats:
    """Columns of shape (f,), ascending by invocation; ``group`` is the class.

    ``before`` are moments, and ``before_floats`` floats, that must have come first. ``barred`` ones can never apply.
    """

    row: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    match: list[int] = field(default_factory=list)
    token: list[int] = field(default_factory=list)
    fence: list[int] = field(default_factory=list)
    trims: list[dict[int, int]] = field(default_factory=list)
    digests: list[tuple[int, ...]] = field(default_factory=list)
    sizes: list[tuple[int, ...]] = field(default_factory=list)
    invoked: list[int] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    before_floats: list[list[int]] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    index: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row)


def floats(chain: Chain, found: Moments) -> Floats:
    """Those of a stream that may have been applied: not empty, not of a session that had failed before."""
    stream, history = chain.stream, chain.stream.history
    appends = history.appends
    order = predecessors(stream)
    last = {row: moment for moment, row in enumerate(found.row)}
    first = {row: moment for moment, row in reversed([*enumerate(found.row)])}
    hashed = bool(history.reads.hashed[stream.rows].any())
    matters = _whether_sizes_matter(chain)
    result, groups = Floats(), dict[tuple[object, ...], int]()
    barred: set[int] = set()
    batches = (row for batches in batches_of_sessions(stream) for row in batches)
    for row in sorted({*stream.floating.tolist(), *batches}):
        before = order.get(row, [])
        if any(in_session(history, one, row) and (one in barred or _failed(chain, one)) for one in before):
            barred.add(row)
            continue
        low, high = int(appends.offset[row]), int(appends.offset[row + 1])
        if history.outcome[row] != Outcome.INDEFINITE or high == low:
            continue
        number = len(result.row)
        result.index[row] = number
        result.row.append(row)
        result.size.append(high - low)
        result.match.append(int(appends.match_seq_num[row]))
        result.token.append(int(appends.token[row]))
        result.fence.append(int(appends.last_fence[row]))
        result.trims.append(appends.trims.get(row, {}))
        result.digests.append(tuple(appends.digest[low:high].tolist()))
        result.sizes.append(tuple(appends.size[low:high].tolist()))
        result.invoked.append(int(history.invoked[row]))
        result.before.append([(first if in_session(history, one, row) else last)[one] for one in before if one in last])
        result.before_floats.append([result.index[one] for one in before if one in result.index])
        key: tuple[object, ...] = (
            result.size[-1],
            result.match[-1],
            result.token[-1],
            result.fence[-1],
            tuple(result.trims[-1].items()),
            result.digests[-1] if hashed else (),
            result.sizes[-1] if matters else (),
            number if history.session[row] != NONE or result.before[-1] else NONE,
        )
        result.group.append(groups.setdefault(key, len(groups)))
    return result


def _failed(chain: Chain, batch: int) -> bool:
    """Had the session of a batch failed with this one?"""
    return bool(chain.stream.history.outcome[batch] == Outcome.FAILED)


def _whether_sizes_matter(chain: Chain) -> bool:
    """May any read have ended for want of room for a record that nobody read?"""
    appends, reads, part_of = chain.stream.history.appends, chain.stream.history.reads, chain.stream.history.part_of
    rows = chain.stream.reads[reads.wait[chain.stream.reads] <= 0]
    floating = chain.stream.floating
    lengths = appends.offset[floating + 1] - appends.offset[floating]
    largest = int(appends.size[ranges(appends.offset[floating], lengths)].max(initial=0))
    total = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(reads.size, dtype=np.int64)))
    room = np.where(reads.bytes[rows] == NONE, BYTES, np.minimum(reads.bytes[rows], BYTES))
    room -= total[reads.offset[rows + 1]] - total[reads.offset[rows]]
    return bool((room < largest).any()) or bool((part_of[chain.stream.reads] != NONE).any())
