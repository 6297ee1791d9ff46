"""What stands at a position: that somebody sent it, once, whole, there; and that nothing took its place."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import NONE, Kind

from ..chain.placement import Sighting
from ..chain.sent import senders
from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement


def check(judgement: Judgement) -> None:
    """lost-write (overwritten), duplicate, aborted-read, garbage-read, torn-batch, inconsistent-offsets."""
    facts = judgement.chain.facts
    for row, positions in judgement.findings.few("lost-write", sorted(facts.lost.items()), sorted(facts.lost)):
        _overwritten(judgement, row, positions)
    for row, start in judgement.findings.few("duplicate", facts.duplicates, [row for row, _ in facts.duplicates]):
        _duplicate(judgement, row, start)
    for row, start in judgement.findings.few("aborted-read", facts.aborted, [row for row, _ in facts.aborted]):
        _aborted(judgement, row, start)
    for position in judgement.findings.few("garbage-read", sorted(facts.garbage)):
        _garbage(judgement, position, judgement.latest_read(position))
    for row, sighting in judgement.findings.few("torn-batch", facts.torn, [row for row, _ in facts.torn]):
        _torn(judgement, row, sighting)
    for row, start in judgement.findings.few("torn-batch", facts.scattered, [row for row, _ in facts.scattered]):
        _scattered(judgement, row, start)
    for row, start in judgement.findings.few(
        "inconsistent-offsets", sorted(facts.displaced.items()), sorted(facts.displaced)
    ):
        _displaced(judgement, row, start)
    for row, positions in judgement.findings.few(
        "inconsistent-offsets", sorted(facts.lost.items()), sorted(facts.lost)
    ):
        _two_contents(judgement, row, positions[0])
    _conflicting_reads(judgement)
    _misplaced(judgement)


def part(judgement: Judgement, position: int, end: int) -> str:
    """Which part of the acknowledged stream ``[position, end)`` is: its prefix, middle or suffix."""
    batches = judgement.chain.batches
    below = bool((batches.start < position).any())
    above = bool((batches.end > end).any())
    return "in the middle of the stream" if below and above else "a prefix of it" if above else "a suffix of it"


def _overwritten(judgement: Judgement, row: int, positions: list[int]) -> None:
    position = positions[0]
    read, owner = judgement.latest_read(position), judgement.chain.holding(position)
    others = [other for other in dict.fromkeys((owner, read)) if other not in (NONE, row)]
    teller = judgement.teller(row, *others)
    number = len(positions)
    which = part(judgement, position, positions[-1] + 1)
    text = (
        f"{teller.who(row)} was acknowledged at {int(judgement.history.appends.start[row])}, "
        f"but {number} of its records {'is' if number == 1 else 'are'} gone ({which}): "
        f"{teller.record(row, position - int(judgement.history.appends.start[row]))} is not at position {position}, "
        f"where {teller.name(read)} returned {teller.returned(read, position)}"
    )
    if owner not in (NONE, row):
        text += f" of {teller.name(owner)}"
    told = [teller.told(other) for other in (row, *others)]
    rows = tuple(other for other in (row, read) if other != NONE)
    context = tuple(other for other in others if other not in rows)
    witness = Witness(rows, (sentence(text), *told), context=context, culprit=row)
    judgement.findings.add("lost-write", witness, position, number)


def _two_contents(judgement: Judgement, row: int, position: int) -> None:
    read = judgement.latest_read(position)
    teller = judgement.teller(row, read)
    text = (
        f"{teller.name(row)} was acknowledged at position {position}, "
        f"and {teller.name(read)} read another there: {teller.returned(read, position)}"
    )
    witness = Witness((row, read), (sentence(text), teller.told(row), teller.told(read)), culprit=row)
    judgement.findings.add("inconsistent-offsets", witness, position)


def _duplicate(judgement: Judgement, row: int, start: int) -> None:
    position, home = _first_seen(judgement, row, start), judgement.chain.batch_of(row)
    read = judgement.latest_read(position)
    teller = judgement.teller(row, read)
    at = "elsewhere" if home is None else f"at {teller.place(*home)}"
    text = (
        f"{teller.who(row)} was sent once and stands {at}, and its {teller.record(row, position - start)} "
        f"again at position {position}"
    )
    witness = Witness((row, read), (sentence(text), teller.told(row), teller.told(read)), culprit=row)
    judgement.findings.add("duplicate", witness, position)


def _aborted(judgement: Judgement, row: int, start: int) -> None:
    position = _first_seen(judgement, row, start)
    read = judgement.latest_read(position)
    teller = judgement.teller(row, read)
    text = (
        f"{teller.who(row)} failed for certain, yet {teller.name(read)} returned its "
        f"{teller.record(row, position - start)} at position {position}"
    )
    edge = teller.edge(row, read, "wr", f"{teller.name(read)} returned a record of {teller.name(row)}")
    witness = Witness((row, read), (sentence(text), teller.told(row), teller.told(read)), (edge,), culprit=row)
    judgement.findings.add("aborted-read", witness, position)


def _first_seen(judgement: Judgement, row: int, start: int) -> int:
    """The first position of a copy of a batch at ``start`` that a read returned."""
    history, held = judgement.history, judgement.chain.contents
    low, high = int(history.appends.offset[row]), int(history.appends.offset[row + 1])
    at, inside = held.axis.find(np.arange(start, start + high - low))
    same = inside & held.seen[at] & (held.digest[at] == history.appends.digest[low:high])
    return start + int(np.flatnonzero(same)[0]) if same.any() else start


def _garbage(judgement: Judgement, position: int, read: int) -> None:
    facts = judgement.chain.facts
    owner = judgement.chain.holding(position)
    stranger = facts.strangers.get(position, NONE)
    rows = [row for row in dict.fromkeys((stranger, owner, read)) if row != NONE]
    teller = judgement.teller(*rows)
    returned = teller.returned(read, position)
    text = f"{teller.name(read)} returned at position {position} {returned} that nobody sent to this stream"
    if stranger != NONE:
        text += f": {teller.who(stranger)} sent it to the stream {judgement.history.operation(stranger).stream}"
    elif owner != NONE:
        text += f": what {teller.who(owner)} put there was altered"
        home = judgement.chain.batch_of(owner)
        if home is not None:
            text += f", its {teller.record(owner, position - home[0])}"
    culprit = read if owner == NONE else owner
    witness = Witness(tuple(rows), (sentence(text), *(teller.told(row) for row in rows)), culprit=culprit)
    judgement.findings.add("garbage-read", witness, position)


def _torn(judgement: Judgement, row: int, sighting: Sighting) -> None:
    index = min(sighting.contradicted)
    here, there = sighting.start + min(sighting.matched), sighting.start + index
    read = judgement.latest_read(here)
    other = judgement.latest_read(there)
    rows = tuple(dict.fromkeys(r for r in (row, read, other) if r != NONE))
    teller = judgement.teller(*rows)
    text = (
        f"{teller.who(row)} was applied in part: its {teller.record(row, min(sighting.matched))} stands at "
        f"position {here}, but its {teller.record(row, index)} is not at {there}"
    )
    witness = Witness(rows, (sentence(text), *(teller.told(r) for r in rows)), culprit=row)
    judgement.findings.add("torn-batch", witness, here)


def _scattered(judgement: Judgement, row: int, start: int) -> None:
    position = _first_seen(judgement, row, start)
    read = judgement.latest_read(position)
    teller = judgement.teller(row, read)
    text = f"{teller.who(row)} is scattered: a record of it stands at position {position}, apart from the others"
    witness = Witness((row, read), (sentence(text), teller.told(row), teller.told(read)), culprit=row)
    judgement.findings.add("torn-batch", witness, position)


def _displaced(judgement: Judgement, row: int, start: int) -> None:
    position = _first_seen(judgement, row, start)
    read = judgement.latest_read(position)
    teller = judgement.teller(row, read)
    acked = int(judgement.history.appends.start[row])
    text = (
        f"{teller.who(row)} was acknowledged at {acked}, but {teller.name(read)} returned its "
        f"{teller.record(row, position - start)} at {position}"
    )
    witness = Witness((row, read), (sentence(text), teller.told(row), teller.told(read)), culprit=row)
    judgement.findings.add("inconsistent-offsets", witness, position)


def _conflicting_reads(judgement: Judgement) -> None:
    """Reads that returned, for a position, something else than the latest read did."""
    chain, history = judgement.chain, judgement.history
    source, held = chain.source, chain.contents
    digest = history.reads.digest[source.read_record]
    wrong = np.flatnonzero(digest != held.digest[held.read_at])
    if len(wrong):
        accused = set(chain.facts.garbage)
        known = senders(history, np.flatnonzero(history.kind == Kind.APPEND), digest[wrong])
        altered, other = [], []
        for at in wrong.tolist():
            if int(digest[at]) not in known and source.read_position[at] >= judgement.stream.tail:
                altered.append(at)
            elif int(source.read_position[at]) not in accused:
                other.append(at)
        for at in judgement.findings.few("garbage-read", altered, source.read_row[altered].tolist()):
            _garbage(judgement, int(source.read_position[at]), int(source.read_row[at]))
        for at in judgement.findings.few("inconsistent-offsets", other, source.read_row[other].tolist()):
            _conflict(judgement, int(source.read_row[at]), int(source.read_position[at]), "another record")


def _conflict(judgement: Judgement, row: int, position: int, what: str) -> None:
    latest = judgement.latest_read(position)
    teller = judgement.teller(row, latest)
    text = (
        f"at position {position}, {teller.name(latest)} returned {what} than {teller.name(row)}: "
        f"{teller.returned(latest, position)}, not {teller.returned(row, position)}"
    )
    sentences = (sentence(text), teller.told(row), teller.told(latest))
    witness = Witness((row, latest), sentences, culprit=row, suspects=(latest,))
    judgement.findings.add("inconsistent-offsets", witness, position)


def _misplaced(judgement: Judgement) -> None:
    """A record of this history below the tail at which it began."""
    chain, history = judgement.chain, judgement.history
    source, tail = chain.source, judgement.stream.tail
    old = np.flatnonzero(source.read_position < tail)
    if not len(old) or not history.header.unique_records:
        return  # what is not unique may have been there before
    rows = judgement.stream.rows[history.kind[judgement.stream.rows] == Kind.APPEND]
    digest = history.reads.digest[source.read_record]
    known = senders(history, rows, digest[old])
    offenders = [at for at in old.tolist() if _is_command(judgement, known.get(int(digest[at]))) is False]
    for at in judgement.findings.few("inconsistent-offsets", offenders):
        row, read = known[int(digest[at])][0][0], int(source.read_row[at])
        teller, position = judgement.teller(row, read), int(source.read_position[at])
        text = (
            f"{teller.name(read)} returned a record of {teller.who(row)} at position {position}, "
            f"below the tail {tail} at which the history begins"
        )
        witness = Witness((row, read), (sentence(text), teller.told(row), teller.told(read)), culprit=row)
        judgement.findings.add("inconsistent-offsets", witness, position)


def _is_command(judgement: Judgement, found: list[tuple[int, int]] | None) -> bool | None:
    """Is a record a bare command, whose content may well have been sent before? None if nobody sent it."""
    if not found:
        return None
    row, index = found[0]
    appends = judgement.history.appends
    return index in appends.fences.get(row, {}) or index in appends.trims.get(row, {})
