"""The verifier as the command meets it."""

from __future__ import annotations

from collections.abc import Mapping

from fencepost.harness.failure import UsageFailure
from fencepost.harness.history.history import History
from fencepost.harness.verdict import Validity, Verification

from .verifier.statement import Damaged
from .verifier.verdict import check


class LinearizabilityVerifier:
    """Re-checks the certificates of the linearizability checker."""

    def verify(self, history: History, parts: Mapping[str, bytes], claimed: Validity) -> Verification:
        """See :class:`~fencepost.harness.verdict.Verifier`."""
        try:
            checked = check(history, parts, claimed)
        except Damaged as damaged:
            raise UsageFailure(str(damaged)) from damaged
        return Verification(tuple(checked.lines), tuple(checked.failures))
