"""Collects violations of one stream: a few witnesses of each anomaly, and the number of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from fencepost.harness.verdict import Violation

from ..anomalies import BY_NAME, RANK
from ..chain.stream import Stream
from .sentences import Witness

T = TypeVar("T")

FEW: Final = 5
"""How many witnesses of one anomaly on one stream are told."""


class Findings:
    """The violations found so far."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._found: dict[str, list[Violation]] = {}
        self._more: dict[str, int] = {}

    def few(self, anomaly: str, offenders: Sequence[T]) -> Iterator[T]:
        """The first few offenders, for which there is room; the rest are counted."""
        room = max(0, FEW - len(self._found.get(anomaly, ())))
        yield from offenders[:room]
        if len(offenders) > room:
            self._more[anomaly] = self._more.get(anomaly, 0) + len(offenders) - room

    def add(self, anomaly: str, witness: Witness, position: int | None = None, count: int = 1) -> None:
        """A violation. ``count`` is the number of occurrences of one root that it stands for."""
        ids = self._stream.history.id
        self._found.setdefault(anomaly, []).append(
            Violation(
                anomaly=anomaly,
                stream=self._stream.name,
                promise=BY_NAME[anomaly].promise,
                operations=tuple(int(ids[row]) for row in witness.rows),
                edges=witness.edges,
                sentences=witness.sentences,
                context=tuple(int(ids[row]) for row in witness.context if row not in witness.rows),
                position=position,
                count=count,
            )
        )

    @property
    def any(self) -> bool:
        """Is there a violation?"""
        return bool(self._found)

    def clear(self) -> None:
        """Forget all of them."""
        self._found.clear()
        self._more.clear()

    def suppose(self, premise: str, because: Sequence[int]) -> None:
        """Every violation found rests on this sentence, for which the operations ``because`` (ids) are the reason."""
        for found in self._found.values():
            for at, violation in enumerate(found):
                more = dict.fromkeys((*violation.context, *because))
                context = tuple(op for op in more if op not in violation.operations)
                found[at] = replace(violation, sentences=(*violation.sentences, premise), context=context)

    def violations(self) -> tuple[Violation, ...]:
        """All, the most specific anomaly first; the last of an anomaly also stands for those not told."""
        told: list[Violation] = []
        for anomaly in sorted(self._found, key=RANK.__getitem__):
            *others, last = self._found[anomaly]
            more = self._more.get(anomaly, 0)
            if more:
                last = _standing_for(last, more)
            told += [*others, last]
        return tuple(told)


def _standing_for(violation: Violation, more: int) -> Violation:
    note = f"{more:,} more {'violation' if more == 1 else 'violations'} of this kind on this stream are not told."
    return replace(violation, sentences=(*violation.sentences, note), count=violation.count + more)
