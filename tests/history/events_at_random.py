"""Journals at random: every kind of event, sessions, answers in parts, whole reads, equal instants, faults, remarks."""

from __future__ import annotations

from dataclasses import fields
from random import Random
from typing import Any

import numpy as np

from fencepost.harness.history import events
from fencepost.harness.history.builder import Builder
from fencepost.harness.history.history import NONE, Appends, History, Reads

STREAMS = ("s", "über/zwei")
_BODIES: tuple[tuple[int, dict[str, Any]], ...] = (
    (412, {"seq_num_mismatch": 7}),
    (412, {"fencing_token_mismatch": "é"}),
    (412, {}),
    (416, {"tail": {"seq_num": 3, "timestamp": 5}}),
    (429, {}),
)


def header(random: Random) -> events.Header:
    """Two streams, in some state."""
    return events.Header(
        schema=events.SCHEMA,
        version="0",
        workload="w",
        seed=random.randrange(2**62),
        started="2026-01-01T00:00:00+00:00",
        streams=[events.StreamState(STREAMS[0]), events.StreamState(STREAMS[1], 5, random.choice((None, "", "a")))],
        target={"kind": "none", "more": [1, {"a": None}]},
        options={"ops": 3},
        exercises={"appends": 3},
        unique_records=random.random() < 0.5,
        untold=random.choice(([], ["timestamps"])),
        others_may_delete=random.random() < 0.5,
        retention_ms=random.choice((None, 1, 604_800_000)),
    )


class _Maker:
    """Makes the events of one history. Numbers are mostly small, so that they meet."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.time = 0
        self.next = 0
        self.processes = 0
        self.told: list[events.Event] = []
        self.open: list[tuple[events.Invoked, int]] = []
        self.idle: list[int] = []

    def number(self) -> int:
        return self.random.choice((0, 1, 2, 5, 9, 2**40, 2**62))

    def maybe(self, value: Any) -> Any:
        return value if self.random.random() < 0.4 else None

    def op(self) -> int:
        self.next += self.random.choice((1, 1, 3))
        return self.next

    def position(self) -> events.Pair:
        return self.number(), self.random.choice((None, self.number()))

    def commands(self, number: int) -> dict[str, Any]:
        at = [i for i in range(number) if self.random.random() < 0.3]
        fences = {i: self.random.choice(("", "a", "é\n")) for i in at[::2]}
        return {"fences": fences or None, "trims": {i: self.number() for i in at[1::2]} or None}

    def records(self, answered: bool) -> dict[str, Any]:
        number = self.random.randrange(4)
        kept: dict[str, Any] = {
            "digests": [self.random.choice((0, 1, 2**64 - 1, self.random.randrange(2**64))) for _ in range(number)],
            "sizes": [self.random.choice((0, 8, 2**31 - 1)) for _ in range(number)],
            **self.commands(number),
        }
        if answered:
            kept["seq_nums"] = [self.number() for _ in range(number)]
            kept["timestamps"] = [self.number() for _ in range(number)]
            contents = {i: events.Content([("YQ==", "")], "Yg==") for i in range(number) if self.random.random() < 0.2}
            kept |= {"contents": contents or None, "tail": self.maybe((self.number(), None))}
        return kept

    def invoke(self) -> None:
        random = self.random
        pipelined = random.random() < 0.3
        if self.idle and not pipelined and random.random() < 0.7:
            process = self.idle.pop(random.randrange(len(self.idle)))
        else:
            self.processes += 1
            process = self.processes
        common: dict[str, Any] = {
            "op": self.op(),
            "time": self.time,
            "process": process,
            "stream": random.choice(STREAMS),
            "thread": self.maybe(random.randrange(3)),
            "purpose": random.choice(("", "zombie")),
            "intended": self.maybe(self.number()),
        }
        kind = random.randrange(3)
        session = random.randrange(3) if pipelined else None
        event: events.Invoked
        if kind == 0:
            event = events.CheckTailInvoked(**common)
        elif kind == 1:
            bounds = ("seq_num", "timestamp", "tail_offset", "count", "bytes", "until", "wait")
            given = {name: self.maybe(self.number()) for name in bounds}
            event = events.ReadInvoked(**common, **given, clamp=random.random() < 0.5, session=session)
        else:
            records = self.records(answered=False)
            stamps = self.maybe([self.maybe(self.number()) for _ in records["digests"]])
            conditions = {"match_seq_num": self.maybe(self.number()), "fencing_token": self.maybe(random.choice("ab"))}
            event = events.AppendInvoked(**common, **records, **conditions, timestamps=stamps, session=session)
        self.told.append(event)
        self.open.append((event, process))

    def answer(self) -> None:
        random = self.random
        place = random.randrange(len(self.open))
        event, process = self.open[place]
        op, time = event.op, self.time
        if isinstance(event, events.ReadInvoked) and random.random() < 0.4:
            self.told.append(events.Frame(op=self.op(), of=op, time=time, **self.records(answered=True)))
            return
        del self.open[place]
        ending = random.random()
        if ending < 0.1:
            self.told.append(events.Indefinite(op, time, random.choice(("timed out", "")), self.maybe(503)))
            return
        self.idle.append(process)
        if ending < 0.3:
            status, body = random.choice(_BODIES)
            self.told.append(events.Failed(op, time, random.choice(("a", "b")), status, body))
        elif isinstance(event, events.AppendInvoked):
            self.told.append(events.Acked(op, time, self.position(), self.position(), self.position()))
        elif isinstance(event, events.CheckTailInvoked):
            self.told.append(events.TailRead(op, time, self.position()))
        elif event.stream == STREAMS[0] and random.random() < 0.3:
            self.told.append(events.WholeRead(op, time, self.position(), random.randrange(2**64)))
        else:
            self.told.append(events.BatchRead(op=op, time=time, **self.records(answered=True)))


def random_events(random: Random, steps: int = 25) -> list[events.Event]:
    """The events of a journal that the reader takes; what they say of a stream need make no sense."""
    maker = _Maker(random)
    for _ in range(random.randrange(steps)):
        maker.time += random.choice((0, 0, 1, 7))
        choice = random.random()
        if choice < 0.1:
            maker.told.append(events.Fault(maker.time, "kill", random.choice(("start", "heal")), "…"))
        elif choice < 0.2:
            maker.told.append(events.Remark(maker.time, "phase", "…"))
        elif choice < 0.6 and maker.open:
            maker.answer()
        else:
            maker.invoke()
    if random.random() < 0.7:
        maker.told.append(events.End(maker.time))
    return maker.told


def random_history(random: Random, steps: int = 25) -> History:
    """The history of such events."""
    builder = Builder(header(random))
    for event in random_events(random, steps):
        builder.add(event)
    return builder.build()


def plain(history: History) -> dict[str, Any]:
    """All that a history holds, as values that can be compared: tokens, codes and purposes instead of their indices."""
    values = {field.name: getattr(history, field.name) for field in fields(History)}
    for part in (Appends, Reads):
        owner = values.pop(part.__name__.lower())
        values |= {f"{part.__name__.lower()}.{field.name}": getattr(owner, field.name) for field in fields(part)}
    names: dict[str, list[str]] = {name: values.pop(name) for name in ("tokens", "codes", "purposes")}
    interned = {
        "code": "codes",
        "purpose": "purposes",
        "token_mismatch": "tokens",
        "appends.token": "tokens",
        "appends.last_fence": "tokens",
    }
    for name, of in interned.items():
        values[name] = [None if index == NONE else names[of][index] for index in values[name].tolist()]
    for name in ("appends.fences", "reads.fences"):
        values[name] = {
            row: {index: names["tokens"][token] for index, token in fences.items()}
            for row, fences in values[name].items()
        }
    return {
        name: (value.dtype, value.tolist()) if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }
