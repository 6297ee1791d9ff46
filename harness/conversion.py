"""Writes a history in another format, and says what that cannot express."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from .history.history import NONE, History, Outcome
from .history.losses import Losses
from .history.sniffing import Format


def converted(history: History, to: Format, losses: Losses, stream: str | None = None) -> Iterator[bytes]:
    """The bytes of the history in that format, in pieces. What is lost has been added to ``losses`` after the last.

    ``stream`` names the one to write, for a format that holds only one. Raises UsageFailure where a history cannot be
    written so.
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
    """What the columns of a history do not hold, as far as they tell that it was there."""
    told = (history.seq_num_mismatch != NONE) | (history.token_mismatch != NONE) | (history.observed_tail != NONE)
    bodies = (history.status != NONE) & ~told & (history.outcome != Outcome.OK)
    losses.add("a failure with a status: what its body said beside a tail or a token", int(bodies.sum()))
    losses.add("a followed answer with a tail: the timestamp of that", int((history.reads.tail != NONE).sum()))


def compressed(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The pieces, compressed as the file's name asks for: ``….gz``, ``….zst``, or not at all."""
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
