"""The structure checks, broken or left out."""

from __future__ import annotations

from typing import Final

from fencepost.checkers.chain.stream import Stream
from fencepost.checkers.explanation.sentences import Witness
from fencepost.checkers.judgement import Judgement
from fencepost.checkers.structure import acknowledgements, hashes, reads, records, sessions, tails, timestamps
from fencepost.checkers.structure import tokens as token_checks
from fencepost.harness.history.history import NONE
from tests.checkers.mutating import Mutation, around, instead, without


def _match_is_the_end(judgement: Judgement) -> None:
    appends, acked = judgement.history.appends, judgement.stream.acked
    match = appends.match_seq_num[acked]
    for row in acked[(match != NONE) & (match != appends.end[acked])].tolist():
        judgement.findings.add("match-violation", Witness((row,), ("It is.",)), 0)


def _tail_is_the_end(judgement: Judgement) -> None:
    appends, acked = judgement.history.appends, judgement.stream.acked
    for row in acked[appends.tail[acked] != appends.end[acked]].tolist():
        judgement.findings.add("bad-ack", Witness((row,), ("It is.",)), 0)


def _unrefused(parts: list[list[int]], stream: Stream) -> list[list[int]]:
    """Answers in parts without the refusals with which they end."""
    return [rows for rows in parts if stream.history.observed_tail[rows[-1]] == NONE]


STRUCTURE: Final = (
    Mutation("match_seq_num is compared with the end", instead(acknowledgements, "_matches", _match_is_the_end)),
    Mutation("the tail of an acknowledgement is its end", instead(acknowledgements, "_short_tails", _tail_is_the_end)),
    *(without(acknowledgements, name) for name in ("_impossible", "_short_tails", "_overlaps", "_matches", "_updates")),
    *(
        without(records, name)
        for name in (
            "_overwritten",
            "_two_contents",
            "_duplicate",
            "_aborted",
            "_garbage",
            "_torn",
            "_displaced",
            "_conflicting_reads",
            "_misplaced",
        )
    ),
    *(without(reads, name) for name in ("_backward", "_resurrected", "_skips", "_cut_off")),
    *(without(reads, name, []) for name in ("_leading", "_inner", "_missing")),
    *(without(timestamps, name) for name in ("check", "_two", "_fall")),
    *(
        without(tails, name)
        for name in (
            "_seq_num_refusals",
            "_token_unchecked",
            "_token_refusals",
            "_out_of_range",
            "_two_tails",
            "_inside",
            "_holes",
        )
    ),
    without(token_checks, "check"),
    without(sessions, "check"),
    Mutation("an answer may end with a refusal of any tail", around(sessions, "parts_of_answers", _unrefused)),
    without(hashes, "check"),
)
