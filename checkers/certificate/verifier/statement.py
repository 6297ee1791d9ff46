"""Reads the parts of a certificate back: what is claimed of each stream."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, History, Int64s

from .log import ABSENT

FORMAT: Final = 1
"""The format that is read."""


class Damaged(Exception):
    """The certificate is not of the documented form; the text says where."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A violation that is told: ``operations`` and ``context`` are rows, ``edges`` (source, target, kind)."""

    anomaly: str
    operations: list[int]
    context: list[int]
    position: int | None
    edges: list[tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class OpenHole:
    """Positions ``[start, end)`` that nobody is known to have written, and rows of appends that may have."""

    start: int
    end: int
    ragged: bool
    candidates: list[int]


@dataclass(frozen=True, slots=True)
class Supposed:
    """What is supposed from ``node`` of a log on.

    ``token`` is the first one, an index into the history's tokens, ABSENT for one that it does not mention. ``applied``
    tells, by the row of the refusal of a session, how many of the batches of unknown outcome before it were applied.
    """

    node: int
    token: int
    applied: dict[int, int]


@dataclass(frozen=True, slots=True)
class Logged:
    """The log of a search. Of each node its ``parent``, the row ``applied`` and an earlier node that is the ``same``.

    NONE where there is none. Of an answer in parts that began there ``applied`` is the first part; −2 less its row
    where it is said that it did not.
    """

    supposed: list[Supposed]
    parent: list[int]
    applied: list[int]
    same: list[int]


@dataclass(frozen=True, slots=True)
class Stated:
    """What is claimed of one stream. ``order`` (rows) and ``second`` are None where no order is given.

    ``exhausted`` tells that a search tried everything, ``log`` is how, if that was kept.
    """

    stream: str
    validity: str
    order: Int64s | None
    second: NDArray[np.bool_] | None
    token: str | None
    claims: list[Claim]
    holes: list[OpenHole]
    reasons: list[str]
    exhausted: bool
    log: Logged | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """The whole: one a stream, and reasons that concern none alone."""

    streams: list[Stated]
    reasons: list[str]


def read(history: History, parts: Mapping[str, bytes]) -> Statement:
    """Read the parts, and turn operation ids into rows. Raises Damaged."""
    try:
        told = json.loads(parts["statement.json"])
        if told["format"] != FORMAT:
            raise Damaged(f"statement.json has the format {told['format']}; this version reads {FORMAT}")
        ids, bits = _array(parts, "order.npy"), _array(parts, "second.npy")
        if len(bits) != (len(ids) + 7) // 8:
            raise Damaged(f"there are {len(ids)} moments, and {len(bits)} bytes of marks")
        second = np.unpackbits(bits.astype(np.uint8), count=len(ids)).astype(np.bool_)
        rows = _Rows(history)
        order = rows.all(ids)
        nodes = _nodes(parts, rows) if any("search" in one for one in told["streams"]) else None
        streams = [_stated(one, rows, order, second, nodes) for one in told["streams"]]
        return Statement(streams, [str(reason) for reason in told["reasons"]])
    except KeyError as error:
        raise Damaged(f"{error} is missing in the certificate") from error
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise Damaged(f"the certificate is not of the documented form: {error}") from error


def _array(parts: Mapping[str, bytes], name: str) -> NDArray[Any]:
    array = np.lib.format.read_array(io.BytesIO(parts[name]), allow_pickle=False)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise Damaged(f"{name} is no list of integers")
    return array


class _Rows:
    """Rows by operation id. Raises Damaged for ids that the history does not have."""

    def __init__(self, history: History) -> None:
        self._ids, self._tokens = history.id, history.tokens
        self._plain = bool((history.id == np.arange(len(history))).all())
        self._order = None if self._plain else np.argsort(history.id, kind="stable")

    def all(self, ids: NDArray[Any]) -> Int64s:
        ids = ids.astype(np.int64)
        if self._order is None:
            wrong = (ids < 0) | (ids >= len(self._ids))
            rows = ids
        else:
            at = np.minimum(np.searchsorted(self._ids, ids, sorter=self._order), len(self._ids) - 1)
            rows = self._order[at]
            wrong = self._ids[rows] != ids
        if wrong.any():
            raise Damaged(
                f"the certificate names operation {int(ids[np.argmax(wrong)])}, which the history does not hold"
            )
        return rows

    def token(self, name: str | None) -> int:
        """The index of a token; ABSENT where the history does not mention it."""
        return self._tokens.index(name) if name in self._tokens else ABSENT

    def some(self, ids: list[int]) -> list[int]:
        rows: list[int] = self.all(np.array(ids, dtype=np.int64)).tolist()
        return rows


_Nodes = tuple[Int64s, Int64s, Int64s]


def _nodes(parts: Mapping[str, bytes], rows: _Rows) -> _Nodes:
    """The nodes of all logs: parents, rows applied, and what they are the same as."""
    parent, applied, same = (_array(parts, f"{name}.npy").astype(np.int64) for name in ("parent", "applied", "same"))
    if not len(parent) == len(applied) == len(same):
        raise Damaged(f"the columns of the log have {len(parent)}, {len(applied)} and {len(same)} nodes")
    plain, declined = applied > NONE, applied < NONE
    applied[plain] = rows.all(applied[plain])
    applied[declined] = -2 - rows.all(-2 - applied[declined])
    return parent, applied, same


def _log(one: dict[str, Any], rows: _Rows, nodes: _Nodes) -> Logged:
    begin, end = (int(n) for n in one["nodes"])
    if not 0 <= begin < end <= len(nodes[0]):
        raise Damaged(f"the nodes {begin} to {end} are not among the {len(nodes[0])} that there are")
    supposed = []
    for told in one["supposed"]:
        refusals = rows.some([op for op, _ in told["applied"]])
        numbers = [int(number) for _, number in told["applied"]]
        supposed.append(
            Supposed(int(told["node"]), rows.token(told["token"]), dict(zip(refusals, numbers, strict=True)))
        )
    parent, applied, same = (column[begin:end].tolist() for column in nodes)
    return Logged(supposed, parent, applied, same)


def _stated(one: dict[str, Any], rows: _Rows, order: Int64s, second: NDArray[np.bool_], nodes: _Nodes | None) -> Stated:
    chosen: slice | None = None
    if "moments" in one:
        begin, end = (int(n) for n in one["moments"])
        if not 0 <= begin <= end <= len(order):
            raise Damaged(f"the moments {begin} to {end} are not among the {len(order)} that there are")
        chosen = slice(begin, end)
    return Stated(
        stream=str(one["stream"]),
        validity=str(one["validity"]),
        order=None if chosen is None else order[chosen],
        second=None if chosen is None else second[chosen],
        token=None if one.get("token") is None else str(one["token"]),
        claims=[_claim(claim, rows) for claim in one["violations"]],
        holes=[
            OpenHole(int(h["start"]), int(h["end"]), bool(h["ragged"]), rows.some(h["candidates"]))
            for h in one["holes"]
        ],
        reasons=[str(reason) for reason in one["reasons"]],
        exhausted=one["spent"].get("ending") == "exhausted",
        log=_log(one["search"], rows, nodes) if nodes is not None and "search" in one else None,
    )  # fmt: skip


def _claim(claim: dict[str, Any], rows: _Rows) -> Claim:
    edges = [(rows.some([source, target]), str(kind)) for source, target, kind in claim["edges"]]
    return Claim(
        anomaly=str(claim["anomaly"]),
        operations=rows.some(claim["operations"]),
        context=rows.some(claim["context"]),
        position=None if claim["position"] is None else int(claim["position"]),
        edges=[(source, target, kind) for (source, target), kind in edges],
    )
