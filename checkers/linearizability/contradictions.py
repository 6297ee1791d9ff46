"""From a failed scan to names and proofs.

What fails is an operation that met a frontier beyond its domain. The operation that had brought the frontier
there returned before it was invoked, and yet comes after it in the stream: two operations, one cycle. Where the
frontier came from an operation with several slots, that one was itself forced into its slot by what it had met, and
so on down: a chain.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fencepost.harness.history.history import NONE

from ..domains.domains import Proof
from ..judgement import Judgement
from .causes import Causes
from .scan import Scan
from .story import tell


def accuse(judgement: Judgement, scan: Scan) -> None:
    """Name and tell every contradiction of the scan."""
    causes = Causes(judgement, scan)
    for anomaly, found in _observations(judgement, causes, scan).items():
        culprits = [int(scan.observations.row[root]) for root, _ in found]
        for _, members in judgement.findings.few(anomaly, found, culprits):
            target = causes.observation(members[0])
            links = causes.chain(target)
            witness = tell(judgement, links)
            if anomaly != "stale-read" and len(links) > 1:
                # What was seen, or stands, too early is to blame for all that it contradicts.
                witness = replace(witness, culprit=links[-2].row, suspects=(target.row,))
            judgement.findings.add(anomaly, witness, target.upper, len(members))
    by_name: dict[str, list[int]] = {}
    for index in scan.failing_unions.tolist():
        by_name.setdefault(_union_name(judgement, scan, index), []).append(index)
    for anomaly, indices in by_name.items():
        for index in judgement.findings.few(anomaly, indices, scan.unions.row[indices].tolist()):
            target = causes.union(index)
            judgement.findings.add(anomaly, tell(judgement, causes.chain(target)), target.upper)


def _union_name(judgement: Judgement, scan: Scan, index: int) -> str:
    proof = scan.unions.proof[index]
    if proof == Proof.TOKEN_MISMATCH:
        return "fence-regression"
    if proof == Proof.REFUSAL:
        return "spurious-rejection"
    slots = scan.unions.of(index)
    if not slots.ends:
        return "poll-skip"
    row = scan.unions.row[index : index + 1]
    appended = scan.appended.at(judgement.history.invoked[row])[0]
    return "stale-read" if appended > slots.ends[-1] else "nonmonotonic-read"


def _observations(judgement: Judgement, causes: Causes, scan: Scan) -> dict[str, list[tuple[int, list[int]]]]:
    """The failing observations by the anomaly's name and, with the observation to blame, by their root."""
    failing, observations = scan.failing, scan.observations
    if not len(failing):
        return {}
    invoked, upper = observations.invoked[failing], observations.upper[failing]
    appending = observations.proof[failing] <= Proof.SEEN_APPEND
    by_append = scan.appended.at(invoked) > upper
    append_source, fixed_source = scan.appended.sources(invoked), scan.fixed.sources(invoked)
    fixed = scan.fixed.at(invoked)
    skipping = _skipping(judgement)
    groups: dict[str, dict[int, list[int]]] = {}
    for at, entry in enumerate(failing.tolist()):
        root = int(fixed_source[at])
        if fixed[at] <= upper[at] and int(observations.row[entry]) in scan.pairs:
            by_append[at] = _cause_appends(causes, entry)
        elif by_append[at] and append_source[at] != NONE:
            root = int(scan.appended_entries[append_source[at]])
        if appending[at] and root != NONE and _overlap(scan, root, entry):
            continue
        if by_append[at]:
            anomaly = "append-reorder" if appending[at] else "stale-read"
        else:
            anomaly = "future-read" if appending[at] else "nonmonotonic-read"
        if root != NONE and skipping.get(int(observations.row[root]), upper[at] + 1) <= upper[at]:
            anomaly = "over-trim"
        # A stale answer is its own fault; what else goes wrong, the fault of what was seen too early.
        alone = anomaly == "stale-read" or root == NONE
        groups.setdefault(anomaly, {}).setdefault(-2 - entry if alone else root, []).append(entry)
    return {
        anomaly: [(root if root >= 0 else members[0], members) for root, members in by_root.items()]
        for anomaly, by_root in groups.items()
    }


def _skipping(judgement: Judgement) -> dict[int, int]:
    """Reads that skipped records: what they prove apart from the trim that they need."""
    found = judgement.answers
    skipped = found.gap != NONE
    return dict(zip(found.row[skipped].tolist(), found.after[skipped].tolist(), strict=True))


def _cause_appends(causes: Causes, entry: int) -> bool:
    """Is it an append that stands against it? For what only process order contradicts."""
    links = causes.chain(causes.observation(entry))
    return len(links) > 1 and links[-2].appends


def _overlap(scan: Scan, root: int, entry: int) -> bool:
    """Two appends at one place: their acknowledgements were accused of that already."""
    observations = scan.observations
    if observations.proof[root] > Proof.SEEN_APPEND:
        return False
    low, high = observations.upper, observations.lower
    return bool(np.maximum(low[root], low[entry]) < np.minimum(high[root], high[entry]))
