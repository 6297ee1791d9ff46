"""A violation must be understood by somebody who did not see the run, and its edges must be a contradiction."""

from __future__ import annotations

from fencepost.checkers.explanation.graph import cycle_of, shortest_cycle
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.verdict import Edge, Violation
from fencepost.testing import Op, append, check_tail, history, read

MS = 1_000_000


def violations(*ops: Op, token: str = "") -> tuple[Violation, ...]:
    return Linearizability().check(history(*ops, token=token)).violations


def test_a_stale_writer_is_told_as_a_story() -> None:
    (violation,) = violations(
        append(3, 1 * MS, 2 * MS, "fence=a", ack=0),
        append(4, 3 * MS, 4 * MS, "fence=b", ack=1, match=1),
        append(3, 7 * MS, 9 * MS, "late", token="a", ack=2),
    )
    assert violation.anomaly == "stale-token-write"
    assert violation.operations == (1, 2)
    assert violation.position == 2
    first = violation.sentences[0]
    assert first == (
        'A stale writer got a record in: append #2 of process 3 (token "a") was acknowledged at [2, 3), '
        'although the token in force there was "b", '
        "which append #1 set by its fence at 1."
    )
    text = " ".join(violation.sentences)
    assert "#1 < #2, because append #1 at position 1 comes before append #2 at position 2 in the stream" in text
    assert 'however #2 < #1, because append #2 needs the token "a", which append #1 replaced by its fence at 1' in text
    assert text.count(": a contradiction.") == 1
    assert "Append #1 returned at 1.000 ms, before append #2 was invoked at 4.000 ms." in text
    assert {edge.kind for edge in cycle_of(violation)} == {"ww", "tr"}


def test_a_stale_read_is_two_operations_and_two_edges() -> None:
    (violation,) = violations(append(0, 5 * MS, 6 * MS, "a b", ack=0), check_tail(1, 8 * MS, 9 * MS, 0))
    assert violation.operations == (0, 1)
    assert [(edge.source, edge.target, edge.kind) for edge in violation.edges] == [(0, 1, "rt"), (1, 0, "rw")]
    assert violation.sentences[-1] == (
        "#0 < #1, because append #0 returned at 1.000 ms, before check-tail #1 was invoked at 3.000 ms; "
        "however #1 < #0, because check-tail #1 saw the tail 0, and append #0 stands at positions 0 to 1: "
        "a contradiction."
    )


def test_the_append_between_two_observations_is_context() -> None:
    (violation,) = violations(append(0, 1, 90, "a", ack=0), check_tail(1, 10, 11, 1), check_tail(2, 20, 21, 0))
    assert (violation.anomaly, violation.operations, violation.context) == ("nonmonotonic-read", (1, 2), (0,))
    assert [edge.kind for edge in cycle_of(violation)] == ["rt", "rw", "wr"]


def test_part_of_the_stream_that_was_lost_is_named() -> None:
    gone = violations(append(0, 1, 2, "a", ack=0), append(0, 3, 4, "b", ack=1), read(1, 5, 6, 0, saw="a"))
    assert "lost-write" in {violation.anomaly for violation in gone}
    (lost,) = (violation for violation in gone if violation.anomaly == "lost-write")
    assert "at the end of the stream" in lost.sentences[0]
    (middle,) = violations(append(0, 1, 2, "a b c", ack=0), read(1, 5, 6, 0, saw="a #2 c"))
    assert middle.anomaly == "lost-write"
    assert "left out position 1" in middle.sentences[0]


def test_acknowledged_records_that_a_crash_lost_and_others_overwrote() -> None:
    (violation,) = violations(
        append(0, 1, 2, "a b", ack=0),
        append(1, 3, 4, "c d", ack=2),
        append(2, 5, 6, "e", ack=2),
        read(3, 7, 8, 0, saw="a b e"),
    )
    assert violation.names == ("lost-write", "bad-ack", "inconsistent-offsets")
    assert (violation.operations, violation.context) == ((1, 3), (2,))


def test_the_shortest_cycle_is_found_among_longer_ones() -> None:
    steps = [(1, 2), (2, 3), (3, 1), (3, 4), (4, 3), (4, 1)]
    edges = [Edge(source, target, "ww", "") for source, target in steps]
    assert [(edge.source, edge.target) for edge in shortest_cycle(edges)] == [(3, 4), (4, 3)]
    assert shortest_cycle(edges[:2]) == []


def test_the_same_history_is_told_the_same() -> None:
    ops = (append(0, 1, 2, "a", ack=0), check_tail(1, 3, 4, 0), check_tail(2, 3, 4, 0))
    assert Linearizability().check(history(*ops)) == Linearizability().check(history(*ops))


def test_times_count_from_the_first_operation_that_is_named() -> None:
    """The append is context, and was invoked before the two that prove it."""
    (violation,) = violations(append(0, 4, 90, "a", ack=0), check_tail(1, 10, 11, 1), check_tail(2, 20, 21, 0))
    assert (violation.operations, violation.context, violation.since) == ((1, 2), (0,), 4)
    assert "Append #0 of process 0 (append 1 record) ran from 0 ns to 86 ns: at [0, 1)." in violation.sentences
    assert "check-tail #1 returned at 7 ns, before" in violation.edges[0].because


def test_what_looks_like_an_id_in_a_token_or_an_error_is_none() -> None:
    refused = append(1, 3, 4, "b", failed="see #99999999999999999999", status=400)
    (violation,) = violations(
        append(0, 1, 2, "a", token="#77", ack=0), refused, read(2, 5, 6, 0, saw="a b"), token="#77"
    )
    assert (violation.anomaly, violation.operations, violation.context) == ("aborted-read", (1, 2), ())
