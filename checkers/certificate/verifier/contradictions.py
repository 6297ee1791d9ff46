"""What a few operations say against each other, or one against what is certain of the stream. Times do not matter here.

Each function gives the contradiction in words, None if there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Kind, Outcome

from .domains import answered
from .hashes import folded
from .log import spans
from .premises import Premises

_FEW: Final = 20
"""Records of several senders that are looked at."""


def contents(premises: Premises, rows: list[int]) -> str | None:
    """One position with two contents, a record at more positions than it was sent, or that nobody sent."""
    at: dict[int, int] = {}
    where: dict[int, set[int]] = {}
    for position, digest in _told(premises, rows):
        if at.setdefault(position, digest) != digest:
            return f"position {position} holds two contents"
        where.setdefault(digest, set()).add(position)
    for digest, copies in zip(where, premises.copies(np.fromiter(where, dtype=np.uint64)).tolist(), strict=True):
        places = {position for position in where[digest] if position >= premises.tail}
        if len(places) > copies:
            first = min(places)
            what = "was sent by nobody whose append may have been applied" if not copies else "stands twice"
            return f"the record at position {first} {what}"
        unique = premises.history.header.unique_records
        if unique and len(places) < len(where[digest]) and _is_own(premises, digest):
            return f"the record at position {min(where[digest])} was sent only after the stream had got further"
    return _misplaced(premises, at)


def _misplaced(premises: Premises, at: dict[int, int]) -> str | None:
    """A record where none of several who sent it can have put it, by the match_seq_num of each."""
    history, appends = premises.history, premises.history.appends
    own = {position: digest for position, digest in at.items() if position >= premises.tail}
    copies = premises.copies(np.array(list(own.values()), dtype=np.uint64)).tolist()
    several = [position for position, number in zip(own, copies, strict=True) if number > 1][:_FEW]
    for position in several:
        records = np.flatnonzero(appends.digest == np.uint64(own[position]))
        rows = np.searchsorted(appends.offset, records, side="right") - 1
        applicable = (history.stream[rows] == premises.stream) & (history.outcome[rows] != Outcome.FAILED)
        match = appends.match_seq_num[rows]
        if not (applicable & ((match == NONE) | (match == position - (records - appends.offset[rows])))).any():
            return f"nobody who sent the record at position {position} can have put it there"
    return None


def returns(premises: Premises, read: int, append: int) -> bool:
    """Did a read return any record of an append?"""
    reads = premises.history.reads
    found = reads.digest[reads.offset[read] : reads.offset[read + 1]]
    return bool(np.isin(found, premises.digests(append)).any())


def _told(premises: Premises, rows: list[int]) -> Iterator[tuple[int, int]]:
    """Positions and digests, by appends that have a place and by reads."""
    history, reads = premises.history, premises.history.reads
    for row in rows:
        if history.kind[row] == Kind.APPEND and history.outcome[row] != Outcome.FAILED:
            start = premises.place(row)
            if start is not None:
                yield from enumerate(premises.digests(row).tolist(), start)
        elif history.kind[row] == Kind.READ:
            low, high = reads.offset[row], reads.offset[row + 1]
            yield from zip(reads.seq_num[low:high].tolist(), reads.digest[low:high].tolist(), strict=True)


def _is_own(premises: Premises, digest: int) -> bool:
    """Was the record sent to this stream in this history, and is it no bare command, which others may have sent too?"""
    history, appends = premises.history, premises.history.appends
    for record in np.flatnonzero(appends.digest == np.uint64(digest)).tolist():
        row = int(np.searchsorted(appends.offset, record, side="right")) - 1
        index = record - int(appends.offset[row])
        command = index in appends.fences.get(row, ()) or index in appends.trims.get(row, ())
        if history.stream[row] == premises.stream and not command:
            return True
    return False


def batches(premises: Premises, rows: list[int]) -> str | None:
    """Two batches at one place, or a tail inside one."""
    history = premises.history
    placed = []
    for row in rows:
        if history.kind[row] == Kind.APPEND and history.outcome[row] != Outcome.FAILED:
            start = premises.place(row)
            if start is not None:
                placed.append((start, start + premises.size(row), int(history.id[row])))
    for (start, end, one), (low, high, other) in combinations(placed, 2):
        if start < high and low < end:
            return f"#{one} and #{other} stand at one position"
    tails = np.concatenate([column[rows] for column in _tails(premises)]).tolist()
    domains = [answered(premises, row, premises.token) for row in rows if history.kind[row] == Kind.READ]
    tails += [found[0][0] for found in domains if len(found) == 1 and found[0][0] == found[0][1]]
    for start, end, one in placed:
        inside = [tail for tail in tails if start < tail < end]
        if inside:
            return f"the tail {inside[0]} is inside the batch of #{one}"
    return None


def _tails(premises: Premises) -> list[np.ndarray]:
    history = premises.history
    return [history.observed_tail, history.seq_num_mismatch, history.appends.tail, history.reads.tail]


def timestamps(premises: Premises, rows: list[int]) -> str | None:
    """One record with two timestamps, or a timestamp below that of an earlier record."""
    history = premises.history
    appends, reads = history.appends, history.reads
    told: list[tuple[int, int]] = []
    for row in rows:
        low, high = reads.offset[row], reads.offset[row + 1]
        told += zip(reads.seq_num[low:high].tolist(), reads.timestamp[low:high].tolist(), strict=True)
        told.append((int(history.observed_tail[row]) - 1, int(history.observed_tail_timestamp[row])))
        if appends.start[row] != NONE:
            told.append((int(appends.start[row]), int(appends.start_timestamp[row])))
            told.append((int(appends.end[row]) - 1, int(appends.end_timestamp[row])))
            told.append((int(appends.tail[row]) - 1, int(appends.tail_timestamp[row])))
    known = sorted((position, time) for position, time in told if position >= 0 and time != NONE)
    for (position, time), (later, then) in pairwise(known):
        if position == later and time != then:
            return f"the record at position {position} has two timestamps"
        if then < time:
            return f"the timestamp at position {later} is below that at {position}"
    return None


def sessions(premises: Premises, rows: list[int]) -> str | None:
    """Batches of a session out of order, one applied after a failure, and parts of an answer that go back."""
    history, reads = premises.history, premises.history.reads
    for one, other in combinations(sorted(rows), 2):
        both_appends = history.kind[one] == history.kind[other] == Kind.APPEND
        if both_appends and history.session[one] == history.session[other] != NONE:
            first, second = premises.place(one), premises.place(other)
            if history.outcome[one] == Outcome.FAILED and second is not None:
                if history.outcome[other] != Outcome.FAILED:
                    return f"#{int(history.id[other])} was applied after its session had failed"
            elif history.outcome[other] != Outcome.FAILED and None not in (first, second) and second < first:  # type: ignore[operator]
                return f"#{int(history.id[other])} stands before an earlier batch of its session"
    for one, other in combinations(_in_answer_order(premises, rows), 2):
        same = _answer(premises, one) == _answer(premises, other)
        filled = reads.offset[one + 1] > reads.offset[one]
        reached = int(reads.seq_num[reads.offset[one + 1] - 1]) + 1 if filled else NONE
        if same and NONE != reads.tail[other] < max(int(reads.tail[one]), reached):
            return f"the tails in the answer of #{int(history.id[_answer(premises, one)])} go back"
    return None


def _answer(premises: Premises, row: int) -> int:
    part_of = int(premises.history.part_of[row])
    return row if part_of == NONE else part_of


def _in_answer_order(premises: Premises, rows: list[int]) -> list[int]:
    return sorted(rows, key=lambda row: (premises.history.part_of[row] == NONE, row))


def returned_again(premises: Premises, rows: list[int]) -> str | None:
    """A record that one read left out, and a later one returned."""
    history, reads = premises.history, premises.history.reads
    answered = [row for row in sorted(rows) if reads.offset[row + 1] > reads.offset[row] or reads.hashed[row]]
    for one, other in combinations(answered, 2):
        if reads.hashed[one]:
            continue  # it read everything
        tie = history.process[one] == history.process[other] and history.returned[one] == history.invoked[other]
        if history.returned[one] < history.invoked[other] or tie:
            held = reads.seq_num[reads.offset[one] : reads.offset[one + 1]].tolist()
            first = held[0] if reads.from_seq_num[one] == NONE else int(reads.from_seq_num[one])
            gone = set(range(first, held[-1])) - set(held) if held[-1] - first < 1 << 20 else set()
            returned = reads.seq_num[reads.offset[other] : reads.offset[other + 1]]
            if reads.hashed[other]:
                returned = np.array(sorted(gone & set(range(int(history.observed_tail[other])))), dtype=np.int64)
            back = gone & set(returned.tolist())
            if back:
                return f"position {min(back)} was gone, and came back"
    return None


def hashes(premises: Premises, rows: list[int]) -> str | None:
    """A whole read of another hash than all that is known to stand below its tail has."""
    history, reads = premises.history, premises.history.reads
    rows = [row for row in rows if history.kind[row] == Kind.READ and reads.hashed[row]]
    if not rows:
        return None
    end = int(history.observed_tail[rows].max())
    if end > len(history.appends.digest) + len(reads.digest):
        return None
    held, known = np.zeros(end, dtype=np.uint64), np.zeros(end, dtype=np.bool_)
    chosen = premises.rows[history.kind[premises.rows] == Kind.READ]
    record = spans(reads.offset[chosen], reads.offset[chosen + 1] - reads.offset[chosen])
    record = record[reads.seq_num[record] < end]
    held[reads.seq_num[record]], known[reads.seq_num[record]] = reads.digest[record], True
    placed = [(int(history.appends.start[r]), r) for r in premises.acked.tolist()]
    for start, row in [*placed, *((start, r) for r, start in premises.places.items())]:
        digests = premises.digests(row)[: max(end - start, 0)]
        if start >= 0 and len(digests):
            held[start : start + len(digests)], known[start : start + len(digests)] = digests, True
    for row in rows:
        tail = int(history.observed_tail[row])
        if known[:tail].all() and folded(held[:tail]) != int(reads.stream_hash[row]):
            return f"the hash that #{int(history.id[row])} read is not that of the {tail} records that are known there"
    return None


def holes(premises: Premises, rows: list[int], position: int | None) -> str | None:
    """A position that was written, by nobody who can have."""
    if position is None or position < premises.tail or premises.covered(position) != NONE:
        return None
    history, appends = premises.history, premises.history.appends
    proven = max(max(int(column[row]) for column in _tails(premises)) for row in rows)
    proven = max([proven, *(int(appends.start[row]) for row in rows)])
    read = [int(history.reads.seq_num[history.reads.offset[row + 1] - 1]) + 1 for row in rows
            if history.reads.offset[row + 1] > history.reads.offset[row]]  # fmt: skip
    proven = max([proven, *read])
    if proven <= position:
        return None
    ends = [int(end) for end in appends.end[premises.acked].tolist() if end <= position]
    ends += [end for r, s in premises.places.items() if (end := s + premises.size(r)) <= position]
    ends += [int(tail) for tail in np.concatenate([c[rows] for c in _tails(premises)[:3]]) if tail <= position]
    position = max([premises.tail, *ends])
    following = [int(s) for s in appends.start[premises.acked].tolist() if s > position]
    exact = [int(tail) for tail in np.concatenate([column[rows] for column in _tails(premises)[:3]]) if tail > position]
    end = min([*following, *(s for s in premises.places.values() if s > position), *exact], default=FOREVER)
    sums = 1
    for row in premises.unplaced.tolist():
        size, match = premises.size(row), int(appends.match_seq_num[row])
        least = max(premises.release(row), position, match)
        if size and least + size <= end and (match == NONE or match >= least):
            sums |= sums << size if end < FOREVER else 2
    fillable = sums > 1 if end == FOREVER else bool(sums >> (end - position) & 1)
    return None if fillable else f"position {position} was written, and nobody can have written it"
