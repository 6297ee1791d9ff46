"""Writes a history in another format, and counts what the format cannot express."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from .history.evidence import mismatched
from .history.history import NONE, History, Outcome
from .history.losses import Losses
from .history.sniffing import Format


def converted(history: History, to: Format, losses: Losses, stream: str | None = None) -> Iterator[bytes]:
    """Yield the bytes of the history in that format. After the last piece ``losses`` is complete.

    ``stream`` names the stream to write, for a format that holds only one. Raises UsageFailure if the history cannot be
    written in the format.
    """
    if to is Format.S2_PORCUPINE:
        from .history.s2_porcupine.writer import stream_to_write, written

        return written(history, stream_to_write(history, stream), losses)
    _of_columns(history, losses)
    if to is Format.PARQUET:
        from .history.parquet.writer import parquet

        return iter((parquet(history),))
    from .history.writer import journal

    losses.add("a warning of the reader", len(history.warnings))
    return journal(history)


def _of_columns(history: History, losses: Losses) -> None:
    """Count what the columns of a history do not hold, as far as they show that it was there."""
    told = mismatched(history) | (history.observed_tail != NONE)
    bodies = (history.status != NONE) & ~told & (history.outcome != Outcome.OK)
    losses.add("a failure with a status: what its body said beside a tail or a token", int(bodies.sum()))
    losses.add("a followed answer with a tail: the timestamp of that", int((history.reads.tail != NONE).sum()))


def compressed(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the pieces, compressed if the file's name ends in ``.gz`` or ``.zst``."""
    if name.endswith(".gz"):
        yield gzip.compress(b"".join(pieces), mtime=0)
    elif name.endswith(".zst"):
        import zstandard

        compressor = zstandard.ZstdCompressor().compressobj()
        for piece in pieces:
            yield compressor.compress(piece)
        yield compressor.flush()
    else:
        yield from pieces
