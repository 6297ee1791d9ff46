"""Which operations the harness did itself to close a run. They are judged, but tell nothing of the clients."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import History

CLOSING: Final = "closing-"
"""What the purpose of such an operation begins with."""


def is_closing(history: History) -> NDArray[np.bool_]:
    """The mask of those operations, shape (n,)."""
    purposes = [purpose.startswith(CLOSING) for purpose in history.purposes]
    return np.asarray(np.array(purposes, dtype=np.bool_)[history.purpose], dtype=np.bool_)
