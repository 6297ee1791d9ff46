"""A stranger's checker."""

from __future__ import annotations

import fencepost


class Checker:
    """Finds that strange things were done."""

    name = "stranger-checker"
    summary = "notices strange operations"
    general = False
    anomalies = (
        fencepost.Anomaly(
            "strangeness", "something strange was done", fencepost.Severity.MINOR, "purpose ≠ strange", "all is normal"
        ),
    )

    def check(self, history: fencepost.History, limits: fencepost.CheckLimits) -> fencepost.CheckResult:
        strange = [row for row in range(len(history)) if history.operation(row).purpose == "strange"]
        if not strange:
            return fencepost.CheckResult(fencepost.Validity.VALID)
        operation = history.operation(strange[0])
        assert operation.kind in fencepost.Kind
        found = fencepost.Violation(
            "strangeness",
            operation.stream,
            "all is normal",
            (operation.id,),
            (),
            ("It is strange.",),
            count=len(strange),
        )
        return fencepost.CheckResult(fencepost.Validity.INVALID, (found,), details={"struck": len(history.faults)})
