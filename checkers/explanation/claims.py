"""What explanations claim of a history: each kind of claim once, in its words.

A sentence is made of claims and of the conjunctions between them, and of nothing else. In the words of a claim ``{0}``
is its first operation, and ``{0:…}`` something that this operation asked for or was answered (:mod:`.sentences` lists
what). A name in braces is a value that the claim gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Any


@unique
class Claims(Enum):
    """The kinds of claims. Calling one makes a claim of operations (rows) and values."""

    # -- what operations asked, and were answered

    RAN = "{0} of process {0:process} ({0:request}) ran from {0:invoked} to {0:ended}: {0:answer}"
    NEVER_RETURNED = "{0} of process {0:process} ({0:request}) was invoked at {0:invoked} and never returned"
    CAME_IN_PART = "{0} of {1} ({0:request}) came between {0:invoked} and {0:ended}: {0:answer}"
    FAILED = "{0:who} failed for certain"
    TOOK_EFFECT = "{0:who} took effect"
    TOOK_EFFECT_AT = "{0:who} took effect at {places}"
    ACKNOWLEDGED = "{0:who} was acknowledged at {0:ack}"
    WITH_TAIL = "with the tail {tail}, which is below its end"
    BOTH_ACKNOWLEDGED = "{0:who} and {1:who} were both acknowledged at {places}: a position holds one record"
    BOTH_ACCEPTED = "{0:who} and {1:who} were both accepted: the tail is {match} for one of them only"
    ASKED_FOR = "it asked for {0:match}"
    SENT = "it sent {0:sent}"
    REFUSED_TOKEN = "{0:who} was refused with the token {0:told}"
    TOLD_TOKEN = "{0} was refused with the token {0:told}"
    REFUSED_TAIL = "{0:who} was refused for its match_seq_num, with the tail {0:tail}"
    REFUSED = "{0:who} was refused for a condition"
    OUT_OF_RANGE = "{0} was refused as out of range, with the tail {0:tail}"
    GAVE_THAT_TOKEN = "it gave that very token"
    GAVE_THAT_TAIL = "it gave that very match_seq_num"
    GAVE_NO_TOKEN = "it gave no token"
    GAVE_NO_MATCH = "it gave no match_seq_num"
    GAVE_NOTHING = "it gave no condition"
    ALL_HELD = "all that it asked for held"

    # -- one before another

    BEFORE = "{0:id} < {1:id}"
    RETURNED_BEFORE = "{0} returned at {0:ended}, before {1} was invoked at {1:invoked}"
    SAME_PROCESS = "process {0:process} did {0} first, then {1}"
    SAME_SESSION = "{0} comes before {1} in their session"
    SAME_ANSWER = "{0} comes before {1} in the same answer"
    STANDS_BEFORE = "{0} at {places} comes before {1} at {others} in the stream"
    FAILED_BEFORE = "{0} had failed before it in their session"
    UNAPPLIED_BEFORE = "{0} comes before it in their session and cannot have been applied"

    # -- how far the stream had got

    WROTE = "{0} wrote {places}"
    STANDS = "{0} stands at {places}"
    SAW_TAIL = "{0} saw the tail {tail}"
    SAW_UP_TO = "{0} saw the stream up to {tail}"
    SAW_NO_FURTHER = "{0} saw the stream no further than {tail}"
    TOOK_PLACE = "{0} took place at a tail of {tail} or more"
    FIRST_TAIL = "the history begins at the tail {tail}"
    NOT_THERE = "the stream did not end there while it ran"
    UNREACHED = "the appends that may have taken effect by then do not add up to the tail {tail}"
    INSIDE = "which is inside the batch of {0} at {places}"
    INSIDE_SOME = "which is inside the batch of {0}"

    # -- tokens

    IN_FORCE = "the token in force there was {token}"
    SET = "which {0} set by its fence at {position}"
    SET_FIRST = "with which the stream began"
    REPLACED = "which {0} replaced by its fence at {position}"
    NEEDS = "{0} needs the token {0:given}"
    TOKEN_FIRST = "its token should have been refused first"
    NOT_IN_FORCE = "that token was not in force while it ran"
    NEVER_SET = "no append ever put that token in force"

    # -- what stands where

    RETURNED = "{0} returned a record (digest {digest}) at position {position}"
    RETURNED_OF = "{0} returned record {index} of {1} (digest {digest}) at position {position}"
    RETURNED_ANOTHER = "{0} returned another record at position {position}, not record {index} of {1} (digest {digest})"
    RETURNED_IT = "{0} returned it at position {position}"
    SENT_TIMES = "record {index} of {0} (digest {digest}) was sent {times}"
    NOBODY_SENT = "nobody sent it to this stream"
    SENT_ELSEWHERE = "{0:who} sent it to the stream {0:stream}"
    NO_ROOM = "{0} cannot stand at {places}"
    HASH_OF_FAILED = "by the hash that {0} returned, the records of {1} stand at {places}"
    OTHER_HASH = "{0} returned a hash of the {tail:,} records below its tail"
    OTHER_RECORDS = "by all other answers other records stand there"
    STAMPED = "position {position} has the timestamp {timestamp} by {0}"

    # -- what is missing

    LEFT_OUT = "{0} left out {places}"
    LEFT_OUT_WHERE = "{0} left out {places} {where} the stream"
    FOUND_END = "{0} found the stream to end at {tail}"
    LOST_FROM_THERE = "no later read got further, so {batches} are missing at the end of the stream"
    NO_TRIM = "no trim that may have been in force reaches there"
    TRIMMED_LATER = "no trim that reaches there can have been in force yet"
    FOUND_GONE = "{0} found position {position} gone"
    FOUND_SOME_GONE = "{0} found a record gone"
    RETURNED_SOME = "{0} returned it again"
    FOUND_STREAM = "{0} found the stream"
    WAS_TOLD = "{0} was told {0:code}"
    TOLD_IN_ALL = "{answers:,} answers in all say so"
    NOT_DELETED = "no operation deleted it"

    # -- what a read asked for

    TOO_MANY = "{0} returned more records than it was asked for"
    TOO_LARGE = "{0} returned more bytes than it was asked for"
    TOO_LATE = "{0} returned a record from {0:until} or later, the time at which it was to end"
    FOUND_NOTHING = "{0} found nothing to read"
    ASKED_SINCE = "{0} asked for what is there from {0:since} on"
    ANSWERED = "{0} was answered"
    NOTHING_AT = "nothing was to be read at its start, {position}: a 416 was due"
    NOTHING_AT_TAIL = "it started at the tail and was not to wait: a 416 was due"
    STOPPED = "{0} stopped before position {position}"
    NO_BOUND = "records follow and none of its bounds was reached"
    SOMETHING_TO_READ = "there was something to read"
    WAS_TO_WAIT = "it was to wait for records"
    BEGAN_LATE = "{0} began with position {position}, which is after its start"
    AGAIN = "{0} returned position {position} again"
    WENT_BACK = "{0} returned position {position} after position {before}"
    BEFORE_START = "{0} returned position {position}, which is before its start"
    BEFORE_TIME = "{0} returned position {position}, which is from before the time that it asked for, {0:since}"
    TOLD_TAIL = "{0} told the tail {tail}"
    RETURNED_BEYOND = "it returned what stands there or beyond"
    GOT_FURTHER = "another part of the same answer had got further"

    # -- what a search tried

    TRIED = "every order of these operations was tried, and none explains all answers"
    SEARCHED = "every order of these operations was tried ({states}), and none explains all answers"
    NO_PLACE = "no order that was tried has a place for {0}"
    ENDS_BEFORE = "the order that got furthest ends before {0}"
    NAMES_TAIL = "which names the tail {tail}"
    REFUSED_AT = "at {tails} it {rule}"
    RIGHT_AT = "at {tails} it is right"
    LEFT_BEHIND = "after it {0}, which names the tail {tail}, has no place left"
    ABSENT_AFTER = "after it {0}, which found no stream, has no place left"
    NO_WAY_ON = "no order goes on from there"
    COMES_FIRST = "the stream cannot leave that tail before it, but {0} has to come first"
    NONE_GOES_ON = "none that was tried goes on from the tail {tail} to {needs}"

    # -- of the explanation itself

    KERNEL = "{why}"
    ALIKE = "this stands for {count:,} more of its kind on this stream"
    ELIDED = "… {count:,} more of the same …"

    def __call__(self, *rows: int, **values: Any) -> Claimed:
        """Claim it of these operations."""
        return Claimed(self, rows, values)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim of some operations (rows), with its values by name. ``words`` is one of :class:`Claims`, or another's."""

    words: Enum
    rows: tuple[int, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


Said = tuple[Claimed | str, ...]
"""A sentence: claims, and the conjunctions between them."""
