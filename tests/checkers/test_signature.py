"""One bug has few signatures, whatever the run; two kinds of violations have different ones."""

from __future__ import annotations

from random import Random

from fencepost.checkers.linearizability import Linearizability
from fencepost.testing import Op, append, check_tail, history


def signatures(*ops: Op) -> set[str]:
    return {violation.signature for violation in Linearizability().check(history(*ops)).violations}


def fenced(seed: int) -> list[Op]:
    """Writers that set fences; later a writer with the token of an earlier one gets a record in (now and then)."""
    rng = Random(seed)
    ops, token, older = [append(0, 0, 1, "fence=t0", ack=0)], "t0", ""
    for at in range(1, rng.randint(6, 12)):
        time = 10 * at
        if rng.random() < 0.4:
            older, token = token, f"t{at}"
            ops.append(append(at % 3, time, time + 5, f"fence={token}", token=older, ack=at))
        else:
            stale = older and rng.random() < 0.4
            ops.append(append(at % 3, time, time + 5, f"r{at}", token=older if stale else token, ack=at))
    return ops


def lagging(seed: int) -> list[Op]:
    """Acknowledged appends, and check-tails that miss the last of them."""
    rng = Random(seed)
    ops: list[Op] = []
    for at in range(rng.randint(4, 8)):
        ops.append(append(at % 3, 20 * at, 20 * at + 5, f"r{at}", ack=at))
        ops.append(check_tail(4, 20 * at + 10, 20 * at + 12, at + 1 - (rng.random() < 0.5)))
    return ops


def test_ten_seeds_of_a_bug_have_one_to_three_signatures() -> None:
    for bug in (fenced, lagging):
        found = set().union(*(signatures(*bug(seed)) for seed in range(10)))
        assert 1 <= len(found) <= 3, sorted(found)


def test_a_signature_is_the_anomaly_the_operations_and_the_edges_without_values() -> None:
    stale = signatures(append(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0))
    assert stale == {"stale-read: append ok, check-tail ok; rt, rw"}
    assert stale == signatures(append(5, 0, 1, "b c", ack=0), append(0, 2, 3, "d", ack=2), check_tail(1, 4, 5, 2))


def test_other_violations_have_other_signatures() -> None:
    refused = signatures(append(0, 0, 1, "a", ack=0), append(1, 2, 3, "b", match=1, tail=0))
    assert refused
    assert refused.isdisjoint(signatures(append(0, 0, 1, "a", ack=0), check_tail(1, 2, 3, 0)))
