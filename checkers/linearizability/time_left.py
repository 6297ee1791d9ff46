"""The time of a check's budget, which is one for the whole history."""

from __future__ import annotations

import time
from dataclasses import replace

from fencepost.harness.check_limits import CheckLimits


def begun(limits: CheckLimits) -> CheckLimits:
    """The same limits, of which the time runs from now on, if it did not before."""
    return limits if limits.since is not None else replace(limits, since=time.monotonic())


def is_over(limits: CheckLimits) -> bool:
    """Whether the time of the budget is over."""
    return limits.since is not None and time.monotonic() > limits.since + limits.budget.seconds
