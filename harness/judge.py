"""Hands a history to the registered checkers and composes what they say."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from .check_limits import CheckLimits
from .history.history import History
from .registry import Registry
from .verdict import Anomaly, Checker, CheckResult, Validity, Verdict, compose

CHECKERS: Registry[Checker] = Registry("fencepost.checkers", "checker")


def judge(
    history: History, progress: Callable[[str], None] = lambda _: None, limits: CheckLimits | None = None
) -> Verdict:
    """The verdict of every registered checker, each told apart by its registered name.

    A checker that raises says ``unknown``, with its traceback as the reason; so does one that is interrupted
    (KeyboardInterrupt), and those after it. ``progress`` is told the name of each checker before it begins, and
    what it does; ``limits`` says what each may use.
    """
    limits = limits or CheckLimits()
    results: dict[str, CheckResult] = {}
    interrupted = False
    for name in CHECKERS.names():
        progress(name)
        try:
            if interrupted:
                raise KeyboardInterrupt
            results[name] = CHECKERS.make(name).check(history, replace(limits, progress=partial(_of, name, progress)))
        except KeyboardInterrupt:
            interrupted = True
            results[name] = CheckResult(Validity.UNKNOWN, reasons=("the check was interrupted",))
        except Exception:
            reason = f"the checker {name!r} raised:\n{traceback.format_exc()}"
            results[name] = CheckResult(Validity.UNKNOWN, reasons=(reason,))
    return compose(results)


def _of(name: str, progress: Callable[[str], None], text: str) -> None:
    progress(f"{name}: {text}")


def anomalies() -> tuple[Anomaly, ...]:
    """The rows of all registered checkers' anomaly tables."""
    return tuple(row for name in CHECKERS.names() for row in CHECKERS.make(name).anomalies)
