"""The verifier as the command meets it: the kernel, run alone."""

from __future__ import annotations

from collections.abc import Mapping

from fencepost.harness.failure import UsageFailure
from fencepost.harness.history.history import History
from fencepost.harness.verdict import Validity, Verification

from ..kernel.format import Damaged
from ..kernel.verify import verify


class LinearizabilityVerifier:
    """Re-checks the certificates of the linearizability checker."""

    def verify(self, history: History, parts: Mapping[str, bytes], claimed: Validity) -> Verification:
        """See :class:`~fencepost.harness.verdict.Verifier`."""
        try:
            checked = verify(history, parts, claimed)
        except Damaged as damaged:
            raise UsageFailure(str(damaged)) from damaged
        return Verification(tuple(checked.lines), tuple(checked.failures))
