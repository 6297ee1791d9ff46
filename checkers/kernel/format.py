"""Certificates of linearizability as files: what is claimed of each stream, written and read back (format 2).

The parts are ``statement.json``, ``order.npy`` and ``second.npy``; docs/certificates.md describes them. The rest of the
program speaks of rows, files of operation ids.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType
from numpy.typing import NDArray

from fencepost.harness.history.history import History, Int64s

from . import log
from .accept import Order
from .columns import Requirements
from .contradiction import Refuted

FORMAT: Final = 2
"""The version of the format."""

VALIDITIES: Final = ("invalid", "unknown", "valid")
"""What a stream may be claimed to be, the worst first."""

_Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
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


class NamedViolation(Struct, frozen=True):
    """A violation as people are told it, by operation ids; ``edges`` are (source, target, kind)."""

    anomaly: str
    operations: Sequence[_Integer]
    context: Sequence[_Integer] = ()
    position: _Integer | None = None
    edges: Sequence[tuple[_Integer, _Integer, str]] = ()

    @property
    def named(self) -> list[int]:
        """All operations that it names."""
        return [*self.operations, *self.context, *(op for edge in self.edges for op in edge[:2])]


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed of one stream.

    ``reasons`` say why the stream is unknown, ``nodes`` how many nodes a search had entered when it was given up.
    """

    stream: str
    validity: str
    order: Linearization | None = None
    violations: Sequence[NamedViolation] = ()
    nodes: int | None = None
    reasons: Sequence[str] = ()


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


# -- writing and reading


class _Format(Struct):
    format: int


class _Claim(Struct):
    """What ``statement.json`` says of one stream. An order is told by ``moments`` and what follows it here."""

    stream: str
    validity: Literal["invalid", "unknown", "valid"]
    violations: Sequence[NamedViolation]
    nodes: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None
    reasons: list[str]
    moments: tuple[int, int] | UnsetType = UNSET
    token: str | UnsetType | None = UNSET
    latest: list[tuple[_Integer, _Integer]] | UnsetType = UNSET


class _Statement(Struct):
    format: int
    streams: list[_Claim]
    reasons: list[str]


def write(history: History, statement: Statement) -> dict[str, bytes]:
    """The parts of a certificate, by file name."""
    orders = [claim.order for claim in statement.claims if claim.order is not None]
    ids = history.id[np.concatenate([np.zeros(0, dtype=np.int64), *(order.rows for order in orders)])]
    second = np.concatenate([np.zeros(0, dtype=np.bool_), *(order.second for order in orders)])
    small = int(ids.max(initial=0)) < _SMALL
    claims, begin = [], 0
    for claim in statement.claims:
        told = _Claim(
            claim.stream,
            claim.validity,  # type: ignore[arg-type]
            claim.violations,
            claim.nodes,
            list(claim.reasons),
        )
        if claim.order is not None:
            told.moments = begin, begin + len(claim.order)
            told.token, told.latest = claim.order.token, list(claim.order.latest)
            begin += len(claim.order)
        claims.append(told)
    return {
        "statement.json": msgspec.json.encode(_Statement(FORMAT, claims, list(statement.reasons)), enc_hook=int),
        "order.npy": _npy(ids.astype(np.int32) if small else ids),
        "second.npy": _npy(np.packbits(second)),
    }


def _npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def read(history: History, parts: Mapping[str, bytes]) -> Statement:
    """The statement that the parts hold. Raises Damaged where they are not of the documented form."""
    try:
        version = msgspec.json.decode(parts["statement.json"], type=_Format).format
        if version != FORMAT:
            raise Damaged(
                f"the proof has the format {version}, and this version verifies {FORMAT}; "
                "fencepost check --certificate FILE writes a new one"
            )
        told = msgspec.json.decode(parts["statement.json"], type=_Statement)
        ids, bits = _array(parts, "order.npy"), _array(parts, "second.npy")
        if len(bits) != (len(ids) + 7) // 8:
            raise Damaged(f"there are {len(ids)} moments, and {len(bits)} bytes of marks")
        named = [op for one in told.streams for violation in one.violations for op in violation.named]
        _rows(history, np.array(named, dtype=np.int64))
        moments = _rows(history, ids), np.unpackbits(bits.astype(np.uint8), count=len(ids)).astype(np.bool_)
        return Statement([_claim(one, *moments) for one in told.streams], told.reasons)
    except KeyError as error:
        raise Damaged(f"{error} is missing in the certificate") from error
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise Damaged(f"the certificate is not of the documented form: {error}") from error


def _array(parts: Mapping[str, bytes], name: str) -> NDArray[Any]:
    array = np.lib.format.read_array(io.BytesIO(parts[name]), allow_pickle=False)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise Damaged(f"{name} is no list of integers")
    return array


def _rows(history: History, ids: NDArray[Any]) -> Int64s:
    """The rows of operation ids. Raises Damaged for ids that the history does not have."""
    order = np.argsort(history.id, kind="stable")
    rows = order[np.minimum(np.searchsorted(history.id, ids, sorter=order), len(order) - 1)]
    wrong = history.id[rows] != ids
    if wrong.any():
        raise Damaged(f"the certificate names operation {int(ids[np.argmax(wrong)])}, which the history does not hold")
    return rows


def _claim(told: _Claim, moments: Int64s, second: NDArray[np.bool_]) -> Claim:
    order = None
    if told.moments is not UNSET:
        begin, end = told.moments
        if not 0 <= begin <= end <= len(moments):
            raise Damaged(f"the moments {begin} to {end} are not among the {len(moments)} that there are")
        token, latest = (None if told.token is UNSET else told.token), (() if told.latest is UNSET else told.latest)
        order = Linearization(moments[begin:end], second[begin:end], token, latest)
    return Claim(told.stream, told.validity, order, told.violations, told.nodes, told.reasons)
