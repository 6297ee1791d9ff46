"""Whether what explanations claim is so: each kind of claim is recomputed from the raw events of the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf
from typing import Final

from fencepost.harness.history.chain_hash import fold
from fencepost.harness.verdict import Statement, Violation
from tests.checkers.claimed import unclaimed
from tests.checkers.raw_history import RawHistory, RawOp

ABSENT: Final = (
    "stream_not_found",
    "basin_not_found",
    "stream_deletion_pending",
    "basin_deletion_pending",
)
MOST_RECORDS, MOST_BYTES = 1000, 1 << 20
Places = tuple[int, int]


@dataclass(frozen=True)
class Facts:
    """What is known of one stream, whatever order explains it. The ``accused`` are no evidence against anybody."""

    raw: RawHistory
    violation: Violation
    accused: frozenset[int]

    @cached_property
    def ops(self) -> list[RawOp]:
        """The operations of the stream."""
        return list(self.raw.of(self.violation.stream))

    @cached_property
    def appends(self) -> list[RawOp]:
        """Those that were, or may have been, applied."""
        return [op for op in self.ops if op.kind == "append" and not op.failed and not self._poisoned(op)]

    def _poisoned(self, op: RawOp) -> bool:
        return not op.ack and any(one.failed and _in_session(one, op) for one in self.ops if one.kind == "append")

    @cached_property
    def trusted(self) -> list[RawOp]:
        """Those that nobody accuses."""
        return [op for op in self.appends if op.id not in self.accused]

    @property
    def tail(self) -> int:
        """The first tail."""
        return int(self.raw.streams[self.violation.stream].get("tail", 0))

    @property
    def token(self) -> str | None:
        """The first token."""
        token: str | None = self.raw.streams[self.violation.stream].get("fencing_token", "")
        return token

    @cached_property
    def content(self) -> Mapping[int, set[int]]:
        """The digests that reads returned, by position."""
        found: dict[int, set[int]] = {}
        for op in self.ops:
            for position, _, digest in op.seen:
                found.setdefault(position, set()).add(digest)
        return found

    def stands(self, op: RawOp, places: Places) -> bool:
        """Whether an append may stand there: where it was acknowledged or read, or where nothing else was read."""
        start, end = places
        if op.kind != "append" or (op.failed and op.id not in self.accused) or end - start != len(op.sent):
            return False
        if op.ack and start == op.ack[0]:
            return True
        read = [(self.content[start + i], digest) for i, digest in enumerate(op.sent) if start + i in self.content]
        return all(digest in there for there, digest in read) and (op.ack is None or bool(read))

    def start(self, op: RawOp) -> set[int]:
        """Where an append may start, by its acknowledgement or by what was read of it."""
        if op.ack:
            return {op.ack[0]}
        found = ((at, digest) for at, digests in self.content.items() for digest in digests)
        starts = {at - i for at, digest in found for i, sent in enumerate(op.sent) if sent == digest}
        free = (one for one in starts if one >= self.tail and self.stands(op, (one, one + len(op.sent))))
        taken = [(one.ack[0], one.ack[0] + len(one.sent)) for one in self.trusted if one.ack]
        return {one for one in free if not any(one < end and start < one + len(op.sent) for start, end in taken)}

    def reached(self, op: RawOp) -> set[int]:
        """The tails that an answer proves there to have been."""
        found = {tail for tail, _ in op.tails} | {position + 1 for position, _, _ in op.seen}
        found |= {op.ack[1], op.ack[0] + len(op.sent)} if op.ack else set()
        return found | ({int(op.asked["seq_num"]), op.asked["seq_num"] + 1} if "seq_num" in op.asked else set())

    def whole(self, op: RawOp) -> list[RawOp]:
        """A read with all parts of its answer."""
        read = op if op.whole is None else self.raw.ops[op.whole]
        return [*read.parts, read]

    def sent(self, digest: int) -> set[int]:
        """How often a record was sent, in appends that did not fail; or in those too whose failure is doubted."""
        appends = [op for op in self.ops if op.kind == "append"]
        return {
            sum(op.sent.count(digest) for op in appends if not op.failed or op.id in doubted)
            for doubted in (self.accused, ())
        }

    def in_force(self, position: int) -> set[str | None]:
        """The token in force there: by what was acknowledged, by what was read too, and by what nobody accuses."""
        acked = [op for op in self.appends if op.ack]
        return {([self.token, *self._fences(position, some)])[-1] for some in (acked, self.appends, self.trusted)}

    def _fences(self, below: int, appends: list[RawOp]) -> list[str]:
        setting = [op for op in appends if op.fences]
        placed = [(start, op) for op in setting for start in self.start(op) if self.tail <= start < below]
        return [op.fences[max(op.fences)] for _, op in sorted(placed, key=lambda one: one[0])]

    @cached_property
    def trimmed(self) -> int:
        """The highest position below which a trim may have removed anything."""
        found = [self.tail]
        for op in self.appends:
            for index, to in op.trims.items():
                found.append(min(to, min(self.start(op)) + index + 1) if self.start(op) else to)
        return max(found)

    def hash(self, tail: int) -> int | None:
        """The hash of the stream by what was acknowledged or read; None if something of it is unknown."""
        digests: dict[int, int] = {at: min(there) for at, there in self.content.items() if len(there) == 1}
        for op in self.trusted:
            if op.ack:
                digests |= {op.ack[0] + i: digest for i, digest in enumerate(op.sent)}
        known = [digests.get(at) for at in range(tail)]
        return None if None in known else fold(digest for digest in known if digest is not None)


def _fills(facts: Facts, op: RawOp, tail: int) -> bool:
    """Whether acknowledged appends that had begun by then stand everywhere up to a tail."""
    before = (one for one in facts.trusted if one.invoked <= op.returned and not _in_session(op, one))
    begun = [one for one in before if one.ack]
    filled = {at for one in begun for at in range(one.ack[0], one.ack[0] + len(one.sent))}  # type: ignore[index]
    inside = any(one.ack[0] < tail < one.ack[1] for one in begun if one.ack)
    return filled.issuperset(range(facts.tail, tail)) and not inside


def _is_answered(op: RawOp) -> bool:
    return op.answer.get("type", "indefinite") != "indefinite"


def _named(op: RawOp) -> set[int]:
    """The tails at which an answer says that an operation was."""
    return {op.ack[0], op.ack[2]} if op.ack else {tail for tail, _ in op.tails}


def _comes_first(facts: Facts, one: RawOp, other: RawOp) -> bool:
    return one.returned < other.invoked or any(rule(one, other) for rule in (_in_process, _in_session))


def _refused(facts: Facts, op: RawOp, tails: Places, rule: str) -> bool:
    """Whether an answer asks for what breaks a rule, or says so, and for none of these tails where the tail decides."""
    match rule:
        case "match":
            return "match_seq_num" in op.asked and op.asked["match_seq_num"] not in range(tails[0], tails[1] + 1)
        case "token":
            return "fencing_token" in op.asked
        case "start" | "other-tail":
            return not _named(op) <= {*range(tails[0], tails[1] + 1)}
        case "token-held" | "other-token" | "token-first" | "match-held" | "all-held":
            return op.kind == "append" and op.failed
        case "existed":
            return op.answer.get("code") in ABSENT
        case "hash" | "not-whole":
            return op.answer["type"] == "whole"
    return op.kind in ("read", "part")


def _in_process(one: RawOp, other: RawOp) -> bool:
    return one.process == other.process and one.place < other.place and one.returned <= other.invoked


def _in_session(one: RawOp, other: RawOp) -> bool:
    return one.asked.get("session") == other.asked.get("session") is not None and one.place < other.place


def _in_answer(facts: Facts, one: RawOp, other: RawOp) -> bool:
    answer = facts.whole(one)
    return other in answer and answer.index(one) < answer.index(other)


def _missing(facts: Facts, op: RawOp, places: Places) -> bool:
    beyond = bool(op.seen) or places[0] >= op.asked.get("seq_num", 0)
    return beyond and not {position for position, _, _ in op.seen} & {*range(*places)}


def _where(facts: Facts, places: Places, appends: list[RawOp]) -> str:
    starts = [(start, start + len(op.sent)) for op in appends for start in facts.start(op)]
    below = any(start < places[0] for start, _ in starts) or min(facts.content, default=places[0]) < places[0]
    above = any(end > places[1] for _, end in starts) or max(facts.content, default=0) >= places[1]
    if below:
        return "in the middle of" if above else "at the end of"
    return "at the beginning of" if above else "and so all of"


def _lost_batches(facts: Facts, op: RawOp, tail: int) -> int:
    later = [one for one in facts.ops if one.kind != "append" and one.returned > op.invoked]
    if any(position >= tail for one in later for position, _, _ in one.seen):
        return 0
    lost = (one for one in facts.appends if one in facts.trusted or one.id in facts.violation.accused)
    return sum(one.ack is not None and one.ack[1] > tail and one.returned < op.invoked for one in lost)


def _asked_until(facts: Facts, op: RawOp) -> bool:
    return any(stamp >= op.asked["until"] for part in facts.whole(op) for _, stamp, _ in part.seen)


def _size(op: RawOp) -> int:
    return sum(op.answer.get("sizes", ()))


def _observed(facts: Facts, op: RawOp, tail: int) -> bool:
    """Whether somebody else saw that tail while an operation ran."""
    others = (one for one in facts.ops if one.id not in facts.accused and one is not op and not one.seen)
    within = (one for one in others if op.invoked <= one.invoked and one.returned <= op.returned)
    return any(tail == told for one in within if one.kind != "append" or one.failed for told, _ in one.tails)


Check = Callable[..., bool]
CHECKS: Final[Mapping[str, Check]] = {
    # what operations asked, and were answered: their words are put together from the raw events
    "ran": lambda f, op: op.ended < inf and op.whole is None,
    "never-returned": lambda f, op: op.ended == inf and op.whole is None,
    "came-in-part": lambda f, op, read: op.whole == read.id,
    "failed": lambda f, op: op.failed,
    "took-effect": lambda f, op: op.kind == "append" and not op.failed,
    "took-effect-at": lambda f, op, places: f.stands(op, places),
    "acknowledged": lambda f, op: op.ack is not None,
    "with-tail": lambda f, op, tail: op.ack[2] == tail < op.ack[1],
    "both-acknowledged": lambda f, one, other, places: (
        places == (max(one.ack[0], other.ack[0]), min(one.ack[1], other.ack[1])) and places[0] < places[1]
    ),
    "both-accepted": lambda f, one, other, match: (
        one is not other and all(op.ack and op.asked["match_seq_num"] == match for op in (one, other))
    ),
    "asked-for": lambda f, op: f.start(op) != {op.asked["match_seq_num"]},
    "sent": lambda f, op: op.ack[1] - op.ack[0] != len(op.sent) or not op.sent,
    "refused-token": lambda f, op: "fencing_token_mismatch" in op.body,
    "told-token": lambda f, op: "fencing_token_mismatch" in op.body,
    "refused-tail": lambda f, op: "seq_num_mismatch" in op.body,
    "refused": lambda f, op: op.failed and op.answer["status"] == 412,
    "out-of-range": lambda f, op: op.failed and op.answer["status"] == 416,
    "gave-that-token": lambda f, op: op.asked["fencing_token"] == op.body["fencing_token_mismatch"],
    "gave-that-tail": lambda f, op: op.asked["match_seq_num"] == op.body["seq_num_mismatch"],
    "gave-no-token": lambda f, op: "fencing_token" not in op.asked,
    "gave-no-match": lambda f, op: "match_seq_num" not in op.asked,
    "gave-nothing": lambda f, op: not {"fencing_token", "match_seq_num"} & {*op.asked},
    "all-held": lambda f, op: bool({"fencing_token", "match_seq_num"} & {*op.asked}),
    # one before another
    "before": lambda f, one, other: any((e.source, e.target) == (one.id, other.id) for e in f.violation.edges),
    "returned-before": lambda f, one, other: one.returned < other.invoked,
    "same-process": lambda f, one, other: _in_process(one, other),
    "same-session": lambda f, one, other: _in_session(one, other),
    "same-answer": _in_answer,
    "stands-before": lambda f, one, other, places, others: (
        f.stands(one, places) and f.stands(other, others) and places[0] < others[0]
    ),
    "failed-before": lambda f, one, other: one.failed and _in_session(one, other),
    "unapplied-before": lambda f, one, other: _in_session(one, other),
    # how far the stream had got
    "wrote": lambda f, op, places: f.stands(op, places),
    "stands": lambda f, op, places: f.stands(op, places),
    "saw-tail": lambda f, op, tail: any(tail == told for told, _ in op.tails),
    "saw-up-to": lambda f, op, tail: tail in f.reached(op),
    "saw-no-further": lambda f, op, tail: tail in f.reached(op),
    "took-place": lambda f, op, tail: tail in f.reached(op) or op.body["fencing_token_mismatch"] in f.in_force(tail),
    "first-tail": lambda f, tail: tail == f.tail,
    "not-there": lambda f, op: not _observed(f, op, op.tails[0][0]),
    "unreached": lambda f, op, tail: not _fills(f, op, tail),
    "inside": lambda f, op, places, tail: f.stands(op, places) and places[0] < tail < places[1],
    "inside-some": lambda f, op, tail: op.kind == "append" and len(op.sent) > 1,
    # tokens
    "in-force": lambda f, token, position: token in f.in_force(position),
    "set": lambda f, op, token, position: op.fences[max(op.fences)] == token and position in f.start(op),
    "set-first": lambda f, token: token == f.token,
    "replaced": lambda f, op, token, position: (
        op.fences[max(op.fences)] != token and (position in f.start(op) or op.id in f.accused)
    ),
    "needs": lambda f, op: "fencing_token" in op.asked,
    "token-first": lambda f, op: "fencing_token" in op.asked and "seq_num_mismatch" in op.body,
    "not-in-force": lambda f, op: op.body["fencing_token_mismatch"] != f.token or bool(f.appends),
    "never-set": lambda f, op: (
        op.body["fencing_token_mismatch"] not in (f.token, *(a.fences[max(a.fences)] for a in f.appends if a.fences))
    ),
    # what stands where
    "returned": lambda f, op, position, digest: digest in [d for at, _, d in op.seen if at == position],
    "returned-of": lambda f, op, sender, index, position, digest: (
        sender.sent[index] == digest and digest in [d for at, _, d in op.seen if at == position]
    ),
    "returned-another": lambda f, op, sender, index, position, digest: (
        sender.sent[index] == digest and {d for at, _, d in op.seen if at == position} - {digest} != set()
    ),
    "returned-it": lambda f, op, position, digest: digest in [d for at, _, d in op.seen if at == position],
    "sent-times": lambda f, op, index, digest, times: (
        op.sent[index] == digest
        and times
        in {sum(a.sent.count(digest) for a in f.ops if not a.failed or a.id in ids) for ids in (f.accused, ())}
    ),
    "nobody-sent": lambda f, digest: all(digest not in op.sent for op in f.ops),
    "sent-elsewhere": lambda f, op, digest: digest in op.sent and op not in f.ops,
    "no-room": lambda f, op, places: places[1] - places[0] == len(op.sent),
    "hash-of-failed": lambda f, read, op, places: (
        read.tails[0][0] == places[1]
        and (f.hash(places[0]) is None or fold(op.sent, f.hash(places[0]) or 0) == read.answer["stream_hash"])
    ),
    "other-hash": lambda f, op, tail: op.answer["type"] == "whole" and op.tails[0][0] == tail,
    "other-records": lambda f, op, tail: op.answer["stream_hash"] != f.hash(tail),
    "stamped": lambda f, op, position, timestamp: (position, timestamp) in op.reports,
    # what is missing
    "left-out": _missing,
    "left-out-where": lambda f, op, places, where: (
        where in (_where(f, places, f.appends), _where(f, places, f.trusted)) and _missing(f, op, places)
    ),
    "found-end": lambda f, op, tail: tail in f.reached(op) and all(at < tail for at, _, _ in op.seen),
    "lost-from-there": lambda f, op, tail, batches: batches == _lost_batches(f, op, tail) > 0,
    "no-trim": lambda f, position: position >= f.trimmed,
    "trimmed-later": lambda f, op: f.trimmed > f.tail,
    "found-gone": lambda f, op, position: all(at != position for at, _, _ in op.seen),
    "found-some-gone": lambda f, op: op.kind in ("read", "part"),
    "returned-some": lambda f, op: bool(op.seen) or op.answer["type"] == "whole",
    "found-stream": lambda f, op: not op.failed or op.answer["status"] in (412, 416),
    "was-told": lambda f, op: op.answer["code"] in ABSENT,
    "told-in-all": lambda f, *ops, answers: len(ops) == answers and all(op.answer["code"] in ABSENT for op in ops),
    "not-deleted": lambda f: all(to < 1 << 63 for op in f.appends for to in op.trims.values()),
    # what a read asked for
    "too-many": lambda f, op: sum(len(one.seen) for one in f.whole(op)) > op.asked.get("count", MOST_RECORDS),
    "too-large": lambda f, op: sum(map(_size, f.whole(op))) > op.asked.get("bytes", MOST_BYTES),
    "too-late": _asked_until,
    "before-time": lambda f, op, position: any(at == position and ts < op.asked["timestamp"] for at, ts, _ in op.seen),
    "found-nothing": lambda f, op: not op.seen,
    "asked-since": lambda f, op: "timestamp" in op.asked,
    "answered": lambda f, op: not op.failed,
    "nothing-at": lambda f, op, position: not op.seen or position == op.asked["seq_num"],
    "nothing-at-tail": lambda f, op: not op.asked.get("wait"),
    "stopped": lambda f, op, position: all(at < position for at, _, _ in op.seen),
    "no-bound": lambda f, op: sum(len(one.seen) for one in f.whole(op)) < op.asked.get("count", MOST_RECORDS),
    "something-to-read": lambda f, op: "tail" in op.body,
    "was-to-wait": lambda f, op: bool(op.asked.get("wait")) or "session" in op.asked,
    "again": lambda f, op, position: [at for at, _, _ in op.seen].count(position) > 1,
    "began-late": lambda f, op, position: (
        op.seen[0][0] == position and (op.asked.get("clamp") or "seq_num" not in op.asked)
    ),
    "went-back": lambda f, op, position, before: (
        (before, position) in pairwise(at for one in f.whole(op) for at, _, _ in one.seen)
    ),
    "before-start": lambda f, op, position: op.seen[0][0] == position < op.asked.get("seq_num", inf),
    "told-tail": lambda f, op, tail: any(tail == told for told, _ in op.tails),
    "returned-beyond": lambda f, op, tail: any(at >= tail for at, _, _ in op.seen),
    "got-further": lambda f, op, tail: max(max(f.reached(one), default=0) for one in f.whole(op)) > tail,
    # what a search tried
    "tried": lambda f, *ops: all(map(_is_answered, ops)),
    "searched": lambda f, *ops, states: states > 0 and all(map(_is_answered, ops)),
    "no-place": lambda f, op: _is_answered(op),
    "ends-before": lambda f, op: _is_answered(op),
    "names-tail": lambda f, op, tail: tail in _named(op),
    "refused-at": _refused,
    "right-at": lambda f, op, tails: not op.ack or tails == (op.ack[0], op.ack[0]),
    "left-behind": lambda f, op, tail: tail in _named(op),
    "absent-after": lambda f, op: op.answer.get("code") in ABSENT,
    "no-way-on": lambda f: True,
    "comes-first": lambda f, op: op.kind == "append" and any(_comes_first(f, op, one) for one in f.ops),
    "none-goes-on": lambda f, tail, needs: tail < needs,
    # of the explanation itself
    "kernel": lambda f, *ops, why: False,  # whatever is found is told by claims of its own
    "alike": lambda f, count: 0 < count < f.violation.count,
    "elided": lambda f, count: count > 0,
}


def unfounded(journal: bytes, violations: Sequence[Violation]) -> str | None:
    """What the events do not bear out, or no claim says, of what is told; None if there is nothing."""
    raw = RawHistory(journal)
    accused = frozenset(op for violation in violations for op in violation.accused)
    for violation in violations:
        facts = Facts(raw, violation, accused)
        wrong = [f"it is not so that {claim}" for claim in violation.claims if not _holds(facts, claim)]
        problem = unclaimed(raw, violation) or next(iter(wrong), None)
        if problem is not None:
            return f"{problem}; told in {violation}"
    return None


def _holds(facts: Facts, claim: Statement) -> bool:
    operations = [facts.raw.ops[op] for op in claim.operations]
    try:
        return CHECKS[claim.claim](facts, *operations, **claim.values)
    except (KeyError, TypeError, IndexError):  # an answer has not what is said of it
        return False
