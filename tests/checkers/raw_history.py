"""A history as its journal's lines say it, without any of the code that reads or judges histories."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

ENDS: Final = ("ack", "batch", "whole", "tail", "failure", "indefinite")
INVOCATIONS: Final = ("append", "read", "check-tail")


@dataclass(slots=True)
class RawOp:
    """An operation, or a part of an answer (a frame): the events that began and ended it.

    ``whole`` is the id of the read that a part belongs to. ``parts`` are those of a read.
    """

    id: int
    place: int
    asked: dict[str, Any]
    answer: dict[str, Any] = field(default_factory=dict)
    whole: int | None = None
    parts: list[RawOp] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Its kind, as names of operations begin."""
        return "part" if self.whole is not None else str(self.asked["type"])

    @property
    def process(self) -> int:
        """Who invoked it."""
        return int(self.asked["process"])

    @property
    def invoked(self) -> int:
        """When it was, ns; of a part, when its read was."""
        return int(self.asked["time"])

    @property
    def ended(self) -> float:
        """When its client had an answer or gave up, ns."""
        return float(self.answer.get("time", inf))

    @property
    def returned(self) -> float:
        """The same, but infinite if nobody knows whether it took effect."""
        return inf if self.answer.get("type") == "indefinite" else self.ended

    @property
    def failed(self) -> bool:
        """Whether it failed for certain."""
        return self.answer.get("type") == "failure"

    @property
    def sent(self) -> list[int]:
        """The digests of the records of an append."""
        return list(self.asked.get("digests", ()))

    @property
    def ack(self) -> tuple[int, int, int] | None:
        """Start, end and tail."""
        if self.answer.get("type") != "ack":
            return None
        return self.answer["start"][0], self.answer["end"][0], self.answer["tail"][0]

    @property
    def seen(self) -> list[tuple[int, int, int]]:
        """What it returned: position, timestamp and digest of each record."""
        if self.answer.get("type") not in ("batch", "frame"):
            return []
        columns = (self.answer[name] for name in ("seq_nums", "timestamps", "digests"))
        return list(zip(*columns, strict=True))

    @property
    def body(self) -> dict[str, Any]:
        """What a refusal says of the stream."""
        return dict(self.answer.get("body", {})) if self.failed else {}

    @property
    def tails(self) -> list[tuple[int, int | None]]:
        """Every tail that its answer told, with the timestamp of the record before it."""
        told = [self.answer.get("tail"), self.body.get("tail")]
        found = [tuple(one.values()) if isinstance(one, dict) else tuple(one) for one in told if one is not None]
        return [*found, *([(self.body["seq_num_mismatch"], None)] if "seq_num_mismatch" in self.body else [])]

    @property
    def reports(self) -> set[tuple[int, int | None]]:
        """The positions of which its answer tells the timestamp."""
        found: set[tuple[int, int | None]] = {(position, timestamp) for position, timestamp, _ in self.seen}
        found |= {(tail - 1, timestamp) for tail, timestamp in self.tails}
        if self.ack:
            (start, first), (end, last) = self.answer["start"], self.answer["end"]
            found |= {(start, first), (end - 1, last)}
        return found

    @property
    def fences(self) -> dict[int, str]:
        """The tokens that its records set, by their index."""
        return {int(index): token for index, token in self.asked.get("fences", {}).items()}

    @property
    def trims(self) -> dict[int, int]:
        """The positions to which its records trim, by their index."""
        return {int(index): to for index, to in self.asked.get("trims", {}).items()}


class RawHistory:
    """The operations of a journal by their ids, and the beginning of its streams."""

    def __init__(self, journal: bytes) -> None:
        header, *lines = map(json.loads, journal.splitlines())
        self.lines = bool(header.get("times_are_lines"))
        self.streams = {stream["name"]: stream for stream in header["streams"]}
        self.ops: dict[int, RawOp] = {}
        for event in lines:
            if event["type"] in INVOCATIONS:
                self.ops[event["op"]] = RawOp(event["op"], len(self.ops), event)
            elif event["type"] == "frame":
                read = self.ops[event["of"]]
                part = RawOp(event["op"], len(self.ops), read.asked, event, read.id)
                read.parts.append(part)
                self.ops[part.id] = part
            elif event["type"] in ENDS:
                self.ops[event["op"]].answer = event

    def of(self, stream: str) -> Iterator[RawOp]:
        """The operations of a stream."""
        return (op for op in self.ops.values() if op.asked["stream"] == stream)
