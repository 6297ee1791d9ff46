"""Certificates of linearizability as files: what is claimed of each stream, written and read back (format 2).

The parts are ``statement.json``, ``order.npy`` and ``second.npy``; docs/certificates.md describes them. The rest of the
program speaks of rows, files of operation ids.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import History, Int64s

from . import log
from .accept import Order
from .columns import Requirements
from .refuted import Refuted

FORMAT: Final = 2
"""The version of the format."""

VALIDITIES: Final = ("invalid", "unknown", "valid")
"""What a stream may be claimed to be, the worst first."""

_SMALL: Final = 2**31


class Damaged(Exception):
    """The certificate is not of the documented form; the text says where."""


@dataclass(frozen=True, slots=True)
class Linearization:
    """An order of the moments of one stream, first to last: the proof that it is valid.

    ``rows`` (int64) are rows of the history. ``second`` (bool) marks the later moment of an operation that has two
    (:class:`~.columns.Requirements`). ``token`` is the first fencing token where the header does not know it; None
    stands for one that the history does not mention. ``latest`` are positions with a timestamp in milliseconds:
    :class:`~.accept.Order`.
    """

    rows: Int64s
    second: NDArray[np.bool_]
    token: str | None = None
    latest: Sequence[tuple[int, int]] = ()

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class NamedViolation:
    """A violation as people are told it, by operation ids; ``edges`` are (source, target, kind)."""

    anomaly: str
    operations: Sequence[int]
    context: Sequence[int] = ()
    position: int | None = None
    edges: Sequence[tuple[int, int, str]] = ()


@dataclass(frozen=True, slots=True)
class OpenHole:
    """Positions ``[start, end)`` that nobody is known to have written, and the rows of appends that may have.

    ``ragged`` says that the last batch may reach beyond the end.
    """

    start: int
    end: int
    candidates: Sequence[int]
    ragged: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed of one stream.

    ``reasons`` say why the stream is unknown, ``nodes`` how many nodes a search had entered when it was given up.
    ``spent`` tells people what a search took.
    """

    stream: str
    validity: str
    order: Linearization | None = None
    violations: Sequence[NamedViolation] = ()
    holes: Sequence[OpenHole] = ()
    nodes: int | None = None
    reasons: Sequence[str] = ()
    spent: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """The claims of all streams, in the order of the header. ``reasons`` for ``unknown`` concern no stream alone."""

    claims: Sequence[Claim]
    reasons: Sequence[str] = ()


def linearization(asked: Requirements, order: Order) -> Linearization:
    """An order as certificates have it."""
    columns, history = asked.asked, asked.history
    token = history.tokens[order.token] if order.token != log.ANOTHER else None
    known = history.header.streams[asked.stream].fencing_token is not None
    rows, second = columns.row[order.moments], columns.number[order.moments] > 0
    return Linearization(rows, second, None if known else token, order.latest)


def claimed_order(asked: Requirements, claimed: Linearization) -> Order:
    """The order that a certificate claims. It has -1 for what is no moment of the stream.

    Raises Refuted if it begins with another token than the header says.
    """
    history = asked.history
    declared = history.header.streams[asked.stream].fencing_token
    if declared is not None and claimed.token not in (None, declared):
        raise Refuted("the order begins with another token than the history")
    token = claimed.token if claimed.token is not None else declared
    first = log.ANOTHER if token is None else log.number(history, token)
    return Order(asked.find(claimed.rows, claimed.second.astype(np.int64)), first, claimed.latest)


# -- writing


def write(history: History, statement: Statement) -> dict[str, bytes]:
    """The parts of a certificate, by file name."""
    orders = [claim.order for claim in statement.claims if claim.order is not None]
    ids = history.id[np.concatenate([np.zeros(0, dtype=np.int64), *(order.rows for order in orders)])]
    second = np.concatenate([np.zeros(0, dtype=np.bool_), *(order.second for order in orders)])
    small = int(ids.max(initial=0)) < _SMALL
    claims, begin = [], 0
    for claim in statement.claims:
        claims.append(_written(history, claim, begin))
        begin += 0 if claim.order is None else len(claim.order)
    told = {"format": FORMAT, "streams": claims, "reasons": list(statement.reasons)}
    return {
        "statement.json": json.dumps(told).encode(),
        "order.npy": _npy(ids.astype(np.int32) if small else ids),
        "second.npy": _npy(np.packbits(second)),
    }


def _written(history: History, claim: Claim, begin: int) -> dict[str, Any]:
    def ids(rows: Iterable[int]) -> list[int]:
        return [int(history.id[row]) for row in rows]

    told: dict[str, Any] = {"stream": claim.stream, "validity": claim.validity}
    if claim.order is not None:
        latest = [[int(position), int(time)] for position, time in claim.order.latest]
        told |= {"moments": [begin, begin + len(claim.order)], "token": claim.order.token, "latest": latest}
    told["violations"] = [
        {
            "anomaly": one.anomaly,
            "operations": list(one.operations),
            "context": list(one.context),
            "position": one.position,
            "edges": [list(edge) for edge in one.edges],
        }
        for one in claim.violations
    ]
    told["holes"] = [
        {"start": hole.start, "end": hole.end, "ragged": hole.ragged, "candidates": ids(hole.candidates)}
        for hole in claim.holes
    ]
    return told | {"nodes": claim.nodes, "reasons": list(claim.reasons), "spent": dict(claim.spent)}


def _npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


# -- reading


def read(history: History, parts: Mapping[str, bytes]) -> Statement:
    """The statement that the parts hold. Raises Damaged where they are not of the documented form."""
    try:
        told = json.loads(parts["statement.json"])
        if told["format"] != FORMAT:
            raise Damaged(
                f"the proof has the format {told['format']}, and this version verifies {FORMAT}; "
                "fencepost check --certificate FILE writes a new one"
            )
        ids, bits = _array(parts, "order.npy"), _array(parts, "second.npy")
        if len(bits) != (len(ids) + 7) // 8:
            raise Damaged(f"there are {len(ids)} moments, and {len(bits)} bytes of marks")
        rows = _Rows(history)
        moments = rows.all(ids), np.unpackbits(bits.astype(np.uint8), count=len(ids)).astype(np.bool_)
        return Statement([_claim(one, rows, *moments) for one in told["streams"]], _texts(told["reasons"]))
    except KeyError as error:
        raise Damaged(f"{error} is missing in the certificate") from error
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise Damaged(f"the certificate is not of the documented form: {error}") from error


def _array(parts: Mapping[str, bytes], name: str) -> NDArray[Any]:
    array = np.lib.format.read_array(io.BytesIO(parts[name]), allow_pickle=False)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise Damaged(f"{name} is no list of integers")
    return array


class _Rows:
    """Rows by operation id. Raises Damaged for ids that the history does not have."""

    def __init__(self, history: History) -> None:
        self._ids = history.id
        self._plain = bool((history.id == np.arange(len(history))).all())
        self._order = None if self._plain else np.argsort(history.id, kind="stable")

    def all(self, ids: NDArray[Any]) -> Int64s:
        if self._order is None:
            wrong = (ids < 0) | (ids >= len(self._ids))
            rows = ids.astype(np.int64)
        else:
            at = np.minimum(np.searchsorted(self._ids, ids, sorter=self._order), len(self._ids) - 1)
            rows = self._order[at]
            wrong = self._ids[rows] != ids
        if wrong.any():
            raise Damaged(
                f"the certificate names operation {int(ids[np.argmax(wrong)])}, which the history does not hold"
            )
        return rows

    def some(self, ids: Any) -> list[int]:
        rows: list[int] = self.all(np.array(_integers(ids), dtype=np.int64)).tolist()
        return rows


def _claim(told: dict[str, Any], rows: _Rows, moments: Int64s, second: NDArray[np.bool_]) -> Claim:
    found = None
    if "moments" in told:
        begin, end = _integers(told["moments"])
        if not 0 <= begin <= end <= len(moments):
            raise Damaged(f"the moments {begin} to {end} are not among the {len(moments)} that there are")
        token, latest = told["token"], [(_integer(at), _integer(time)) for at, time in told["latest"]]
        found = Linearization(moments[begin:end], second[begin:end], None if token is None else _text(token), latest)
    return Claim(
        stream=_text(told["stream"]),
        validity=_validity(told["validity"]),
        order=found,
        violations=[_violation(one, rows) for one in told["violations"]],
        holes=[
            OpenHole(_integer(one["start"]), _integer(one["end"]), rows.some(one["candidates"]), bool(one["ragged"]))
            for one in told["holes"]
        ],
        nodes=None if told["nodes"] is None else _number(told["nodes"]),
        reasons=_texts(told["reasons"]),
        spent=dict(told["spent"]),
    )


def _violation(told: dict[str, Any], rows: _Rows) -> NamedViolation:
    named = NamedViolation(
        anomaly=_text(told["anomaly"]),
        operations=_integers(told["operations"]),
        context=_integers(told["context"]),
        position=None if told["position"] is None else _integer(told["position"]),
        edges=[(_integer(source), _integer(target), _text(kind)) for source, target, kind in told["edges"]],
    )
    rows.some([*named.operations, *named.context, *(op for edge in named.edges for op in edge[:2])])
    return named


def _validity(value: Any) -> str:
    if value not in VALIDITIES:
        raise Damaged(f"{str(value)[:50]!r} is no validity of a stream")
    return str(value)


def _integer(value: Any) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise TypeError(f"{str(value)[:50]!r} is no integer")
    return value


def _number(value: Any) -> int:
    if _integer(value) < 0:
        raise ValueError(f"{value} is negative")
    return int(value)


def _integers(values: Any) -> list[int]:
    if not isinstance(values, list):
        raise TypeError(f"{str(values)[:50]!r} is no list")
    return [_integer(value) for value in values]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:50]!r} is no text")
    return value


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list):
        raise TypeError(f"{str(values)[:50]!r} is no list")
    return [_text(value) for value in values]
