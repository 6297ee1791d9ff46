"""Why s2-porcupine may judge a history otherwise than fencepost does: written rules, and how each is tested.

A rule is not believed because it sounds right. It says how the history would have to read for fencepost if it went by
the same rule; brute force (``tests/checkers/oracle.py``) judges what comes out. A disagreement is explained only if the
two agree then, and by no more rules than it takes: every one that is named is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fencepost.harness import s2
from fencepost.harness.verdict import Validity
from fencepost.testing import by_invocation
from fencepost.testing.operations import Ack, Answer, Batch, Lost, Op, Rec, Refused, Seen, Tail, Unsatisfiable, Whole
from tests.checkers.model import PAGE_BYTES
from tests.checkers.oracle import explain
from tests.checkers.stories import Story

NOBODY: Final = "\0"
"""A token that nobody gives: as good as none."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A way in which the two differ.

    ``told`` is the history as fencepost would have to be told it if it went by the rule. ``stricter`` rules may turn
    a valid history into an invalid one, all others only take evidence away. What the export lists as lost must begin
    with one of ``losses`` where the rule makes a difference; there are none where every history in the format lacks it.
    """

    name: str
    why: str
    told: Callable[[Story], Story]
    stricter: bool = False
    losses: tuple[str, ...] = ()


def oracle(story: Story) -> Validity:
    """What brute force says."""
    return Validity.INVALID if explain(story.ops, **story.declared) is None else Validity.VALID


def by_rules(story: Story, rules: Iterable[Rule]) -> Story:
    """The history as it reads by these rules."""
    for rule in rules:
        story = rule.told(story)
    return story


def rules_behind(story: Story, ours: Validity, theirs: Validity, rules: Sequence[Rule]) -> tuple[str, ...] | None:
    """Which of the rules it takes for the verdicts on the history to differ, by name; None if they are no reason.

    ``ours`` is on the history as it was recorded, ``theirs`` on what was made of it in the format.
    """
    needed = list(rules)
    if oracle(by_rules(story, needed)) is not theirs:
        return None
    for rule in rules:
        fewer = [other for other in needed if other is not rule]
        if oracle(by_rules(story, fewer)) is theirs:
            needed = fewer
    if ours is Validity.VALID and not any(rule.stricter for rule in needed):
        return None
    return tuple(rule.name for rule in needed)


# -- what each rule makes of a history


def _answers(story: Story, change: Callable[[Op], Answer]) -> Story:
    return replace(story, ops=tuple(replace(op, answer=change(op)) for op in story.ops))


def _without_first_token(story: Story) -> Story:
    return replace(story, token=NOBODY)


def _without_unknown_token(story: Story) -> Story:
    return _without_first_token(story) if story.token is None else story


def _any_failure(story: Story) -> Story:
    def change(op: Op) -> Answer:
        definite = op.kind == "append" and not isinstance(op.answer, Ack | Lost)
        return Refused("a failure", 429) if definite else op.answer

    return _answers(story, change)


def _any_absence(story: Story) -> Story:
    return _answers(
        story, lambda op: replace(op.answer, code="a failure") if isinstance(op.answer, Refused) else op.answer
    )


def _acks_as_tails(story: Story) -> Story:
    def change(op: Op) -> Answer:
        if not isinstance(op.answer, Ack):
            return op.answer
        end = op.answer.end
        return Ack((end[0] - len(op.records), op.answer.start[1]), end, end)

    return _answers(story, change)


def _exact_reads_only(story: Story) -> Story:
    known = set(range(story.tail)) <= {one.seq_num for op in story.ops for one in _seen(op)}

    def change(op: Op) -> Op:
        match op.answer:
            case Unsatisfiable(tail):
                return replace(op, kind="check-tail", read=s2.Read(), answer=Tail(tail))
            case Whole(tail, _) if not known:
                return replace(op, kind="check-tail", read=s2.Read(), answer=Tail(tail))
            case Batch(seen, _):
                if not _proves_the_tail(story, op):
                    return replace(op, answer=Refused("left out", 429))
                if seen[0].seq_num > 0 or not known:
                    end = seen[-1].seq_num + 1, seen[-1].timestamp
                    return replace(op, kind="check-tail", read=s2.Read(), answer=Tail(end))
        return op

    return replace(story, ops=tuple(change(op) for op in story.ops))


def _proves_the_tail(story: Story, op: Op) -> bool:
    """Whether a read tells the exact tail, whatever record might have come next: so it has to have had room for it."""
    seen, read = _seen(op), op.read
    records = [rec for other in story.ops for rec in (*other.records, *(one.rec for one in _seen(other)))]
    if not seen or any(rec.trim is not None for rec in records) or story.retention_ms is not None:
        return False
    if read.wait or read.until is not None:
        return False
    if op.session is not None or op.parts:
        return False
    if [one.seq_num for one in seen] != list(range(seen[0].seq_num, seen[0].seq_num + len(seen))):
        return False
    if seen[-1].seq_num + 1 < story.tail:  # the size of the next one, which was there before, is not known
        return False
    fits = sum(one.rec.metered for one in seen) + max(rec.metered for rec in records) <= (read.bytes or PAGE_BYTES)
    return read.seq_num == seen[0].seq_num and fits and (read.count is None or len(seen) < read.count)


def _operations_alone(story: Story) -> Story:
    def change(number: int, op: Op) -> Op:
        # The batches of a session overlap: they are no longer one process's, which does one thing after another.
        own = op.process if op.session is None else 1000 + number
        return replace(op, process=own, session=None, parts=())

    return replace(story, ops=tuple(change(number, op) for number, op in enumerate(story.ops)))


def _seen(op: Op) -> tuple[Seen, ...]:
    return op.answer.seen if isinstance(op.answer, Batch) else ()


def _earlier_records_as_read(story: Story) -> Story:
    sent = {rec.digest for op in story.ops for rec in op.records if rec.fence is None and rec.trim is None}
    first: dict[int, Rec] = {}
    for op in by_invocation(story.ops):
        for one in _seen(op):
            first.setdefault(one.seq_num, one.rec)

    def change(one: Seen) -> Seen:
        earlier = one.seq_num < story.tail and one.rec == first[one.seq_num] and one.rec.digest in sent
        return replace(one, rec=Rec(f"earlier{one.seq_num}", one.rec.metered)) if earlier else one

    def changed(op: Op) -> Op:
        if not isinstance(op.answer, Batch):
            return op
        return replace(op, answer=replace(op.answer, seen=tuple(change(one) for one in op.answer.seen)))

    return replace(story, ops=tuple(changed(op) for op in story.ops))


def _without_time_of_records(story: Story) -> Story:
    def change(op: Op) -> Op:
        op = replace(op, records=tuple(replace(rec, timestamp=None) for rec in op.records))
        match op.answer:
            case Ack(start, end, tail):
                return replace(op, answer=Ack((start[0], 0), (end[0], 0), (tail[0], 0)))
            case Tail(tail):
                return replace(op, answer=Tail((tail[0], 0)))
            case Unsatisfiable(tail):
                return replace(op, answer=Unsatisfiable((tail[0], 0)))
            case Whole(tail, stream_hash):
                return replace(op, answer=Whole((tail[0], 0), stream_hash))
            case Batch(seen, tail):
                seen = tuple(Seen(one.seq_num, 0, one.rec) for one in seen)
                return replace(op, answer=Batch(seen, None if tail is None else (tail[0], 0)))
        return op

    return replace(story, ops=tuple(change(op) for op in story.ops))


def _clients_apart(story: Story) -> Story:
    return replace(story, ops=tuple(replace(op, process=number) for number, op in enumerate(story.ops)))


INITIAL_TOKEN: Final = Rule(
    "initial-token",
    "their stream begins without a token, the service's with the empty one. To them, an append that gave the "
    'token "" before anybody had set one cannot have been applied',
    _without_first_token,
    stricter=True,
)

UNKNOWN_FIRST_TOKEN: Final = Rule(
    "unknown-first-token",
    "nobody knows the token that the stream began with: fencepost asks whether any token explains the "
    "history, and theirs begins without one",
    _without_unknown_token,
    stricter=True,
    losses=("an append with a token, the first token being unknown",),
)

OTHERS: Final = (
    UNKNOWN_FIRST_TOKEN,
    Rule(
        "any-definite-failure",
        "they accept any definite failure of an append; fencepost asks whether what a 412 says was so",
        _any_failure,
        losses=("a refused append: ", "a failed append: "),
    ),
    Rule(
        "exact-reads-only",
        "the format knows reads of the whole stream and checks of the tail. A read that proves neither is "
        "left out, and so is every read where records may vanish, by trims or by age. Of a read that began "
        "later, and of a 416, the tail remains",
        _exact_reads_only,
        losses=("a read ",),
    ),
    Rule(
        "operations-alone",
        "the format knows no sessions, in which batches land in order and none after a failure, and no "
        "answers in parts",
        _operations_alone,
        losses=("an append of a session", "a part of an answer", "a read "),
    ),
    Rule(
        "earlier-records",
        "in the format, what stood on the stream before the first operation is what a read returned there "
        "first; fencepost asks whether it can have stood there",
        _earlier_records_as_read,
        losses=("a stream that holds records before its first operation",),
    ),
    Rule(
        "acks-as-tails",
        "of an acknowledgement the format keeps where the batch ended, not where it began, nor a tail beyond it",
        _acks_as_tails,
        losses=("an acknowledgement ",),
    ),
    Rule(
        "no-timestamps",
        "the format has no timestamps of records",
        _without_time_of_records,
    ),
    Rule(
        "absent-streams",
        "the format does not say why an operation failed; fencepost asks whether there can have been no stream",
        _any_absence,
    ),
    Rule(
        "no-process-order",
        "they do not look at who did what. The second operation of a client may begin at the very instant at "
        "which its first ended, and to them the two are concurrent",
        _clients_apart,
        losses=("an operation that began when its process's last one ended",),
    ),
)
"""The rules that are left where the first token was exported."""

RULES: Final = (INITIAL_TOKEN, *OTHERS)
