"""The lines of s2-porcupine's format, typed."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

LARGEST: Final = 2**64 - 1
"""The largest position, hash or number of records."""

Unsigned: TypeAlias = Annotated[int, Meta(ge=0)]
"""From 0 to :data:`LARGEST`; the upper bound is for the reader to hold."""

Id: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Tells an operation."""

ClientId: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""Tells a client; one whose operation ended indefinitely goes on under another. 0 is the collector itself."""


class Arguments(Struct, frozen=True, gc=False):
    """The arguments of an append. ``set_fencing_token`` is the token of a fence command in the batch.

    ``record_hashes`` has the XXH3-64 of each record's body.
    """

    num_records: Unsigned
    record_hashes: list[Unsigned]
    set_fencing_token: str | None = None
    fencing_token: str | None = None
    match_seq_num: Unsigned | None = None


class Append(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The start of an append."""

    arguments: Arguments = field(name="Append")


class AtTail(Struct, frozen=True, gc=False):
    """An append succeeded and ends at ``tail``, or a check-tail answered ``tail``."""

    tail: Unsigned


class Whole(Struct, frozen=True, gc=False):
    """A read of the whole stream: its tail, and the fold of all record hashes (:mod:`..chain_hash`)."""

    tail: Unsigned
    stream_hash: Unsigned


class Success(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The finish of an operation that succeeded: exactly one of these."""

    append: AtTail | UnsetType = field(name="AppendSuccess", default=UNSET)
    read: Whole | UnsetType = field(name="ReadSuccess", default=UNSET)
    check_tail: AtTail | UnsetType = field(name="CheckTailSuccess", default=UNSET)


Asked: TypeAlias = Literal["Read", "CheckTail"]
Failure: TypeAlias = Literal["AppendDefiniteFailure", "AppendIndefiniteFailure", "ReadFailure", "CheckTailFailure"]


class Event(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The start or the finish of an operation: exactly one of both."""

    start: Append | Asked | UnsetType = field(name="Start", default=UNSET)
    finish: Success | Failure | UnsetType = field(name="Finish", default=UNSET)


class Line(Struct, frozen=True, gc=False):
    """One line."""

    event: Event
    client_id: ClientId
    op_id: Id
