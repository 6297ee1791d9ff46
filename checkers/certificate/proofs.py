"""What a judgement leaves behind as proof, one a stream, and how it is written.

The parts of a certificate are ``statement.json`` (what is claimed of each stream), ``order.npy`` (operation ids) and
``second.npy`` (bits); where a search tried everything, ``parent.npy``, ``applied.npy`` and ``same.npy`` as well: see
docs/certificates.md.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, History, Int64s
from fencepost.harness.verdict import Validity, Violation

from .order import Order

FORMAT: Final = 1
"""The version of the format."""

_SMALL: Final = 2**31


@dataclass(frozen=True, slots=True)
class Opening:
    """A hole that is left open: nobody knows who wrote the positions ``[start, end)``.

    ``candidates`` are rows of appends that may have. ``ragged`` tells that the last batch may reach beyond the end.
    """

    start: int
    end: int
    candidates: tuple[int, ...]
    ragged: bool = False


@dataclass(frozen=True, slots=True)
class Supposition:
    """What is supposed from a node of a log on.

    ``token`` is the first one, None for any that the history does not mention. ``applied`` tells, by the row of the
    refusal of a session, how many of the batches of unknown outcome before it were applied.
    """

    node: int
    token: str | None
    applied: dict[int, int]


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """The log of a search that tried everything (:mod:`fencepost.checkers.search.log`).

    Of each node its ``parent``, the row ``applied``, and the node that it is the ``same`` as; NONE where there is none.
    Where an answer in parts began there, ``applied`` is its first part's row; where it did not, that row ``declined``.
    """

    supposed: Sequence[Supposition]
    parent: Int64s
    applied: Int64s
    same: Int64s


def declined(row: int) -> int:
    """How a log says of a row (or an id) that its answer did not begin at a node; of that, it gives the row back."""
    return -2 - row


@dataclass(frozen=True, slots=True)
class Proof:
    """What is claimed of one stream: an order if it is valid, violations if invalid, what is open if unknown.

    ``reasons`` say why it is unknown; ``spent`` is what a search had used up of its budget by then, JSON-ready.
    ``exhaustion`` is its log, where it tried everything.
    """

    stream: str
    validity: Validity
    order: Order | None = None
    violations: Sequence[Violation] = ()
    openings: Sequence[Opening] = ()
    reasons: Sequence[str] = ()
    spent: dict[str, Any] = field(default_factory=dict)
    exhaustion: Exhaustion | None = None


class Deferred:
    """A proof that is made when it is asked for, or when it goes to another process."""

    def __init__(self, make: Callable[[], Proof]) -> None:
        self._make = make

    def __call__(self) -> Proof:
        """The proof."""
        return self._make()

    def __reduce__(self) -> tuple[type[Deferred], tuple[Callable[[], Proof]]]:
        return Deferred, (partial(_same, self._make()),)


def _same(proof: Proof) -> Proof:
    return proof


@dataclass(frozen=True, slots=True)
class LinearizabilityCertificate:
    """The proofs of all streams, each made when it is asked for.

    ``reasons`` are those that concern no stream alone.
    """

    history: History
    proofs: Sequence[Callable[[], Proof]]
    reasons: Sequence[str] = ()

    def parts(self) -> dict[str, bytes]:
        """See :class:`~fencepost.harness.verdict.Certificate`."""
        proofs = [proof() for proof in self.proofs]
        orders = [proof.order for proof in proofs if proof.order is not None]
        ids = self.history.id[_joined([order.rows for order in orders], np.int64)]
        small = not len(ids) or int(ids.max()) < _SMALL
        second = np.packbits(_joined([order.second for order in orders], np.bool_))
        return {
            "statement.json": msgspec.json.encode(self._statement(proofs)),
            "order.npy": _npy(ids.astype(np.int32) if small else ids),
            "second.npy": _npy(second),
            **self._logs([proof.exhaustion for proof in proofs if proof.exhaustion is not None]),
        }

    def _logs(self, logs: list[Exhaustion]) -> dict[str, bytes]:
        """The nodes of all searches, one after another; nothing where there was none."""
        if not logs:
            return {}
        rows = np.concatenate([log.applied for log in logs])
        ids, here = np.append(self.history.id, NONE), rows >= NONE
        columns = {
            "parent": np.concatenate([log.parent for log in logs]),
            "applied": np.where(here, ids[np.where(here, rows, NONE)], -2 - ids[np.where(here, NONE, -2 - rows)]),
            "same": np.concatenate([log.same for log in logs]),
        }
        small = all(int(np.abs(column).max(initial=0)) < _SMALL for column in columns.values())
        return {f"{name}.npy": _npy(column.astype(np.int32) if small else column) for name, column in columns.items()}

    def _statement(self, proofs: Iterable[Proof]) -> dict[str, Any]:
        streams, begin, nodes = [], 0, 0
        for proof in proofs:
            told: dict[str, Any] = {"stream": proof.stream, "validity": proof.validity}
            if proof.order is not None:
                end = begin + len(proof.order)
                told |= {"moments": [begin, end], "token": proof.order.token}
                begin = end
            told["violations"] = [_violation(violation) for violation in proof.violations]
            told["holes"] = [self._hole(opening) for opening in proof.openings]
            told |= {"reasons": list(proof.reasons), "spent": proof.spent}
            if proof.exhaustion is not None:
                told["search"] = self._search(proof.exhaustion, nodes)
                nodes += len(proof.exhaustion.parent)
            streams.append(told)
        return {"format": FORMAT, "streams": streams, "reasons": list(self.reasons)}

    def _search(self, log: Exhaustion, begin: int) -> dict[str, Any]:
        supposed = [
            {
                "node": one.node,
                "token": one.token,
                "applied": [[int(self.history.id[row]), number] for row, number in one.applied.items()],
            }
            for one in log.supposed
        ]
        return {"nodes": [begin, begin + len(log.parent)], "supposed": supposed}

    def _hole(self, opening: Opening) -> dict[str, Any]:
        candidates = [int(self.history.id[row]) for row in opening.candidates]
        return {"start": opening.start, "end": opening.end, "ragged": opening.ragged, "candidates": candidates}


def _violation(violation: Violation) -> dict[str, Any]:
    return {
        "anomaly": violation.anomaly,
        "operations": violation.operations,
        "context": violation.context,
        "position": violation.position,
        "edges": [[edge.source, edge.target, edge.kind] for edge in violation.edges],
    }


def _joined(arrays: list[Any], dtype: Any) -> NDArray[Any] | Int64s:
    return np.concatenate([np.zeros(0, dtype=dtype), *arrays])


def _npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()
