"""Collects violations of one stream: each root once, a few witnesses of each anomaly, and the number of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, TypeVar

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Violation

from ..anomalies import BY_NAME, RANK
from ..chain.stream import Stream
from .roots import Finding, by_root
from .sentences import Witness, led

T = TypeVar("T")

FEW: Final = 5
"""How many witnesses of one anomaly on one stream are told."""

CONSIDERED: Final = 25
"""How many are looked at: some turn out to have the same root as others."""

REMEMBERED: Final = 100_000
"""Of how many more the root is remembered, at least."""


class Findings:
    """The violations found so far. ``since`` is the time (ns) from which the sentences of the next one count."""

    def __init__(self, stream: Stream) -> None:
        self.since = 0
        self._stream = stream
        self._found: dict[str, list[Finding]] = {}
        self._more: dict[str, int] = {}
        self._untold: dict[str, list[int]] = {}

    def few(self, anomaly: str, offenders: Sequence[T], culprits: Iterable[int] = ()) -> Iterator[T]:
        """The first few offenders, for which there is room; the rest are counted.

        ``culprits`` has, if given, a row for each offender: then those of the rest are known as roots too.
        """
        room = max(0, CONSIDERED - len(self._found.get(anomaly, ())))
        yield from offenders[:room]
        if len(offenders) > room:
            rest = list(islice(culprits, room, room + REMEMBERED))
            self._untold.setdefault(anomaly, []).extend(int(self._stream.history.id[row]) for row in rest)
            self._more[anomaly] = self._more.get(anomaly, 0) + len(offenders) - room - len(rest)

    def add(self, anomaly: str, witness: Witness, position: int | None = None, count: int = 1) -> None:
        """A violation. ``count`` is the number of occurrences of one root that it stands for."""
        ids = self._stream.history.id
        culprit = witness.rows[-1] if witness.culprit == NONE else witness.culprit
        violation = Violation(
            anomaly=anomaly,
            stream=self._stream.name,
            promise=BY_NAME[anomaly].promise,
            operations=tuple(int(ids[row]) for row in witness.rows),
            edges=witness.edges,
            sentences=(led(BY_NAME[anomaly].lead, witness.sentences[0]), *witness.sentences[1:]),
            context=tuple(int(ids[row]) for row in witness.context if row not in witness.rows),
            position=position,
            count=count,
            since=self.since,
            accused=self._whole(witness.accused or (culprit,)),
        )
        suspects = frozenset(int(ids[row]) for row in (culprit, *witness.suspects))
        self._found.setdefault(anomaly, []).append(Finding(violation, suspects))

    def _whole(self, rows: Iterable[int]) -> tuple[int, ...]:
        """The ids of some rows; of the part of an answer, that of the read."""
        history = self._stream.history
        whole = (row if history.part_of[row] == NONE else int(history.part_of[row]) for row in rows)
        return tuple(dict.fromkeys(int(history.id[row]) for row in whole))

    @property
    def accused(self) -> set[int]:
        """The ids of the operations whose answers are wrong by what was found."""
        told = {op for found in self._found.values() for one in found for op in one.violation.accused}
        return told.union(*self._untold.values())

    @property
    def any(self) -> bool:
        """Is there a violation?"""
        return bool(self._found)

    def clear(self) -> None:
        """Forget all of them."""
        self._found.clear()
        self._more.clear()
        self._untold.clear()

    def suppose(self, premise: str, because: Sequence[int]) -> None:
        """Every violation found rests on this sentence, for which the operations ``because`` (ids) are the reason."""
        for found in self._found.values():
            for at, finding in enumerate(found):
                violation = finding.violation
                more = dict.fromkeys((*violation.context, *because))
                context = tuple(op for op in more if op not in violation.operations)
                supposed = replace(violation, sentences=(*violation.sentences, premise), context=context)
                found[at] = replace(finding, violation=supposed)

    def violations(self) -> tuple[Violation, ...]:
        """All, the most specific anomaly first; the last of an anomaly also counts those not told."""
        return tuple(replace(violation, count=violation.count + more) for violation, more in self.counted())

    def counted(self) -> list[tuple[Violation, int]]:
        """All violations that are told, the most specific anomaly first, and for how many others each also stands."""
        ranked: list[Finding] = []
        for anomaly in sorted(self._found, key=RANK.__getitem__):
            ranked += self._found[anomaly]
            last = self._found[anomaly][-1]
            ranked += [replace(last, suspects=frozenset((op,)), told=False) for op in self._untold.get(anomaly, ())]
        told: dict[str, list[Violation]] = {}
        roots, more = by_root(ranked)
        for anomaly, number in self._more.items():
            more[anomaly] = more.get(anomaly, 0) + number
        for violation in roots:
            same = told.setdefault(violation.anomaly, [])
            if len(same) < FEW:
                same.append(violation)
            else:
                more[violation.anomaly] = more.get(violation.anomaly, 0) + violation.count
        beside: dict[str, int] = {}
        for anomaly, number in more.items():
            host = anomaly
            if number and anomaly not in told:
                # All that were looked at had other roots; so, most likely, have these.
                host = next(name for name, same in told.items() if any(anomaly in one.also for one in same))
            beside[host] = beside.get(host, 0) + number
        return [
            (violation, beside.get(anomaly, 0) if violation is same[-1] else 0)
            for anomaly, same in told.items()
            for violation in same
        ]
