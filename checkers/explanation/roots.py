"""Tells one root once: what follows from a violation that is told already is no news.

Two violations have the same root if the operations that prove the one are among those that prove the other (then
relaxing the few relaxes both), or if they share an operation whose answer may be to blame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fencepost.harness.verdict import Violation


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation, and the operations (ids) whose answers may be to blame.

    One that is not ``told`` is one of the same kind as its violation, of which no more is known than the suspects.
    """

    violation: Violation
    suspects: frozenset[int]
    told: bool = True


def by_root(findings: Iterable[Finding]) -> tuple[list[Violation], dict[str, int]]:
    """One violation for each root, in the order given: the name of the first, and of the others ``also``.

    And for each anomaly the number of roots of those that were not told.
    """
    more: dict[str, int] = {}
    told: list[Finding] = []
    by_suspect: dict[int, int] = {}
    by_operation: dict[int, list[int]] = {}
    hosts: dict[str, int] = {}
    for finding in findings:
        anomaly = finding.violation.anomaly
        at = _root(finding, told, by_suspect, by_operation)
        if not finding.told:
            if at is None or at == hosts.get(anomaly):
                more[anomaly] = more.get(anomaly, 0) + 1
            if at is None and anomaly in hosts:
                by_suspect.update(dict.fromkeys(finding.suspects, hosts[anomaly]))
            continue
        if at is not None:
            told[at] = replace(told[at], violation=_narrowed(told[at].violation, finding.violation))
            continue
        for op in finding.suspects:
            by_suspect.setdefault(op, len(told))
        for op in finding.violation.operations:
            by_operation.setdefault(op, []).append(len(told))
        hosts[anomaly] = len(told)
        told.append(finding)
    return [finding.violation for finding in told], more


def merged(first: Violation, other: Violation) -> Violation:
    """One violation for two of the same root; it goes by the first one's name."""
    names = dict.fromkeys((*first.also, *other.names))
    also = tuple(name for name in names if name != first.anomaly)
    if other.anomaly == first.anomaly:
        return replace(first, also=also, count=first.count + other.count)
    return replace(first, also=also)


def _root(
    finding: Finding, told: list[Finding], by_suspect: dict[int, int], by_operation: dict[int, list[int]]
) -> int | None:
    """Which of those told has the same root; None if none has."""
    blamed = [by_suspect[op] for op in sorted(finding.suspects) if op in by_suspect]
    if blamed:
        return min(blamed)
    if not finding.told:
        return None
    proof = set(finding.violation.operations)
    near = {at for op in proof for at in by_operation.get(op, ())}
    for at in sorted(near):
        other = set(told[at].violation.operations)
        if proof <= other or other <= proof:
            return at
    return None


def _narrowed(first: Violation, other: Violation) -> Violation:
    """With the fewer operations of the two, where they are among the others."""
    both = merged(first, other)
    fewer = set(other.operations)
    if not fewer < set(first.operations):
        return both
    beside = tuple(op for op in first.operations if op not in fewer)
    context = tuple(dict.fromkeys((*beside, *(op for op in first.context if op not in fewer))))
    operations = tuple(op for op in first.operations if op in fewer)
    return replace(both, operations=operations, context=context)
