"""The proof of a verdict, as the harness stores it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fencepost.harness.history.history import History

from ..kernel.format import Claim, Statement, write


@dataclass(frozen=True, slots=True)
class LinearizabilityCertificate:
    """What is claimed of each stream. ``reasons`` are those that concern no stream alone."""

    history: History
    claims: Sequence[Claim]
    reasons: Sequence[str] = ()

    def parts(self) -> dict[str, bytes]:
        """See :class:`~fencepost.harness.verdict.Certificate`."""
        return write(self.history, Statement(self.claims, self.reasons))
