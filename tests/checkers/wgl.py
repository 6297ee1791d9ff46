"""Another judge of the judge: the search of Wing and Gong, with Lowe's memory, over another writing of the promises.

Calls and returns stand in a doubly linked list, in the order of time. From the front on, a call is tried: if its moment
is possible in the present state, it is taken out of the list (*lifted*) with its return, and the search goes on from
the front, unless that set of moments had led to that state before. Where the moment may leave several states, each is
tried. A return that is met belongs to a call that had to come earlier: the last choice is taken back (*unlifted*), and
the call after it is tried.

Wing and Gong: Testing and Verifying Concurrent Objects (1993); Lowe: Testing for Linearizability (2017). Orders that
are no matter of time (of one process, of one session, of the moments of one operation) are masks of what must have
been, or must not have been, before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from fencepost.testing.operations import Ack, Lost, Op, Refused, TailMismatch, TokenMismatch
from tests.checkers.specification import UNARY_BYTES, Entry, Look, Moment, Stream, link, looks, moments, told


def linearize(
    ops: Iterable[Op],
    tail: int = 0,
    token: str | None = "",
    unique: bool = True,
    others_may_delete: bool = False,
    retention_ms: int | None = None,
) -> tuple[int, ...] | None:
    """The operations that took effect or were answered, by index in the order of invocation, in an order that explains
    every answer; None if there is none.

    ``tail`` and ``token`` are each stream's state before. ``unique``: what was there before was not sent again. If
    ``others_may_delete``, a stream may be absent at any time; with a ``retention_ms`` (whatever it is), any record.
    """
    found: list[int] = []
    for own in _apart(ops):
        witness = _stream(own, tail, token, unique, others_may_delete, retention_ms is not None)
        if witness is None:
            return None
        found += dict.fromkeys(op for op, _ in witness.moments)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Witness:
    """An order that explains a stream: ``moments`` by operation and number, its first ``token``, its last ``state``."""

    moments: tuple[tuple[int, int], ...]
    token: str
    state: Stream


def witness(
    ops: Iterable[Op],
    tail: int = 0,
    token: str | None = "",
    unique: bool = True,
    others_may_delete: bool = False,
    retention_ms: int | None = None,
) -> Witness | None:
    """The order that :func:`linearize` finds for the only stream, moment by moment; None if there is none."""
    (own,) = _apart(ops) or [[]]
    return _stream(own, tail, token, unique, others_may_delete, retention_ms is not None)


def _apart(ops: Iterable[Op]) -> list[list[tuple[int, Op]]]:
    """The operations of each stream, numbered in the order of invocation."""
    ordered = sorted(ops, key=lambda op: (op.invoked, op.returned))
    names = dict.fromkeys(op.stream for op in ordered)
    return [[(i, op) for i, op in enumerate(ordered) if op.stream == name] for name in names]


Own = Sequence[tuple[int, Op]]


def _stream(
    own: Own, tail: int, token: str | None, unique: bool, others_may_delete: bool, fading: bool
) -> Witness | None:
    shown = [look for i, op in own for look in looks(i, op)]
    stamps: dict[int, float] = {}
    for _, op in own:
        for position, stamp in told(op):
            if position >= 0 and stamps.setdefault(position, stamp) != stamp:
                return None
    known = sorted(stamps)
    if any(stamps[a] > stamps[b] for a, b in pairwise(known)) or _goes_back(shown):
        return None

    def span(position: int) -> tuple[float, float]:
        below = [stamps[p] for p in known if p <= position]
        return below[-1] if below else 0, next((stamps[p] for p in known if p >= position), inf)

    before = _before(own, shown, tail, unique)
    if before is None:
        return None
    unread = None, UNARY_BYTES
    log = tuple(Entry(*content, *span(p)) for p, content in ((p, before.get(p, unread)) for p in range(tail)))
    chained: int | None = 0
    for entry in log:
        chained = None if chained is None or entry.digest is None else link(chained, entry.digest)
    judged = not others_may_delete and not _erased(own, shown)
    called = [(i, op, [moment for moment in moments(i, op, span) if judged or not moment.denies]) for i, op in own]
    listed = _listed(own, called)
    if listed is None:
        return None
    asked = any(moment.denies for *_, of_op in called for moment in of_op)
    firsts = _mentioned(own) if token is None else [token]
    for first in firsts:
        state = Stream(log, frozenset(range(tail + 1)), first, tail, chained, fading, not asked)
        found = _search(*listed, state)
        if found is not None:
            order, after = found
            return Witness(order, first, after)
    return None


def _mentioned(own: Own) -> list[str]:
    """The tokens that the stream may have begun with; one that nobody mentions stands for all of those."""
    words = {op.token for _, op in own} | {op.answer.token for _, op in own if isinstance(op.answer, TokenMismatch)}
    return [*sorted(words - {None}), "\0 a token that nobody mentions"]  # type: ignore[type-var]


def _goes_back(shown: Sequence[Look]) -> bool:
    """Whether the tail that a follower was told fell behind what the same answer had told or returned."""
    reached: dict[int, int] = {}
    for look in shown:
        if look.tail is not None and look.tail < reached.get(look.op, 0):
            return True
        after = look.seen[-1].seq_num + 1 if look.seen else 0
        reached[look.op] = max(reached.get(look.op, 0), look.tail or 0, after)
    return False


def _erased(own: Own, shown: Sequence[Look]) -> bool:
    """Whether a trim of everything that there may ever be was perhaps applied, or seen: the stream is deleted."""
    sent = [rec for _, op in own if isinstance(op.answer, Ack | Lost) for rec in op.records]
    return any((rec.trim or 0) >= 2**63 for rec in (*sent, *(one.rec for look in shown for one in look.seen)))


def _before(own: Own, shown: Sequence[Look], tail: int, unique: bool) -> dict[int, tuple[int, int]] | None:
    """Digest and size of what lay there before, where it was read; None if two tales of it were told."""
    sent = {rec.digest for _, op in own for rec in op.records if rec.fence is None and rec.trim is None}
    found: dict[int, tuple[int, int]] = {}
    for one in (one for look in shown for one in look.seen if one.seq_num < tail):
        content = one.rec.digest, one.rec.metered
        if found.setdefault(one.seq_num, content) != content or (unique and one.rec.digest in sent):
            return None
    return found


# -- orders that are no matter of time


@dataclass(slots=True)
class _Listed:
    """A moment, its ``number`` in its operation, the moments that come before it whatever the times, and those after
    which it cannot come any more."""

    moment: Moment
    number: int
    before: int = 0
    barred: int = 0


def _listed(own: Own, found: list[tuple[int, Op, list[Moment]]]) -> tuple[list[_Listed], int] | None:
    """Every moment, and the mask of those that there must be; None if a session went on after it had failed."""
    listed: list[_Listed] = []
    first_of: dict[int, int] = {}
    masks: dict[int, int] = {}
    for i, op, own_moments in found:
        if _after_a_failure(own, i, op):
            if isinstance(op.answer, Ack):
                return None
            if isinstance(op.answer, Lost):
                continue
        first_of[i] = len(listed)
        for moment in own_moments:
            listed.append(_Listed(moment, masks.get(i, 0).bit_count(), masks.get(i, 0)))
            masks[i] = masks.get(i, 0) | 1 << (len(listed) - 1)
    calls = dict(own)
    needed = sum(1 << k for k, one in enumerate(listed) if not one.moment.optional)
    for k, one in enumerate(listed):
        call = calls[one.moment.op]
        for i, other in own:
            if i >= one.moment.op or i not in masks:
                continue
            if _same_session(call, other):
                if k == first_of[one.moment.op]:
                    _in_session(listed, k, first_of[i])
            elif other.process == call.process:
                one.before |= masks[i] & needed
    return listed, needed


def _same_session(a: Op, b: Op) -> bool:
    return a.kind == b.kind == "append" and a.session is not None and a.session == b.session


def _in_session(listed: list[_Listed], k: int, earlier: int) -> None:
    """Batches land in their order, none without those before it; one that comes late comes no more."""
    if listed[k].moment.applies or not listed[earlier].moment.optional:
        listed[k].before |= 1 << earlier
    else:
        listed[earlier].barred |= 1 << k


def _after_a_failure(own: Own, i: int, op: Op) -> bool:
    failures = (TailMismatch, TokenMismatch, Refused)
    return any(j < i and _same_session(op, other) and isinstance(other.answer, failures) for j, other in own)


# -- the list


class _Node:
    """A call (with its ``returns``, if it must) or a return (``index`` is None) in the list."""

    __slots__ = ("index", "next", "prev", "returns")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.returns: _Node | None = None
        self.prev: _Node | None = None
        self.next: _Node | None = None

    def lift(self) -> None:
        """Out of the list, with its return."""
        for node in (self, self.returns):
            if node is not None:
                node.prev.next = node.next  # type: ignore[union-attr]
                if node.next is not None:
                    node.next.prev = node.prev

    def unlift(self) -> None:
        """Back into it."""
        for node in (self.returns, self):
            if node is not None:
                node.prev.next = node  # type: ignore[union-attr]
                if node.next is not None:
                    node.next.prev = node


def _linked(listed: Sequence[_Listed]) -> _Node:
    """The head of the list. Of equal instants the calls come first: they are concurrent with what returns then."""
    timed: list[tuple[float, int, int, _Node]] = []
    for k, one in enumerate(listed):
        call = _Node(k)
        timed.append((one.moment.call, 0, k, call))
        if not one.moment.optional:
            call.returns = _Node(None)
            timed.append((one.moment.end, 1, k, call.returns))
    head = last = _Node(None)
    for *_, node in sorted(timed, key=lambda entry: entry[:3]):
        last.next, node.prev = node, last
        last = node
    return head


def _search(listed: Sequence[_Listed], needed: int, state: Stream) -> tuple[tuple[tuple[int, int], ...], Stream] | None:
    head = _linked(listed)
    done = 0
    chosen: list[tuple[_Node, int, Stream, Iterator[Stream]]] = []
    cache: set[tuple[int, Stream]] = set()
    node = head.next
    while done & needed != needed:
        assert node is not None, "a moment that there must be has a return in the list"
        if node.index is None:
            if not chosen:
                return None
            node, done, state, ways = chosen.pop()
            node.unlift()
            assert node.index is not None
        else:
            one = listed[node.index]
            possible = one.before & done == one.before and not one.barred & done
            ways = one.moment.after(state) if possible else iter(())
        taken = done | 1 << node.index
        after = next((way for way in ways if (taken, way) not in cache), None)
        if after is None:
            node = node.next
        else:
            cache.add((taken, after))
            chosen.append((node, done, state, ways))
            node.lift()
            done, state, node = taken, after, head.next
    order = [listed[node.index] for node, *_ in chosen if node.index is not None]
    return tuple((one.moment.op, one.number) for one in order), state
