"""The verifier believes nothing that a certificate says of itself, and reads back what was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

import fencepost
from fencepost.checkers.kernel.format import (
    Claim,
    Damaged,
    Linearization,
    NamedViolation,
    Statement,
    read,
    write,
)
from fencepost.checkers.kernel.verify import Checked, verify
from fencepost.harness.history.history import History
from fencepost.harness.history.reader import read_history
from fencepost.testing import append, check_tail, history, whole
from fencepost.testing import read as read_op

GOLDEN = Path(__file__).parent / "golden"
VALID, INVALID = (read_history(GOLDEN / f"cert-{name}.jsonl") for name in ("valid", "invalid"))


def linearization(*rows: int, **given: Any) -> Linearization:
    """An order of operations with one moment each."""
    return Linearization(np.array(rows, dtype=np.int64), np.zeros(len(rows), dtype=np.bool_), **given)


def checked(judged: History, *claims: Claim, claimed: str | None = None, reasons: tuple[str, ...] = ()) -> Checked:
    parts = write(judged, Statement(claims, reasons))
    return verify(judged, parts, claims[0].validity if claimed is None else claimed)


def refused(judged: History, *claims: Claim, claimed: str | None = None) -> str:
    (failure,) = checked(judged, *claims, claimed=claimed).failures
    return failure


RIGHT = Claim("s", "valid", linearization(0, 1, 2, 3))


def test_an_order_that_explains_every_answer_proves_a_stream_valid() -> None:
    found = checked(VALID, RIGHT)
    assert found == Checked(["s: valid: 4 moments replayed, of 4 operations"], [])


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        (Claim("s", "invalid", nodes=1), "an order explains every answer"),
        (Claim("s", "invalid", violations=[NamedViolation("lost-write", [0])]), "an order explains every answer"),
        (Claim("s", "valid"), "no order is given"),
        (Claim("s", "valid", linearization(0, 1, 2)), "read #3 is missing in the order"),
        (Claim("s", "valid", linearization(0, 1, 2, 3, 3)), "read #3 is in the order twice"),
        (Claim("s", "valid", linearization(1, 0, 2, 3)), "append #0 stands after an operation that was invoked"),
        (Claim("s", "valid", linearization(0, 1, 2, 3, token="x")), "begins with another token than the history"),
        (Claim("s", "valid", linearization(0, 1, 2, 3, latest=[(0, -1)])), "by less than 0 ms"),
        (Claim("s", "unknown", reasons=["who knows"]), "no search is named"),
        (Claim("s", "unknown", nodes=1), "no reason is given"),
        (Claim("s", "unknown", nodes=9, reasons=["?"]), "a search of fewer than 9 nodes decides it"),
        (Claim("t", "valid", linearization(0, 1, 2, 3)), "is not of the streams of the history"),
    ],
)
def test_what_is_not_so_is_not_proven_of_a_valid_history(claim: Claim, why: str) -> None:
    assert why in refused(VALID, claim)


@pytest.mark.parametrize("rows", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
def test_no_order_of_an_invalid_history_is_accepted(rows: tuple[int, ...]) -> None:
    assert refused(INVALID, Claim("s", "valid", linearization(*rows)))


def test_the_kernel_searches_an_invalid_history_itself() -> None:
    found = checked(INVALID, Claim("s", "invalid"))
    assert (len(found.lines), found.failures) == (1, [])


def test_what_is_certainly_invalid_is_not_unknown() -> None:
    assert "it is invalid: " in refused(INVALID, Claim("s", "unknown", nodes=0, reasons=["no time"]))
    assert checked(VALID, Claim("s", "unknown", nodes=0, reasons=["no time"])).failures == []


def test_every_stream_has_one_proof_and_the_worst_is_the_verdict() -> None:
    assert "not of the streams" in refused(VALID, RIGHT, RIGHT)
    (failure,) = verify(VALID, write(VALID, Statement([])), "valid").failures
    assert "not of the streams" in failure
    assert refused(VALID, RIGHT, claimed="invalid") == "the verdict is invalid, and the certificate claims valid"
    assert refused(VALID, RIGHT, claimed="unknown") == "the verdict is unknown, and the certificate claims valid"
    assert checked(VALID, RIGHT, claimed="unknown", reasons=("interrupted",)).failures == []


def test_a_history_without_an_answer_is_not_valid() -> None:
    lost = history(append(0, 1, None, "a"))
    claim = Claim("s", "valid", linearization())
    assert "no answer that shows anything" in refused(lost, claim)
    assert checked(lost, claim, claimed="unknown", reasons=("nothing was observed",)).failures == []


def test_a_hash_of_a_stream_that_began_before_contradicts_what_was_read_of_it() -> None:
    ops = read_op(0, 1, 2, 0, saw="a"), whole(0, 3, 4, "b")
    judged = history(*ops, tail=1)
    assert "told another hash" in refused(judged, Claim("s", "valid", linearization(0, 1)))
    right = history(ops[0], whole(0, 3, 4, "a"), tail=1)
    assert checked(right, Claim("s", "valid", linearization(0, 1))).failures == []


# -- unknown

TORN = append(0, 1, None, "a b"), append(1, 1, None, "c"), check_tail(2, 3, 4, 2)


def test_a_search_that_was_given_up_leaves_a_stream_unknown() -> None:
    claim = Claim("s", "unknown", nodes=1, reasons=["who wrote 0 and 1?"])
    assert checked(history(*TORN), claim) == Checked(["s: unknown: who wrote 0 and 1?"], [])


# -- what is named for people


@pytest.mark.parametrize("kind", ["rt", "process", "session"])
def test_an_edge_that_the_clock_belies_is_a_failure(kind: str) -> None:
    claim = Claim("s", "invalid", violations=[NamedViolation("stale-read", [0, 2], edges=[(2, 0, kind)])])
    assert f"#2 is said to come before #0 ({kind}), and does not" in refused(INVALID, claim)


# -- the file

FULL = Statement(
    [
        Claim("s", "valid", Linearization(np.array([0, 1, 1]), np.array([False, False, True]), "x", [(2, 7)])),
        Claim("t", "invalid", violations=[NamedViolation("bad-ack", [0], [1], 3, [(0, 1, "rt")])]),
        Claim("u", "unknown", nodes=9, reasons=["?"]),
        Claim("v", "valid", Linearization(np.array([2]), np.array([True]))),
    ],
    ["interrupted"],
)


@pytest.mark.parametrize("add", [0, 7, 2**40])
def test_what_is_written_is_read_back(add: int) -> None:
    judged = replace(VALID, id=VALID.id + add)
    claims = [replace(claim, violations=_moved(claim.violations, add)) for claim in FULL.claims]
    again = read(judged, write(judged, Statement(claims, FULL.reasons)))
    assert again.reasons == FULL.reasons
    for claim, found in zip(claims, again.claims, strict=True):
        for name in ("stream", "validity", "nodes"):
            assert getattr(claim, name) == getattr(found, name)
        for name in ("violations", "reasons"):
            assert list(getattr(claim, name)) == getattr(found, name)
        assert (claim.order is None) is (found.order is None)
        if claim.order is not None and found.order is not None:
            assert claim.order.rows.tolist() == found.order.rows.tolist()
            assert claim.order.second.tolist() == found.order.second.tolist()
            assert (claim.order.token, list(claim.order.latest)) == (found.order.token, found.order.latest)


def _moved(violations: Any, add: int) -> list[NamedViolation]:
    def ids(ops: Any) -> list[int]:
        return [op + add for op in ops]

    return [
        structs.replace(
            one,
            operations=ids(one.operations),
            context=ids(one.context),
            edges=[(source + add, target + add, kind) for source, target, kind in one.edges],
        )
        for one in violations
    ]


Change = Callable[[dict[str, Any]], object]


def told(change: Change) -> Mapping[str, bytes]:
    """The parts of a right certificate with another statement."""
    parts = write(VALID, Statement([RIGHT]))
    statement = json.loads(parts["statement.json"])
    change(statement)
    return parts | {"statement.json": json.dumps(statement).encode()}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: s.update(format=1), r"format 1.*fencepost check --certificate FILE"),
        (lambda s: s.pop("streams"), "required field `streams`"),
        (lambda s: s.update(streams=1), "not of the documented form"),
        (lambda s: s.update(reasons="because"), "not of the documented form"),
        (lambda s: s["streams"][0].update(moments=[0, 5]), "not among the 4"),
        (lambda s: s["streams"][0].update(moments=[0.0, 4.0]), "documented form.*streams.*moments"),
        (lambda s: s["streams"][0].update(latest=[[0]]), "not of the documented form"),
        (lambda s: s["streams"][0].update(latest=[[2**70, 0]]), "documented form.*streams.*latest"),
        (lambda s: s["streams"][0].update(token=7), "documented form.*streams.*token"),
        (lambda s: s["streams"][0].update(validity="fine"), "'fine'.*streams.*validity"),
        (lambda s: s["streams"][0].update(nodes=True), "documented form.*streams.*nodes"),
        (lambda s: s["streams"][0].update(nodes=-1), "documented form.*streams.*nodes"),
        (lambda s: s["streams"][0].update(violations=[_named(operations=[4])]), "names operation 4"),
        (lambda s: s["streams"][0].update(violations=[_named(context=[-1])]), "names operation -1"),
        (lambda s: s["streams"][0].update(violations=[_named(edges=[[0, 9, "rt"]])]), "names operation 9"),
    ],
)
def test_damage_to_the_statement_is_told(change: Change, why: str) -> None:
    with pytest.raises(Damaged, match=why):
        verify(VALID, told(change), "valid")


def _named(**changes: Any) -> dict[str, Any]:
    return {"anomaly": "bad-ack", "operations": [], "context": [], "position": None, "edges": []} | changes


def test_a_record_of_another_stream_is_told_and_its_certificate_verifies() -> None:
    elsewhere = replace(append(0, 0, 1, "a", ack=0), stream="t")
    result = fencepost.check(history(elsewhere, read_op(1, 2, 3, 0, saw="a")))
    assert [violation.anomaly for violation in result.violations] == ["garbage-read"]
    assert result.verify().verified
