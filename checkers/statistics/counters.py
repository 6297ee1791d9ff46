"""The counters by which a workload says what a run of it must have exercised. One row each; the docs are made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE, Kind, Outcome

from .activity import Activity, Bools
from .contention import overlapping
from .zombies import zombies


@dataclass(frozen=True, slots=True)
class Counter:
    """A row: its name, what it counts, what to do where it is too low, and how it is counted."""

    name: str
    meaning: str
    advice: str
    count: Callable[[Activity], int]


def _seq_num_mismatches(activity: Activity) -> int:
    return int((activity.appends & (activity.history.seq_num_mismatch != NONE)).sum())


def _token_mismatches(activity: Activity) -> int:
    return int((activity.appends & (activity.history.token_mismatch != NONE)).sum())


def _take_overs(activity: Activity) -> int:
    return int((activity.acknowledged & (activity.history.appends.last_fence != NONE)).sum())


def _zombie_appends(activity: Activity) -> int:
    return int(zombies(activity).sum())


def _overlapping_appends(activity: Activity) -> int:
    return int(overlapping(activity).sum())


def _strong_reads(activity: Activity) -> int:
    return int((activity.answered_reads & _of_purpose(activity, "strong-read")).sum())


def _of_purpose(activity: Activity, purpose: str) -> Bools:
    wanted = np.array([one == purpose for one in activity.history.purposes], dtype=np.bool_)
    return wanted[activity.history.purpose]


def _batches_in_flight(activity: Activity) -> int:
    history = activity.history
    return sum(
        int((history.invoked[rows[1:]] < np.maximum.accumulate(history.ended[rows])[:-1]).sum())
        for rows in activity.sessions
    )


def _batches_after_failure(activity: Activity) -> int:
    failed = activity.history.outcome == Outcome.FAILED
    return sum(len(rows) - 1 - int(np.argmax(failed[rows])) for rows in activity.sessions if failed[rows].any())


def _trims(activity: Activity) -> int:
    return sum(bool(activity.acknowledged[row]) for row in activity.history.appends.trims)


def _resumed_reads(activity: Activity) -> int:
    return int((activity.clients & (activity.history.part_of == NONE) & _of_purpose(activity, "resume")).sum())


def _repeated_appends(activity: Activity) -> int:
    return int((activity.appends & _of_purpose(activity, "retry")).sum())


def _operations(activity: Activity) -> int:
    return int(activity.clients.sum())


def _acknowledged_appends(activity: Activity) -> int:
    return int(activity.acknowledged.sum())


def _answered_reads(activity: Activity) -> int:
    return int(activity.answered_reads.sum())


def _answered(kind: Kind, activity: Activity) -> int:
    history = activity.history
    return int((activity.clients & (history.kind == kind) & (history.outcome == Outcome.OK)).sum())


def _records_appended(activity: Activity) -> int:
    return int(activity.appended[activity.acknowledged].sum())


def _records_read(activity: Activity) -> int:
    return int(activity.read[activity.answered_reads].sum())


def _indefinite(activity: Activity) -> int:
    return int((activity.clients & (activity.history.outcome == Outcome.INDEFINITE)).sum())


_RACE: Final = "let more clients race (--clients), for longer (--time-limit), on fewer streams (--streams)"
_DEEPER: Final = "let more clients write (--clients), for longer (--time-limit)"
_LONGER: Final = "let the run last longer (--time-limit or --ops)"
_DEPOSE: Final = "let owners follow each other for longer (--time-limit), on fewer streams (--streams)"

COUNTERS: Final[tuple[Counter, ...]] = (
    Counter("operations", "Operations that clients invoked.", _LONGER, _operations),
    Counter("acknowledged-appends", "Appends that were acknowledged.", _LONGER, _acknowledged_appends),
    Counter("answered-reads", "Reads that were answered with a batch.", _LONGER, _answered_reads),
    *(
        Counter(
            f"answered-{kind.label}s",
            f"{kind.label.capitalize()}s that were answered.",
            _LONGER,
            partial(_answered, kind),
        )
        for kind in Kind
        if kind not in (Kind.APPEND, Kind.READ)
    ),
    Counter(
        "seq-num-mismatches",
        "Appends refused because their `match_seq_num` was not the tail.",
        _RACE,
        _seq_num_mismatches,
    ),
    Counter(
        "fencing-token-mismatches",
        "Appends refused because their token was not the one in force.",
        _DEPOSE,
        _token_mismatches,
    ),
    Counter("take-overs", "Acknowledged appends that hold a fence.", _DEPOSE, _take_overs),
    Counter(
        "zombie-appends",
        "Appends, whatever became of them, that gave a token which an acknowledged fence had replaced before they "
        "were invoked.",
        _DEPOSE,
        _zombie_appends,
    ),
    Counter(
        "overlapping-appends",
        "Appends whose interval overlaps that of another append on the same stream.",
        _RACE,
        _overlapping_appends,
    ),
    Counter("strong-reads", "Reads of the purpose `strong-read` that were answered.", _LONGER, _strong_reads),
    Counter(
        "batches-in-flight",
        "Batches of append sessions that were invoked before an earlier batch of their session had ended.",
        _DEEPER,
        _batches_in_flight,
    ),
    Counter(
        "batches-after-failure",
        "Batches of append sessions behind the first one of their session that failed for certain.",
        _DEEPER,
        _batches_after_failure,
    ),
    Counter("trims", "Acknowledged appends that hold a trim.", _LONGER, _trims),
    Counter("resumed-reads", "Reads of the purpose `resume`, whatever became of them.", _LONGER, _resumed_reads),
    Counter(
        "repeated-appends",
        "Appends of the purpose `retry`, whatever became of them.",
        "inject faults (--faults kill)",
        _repeated_appends,
    ),
    Counter("records-appended", "Records of acknowledged appends.", _LONGER, _records_appended),
    Counter("records-read", "Records that reads returned, each as often as it was read.", _LONGER, _records_read),
    Counter(
        "indefinite-operations",
        "Operations that may or may not have taken effect.",
        "inject faults (--faults)",
        _indefinite,
    ),
)
"""What can be counted, and so what a workload's ``exercises`` may name. Closing operations are never counted."""


def shortfalls(exercises: Mapping[str, int], counted: Mapping[str, int], unclear: Mapping[str, int]) -> list[str]:
    """Return a warning for every exercise that fell short, or that names no counter.

    ``unclear`` counts the answers from which no outcome follows, by reason. Where they are as many as an exercise
    lacks, the warning says so: more clients would not help.
    """
    rows = {row.name: row for row in COUNTERS}
    number = sum(unclear.values())
    warnings = []
    for name, at_least in exercises.items():
        row = rows.get(name)
        if row is None:
            known = ", ".join(rows)
            warnings.append(f"the history asks for the exercise {name!r}, which is no counter; there are: {known}")
        elif counted[name] < at_least:
            advice = row.advice
            if number >= at_least - counted[name]:
                reason = max(unclear, key=unclear.__getitem__)
                advice = (
                    f"{number:,} answers do not say what became of their operations, so this may be why: "
                    f"see what the endpoint answers (most often: {reason})"
                )
            warnings.append(
                f"the run says little: {name} is {counted[name]:,} and should be at least {at_least:,} "
                f"({row.meaning[0].lower()}{row.meaning[1:-1]}); {advice}"
            )
    return warnings


def unclear_answers(activity: Activity) -> dict[str, int]:
    """Count, by reason, the operations of clients that were answered in a way from which no outcome follows."""
    history = activity.history
    answered = activity.clients & (history.outcome == Outcome.INDEFINITE) & (history.status != NONE)
    codes, numbers = np.unique(history.code[answered], return_counts=True)
    return {history.codes[code]: int(number) for code, number in zip(codes, numbers, strict=True)}
