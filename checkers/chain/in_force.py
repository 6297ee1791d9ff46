"""Which token was in force where, once the chain is known."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import NONE

from .chain import Chain
from .stream import UNKNOWN
from .tokens import Tokens


def chain_tokens(chain: Chain) -> Tokens:
    """The tokens of a chain. An unknown initial token is known by the first append that needed it.

    But not where a fence that nobody saw may have come first.
    """
    batches, appends, stream = chain.batches, chain.stream.history.appends, chain.stream
    fencing = appends.last_fence[batches.row] != NONE
    token = np.asarray(appends.last_fence[batches.row[fencing]], dtype=np.int64)
    columns = (batches.start[fencing], batches.end[fencing], token, batches.row[fencing])
    tokens = Tokens(stream.token, *columns)
    if stream.token != UNKNOWN or (appends.last_fence[chain.unused] != NONE).any():
        return tokens
    given = appends.token[batches.row]
    needing = np.flatnonzero((tokens.at(batches.start) == UNKNOWN) & (given != NONE) & batches.legal)
    return Tokens(int(given[needing[0]]), *columns) if len(needing) else tokens
