"""Hand a history to its checkers and compose their verdicts."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from .check_limits import CheckLimits
from .history.history import History
from .registry import Registry
from .verdict import Anomaly, Checker, CheckResult, Validity, Verdict, compose, is_general

CHECKERS: Registry[Checker] = Registry("fencepost.checkers", "checker")


def judge(
    history: History, progress: Callable[[str], None] = lambda _: None, limits: CheckLimits | None = None
) -> Verdict:
    """Return the composed verdict of the checkers that the history's header names, or else of every general one.

    A checker that raises says ``unknown``, with its traceback as the reason. So does a checker that the header names
    and that is not installed: what nobody checked is never valid. An interrupt (KeyboardInterrupt) makes the checker
    that it meets ``unknown``, and those after it. ``progress`` receives the name of each checker before it begins, and
    what it does; ``limits`` says what each may use.
    """
    limits = limits or CheckLimits()
    named = history.header.checkers
    installed = CHECKERS.names()
    results: dict[str, CheckResult] = {}
    interrupted = False
    for name in installed if named is None else dict.fromkeys(named):
        try:
            if name not in installed:
                results[name] = CheckResult(Validity.UNKNOWN, reasons=(_missing(name, installed),))
                continue
            checker = CHECKERS.make(name)
            if named is None and not is_general(checker):
                continue
            if interrupted:
                raise KeyboardInterrupt
            progress(name)
            results[name] = checker.check(history, replace(limits, progress=partial(_of, name, progress)))
        except KeyboardInterrupt:
            interrupted = True
            results[name] = CheckResult(Validity.UNKNOWN, reasons=("the check was interrupted",))
        except Exception:
            reason = f"the checker {name!r} raised:\n{traceback.format_exc()}"
            results[name] = CheckResult(Validity.UNKNOWN, reasons=(reason,))
    return compose(results)


def _missing(name: str, installed: list[str]) -> str:
    there_are = f"there are: {', '.join(installed)}" if installed else "there is none"
    return (
        f"the history names the checker {name!r}, which is not installed ({there_are}); "
        "install the package that registers it and check again"
    )


def _of(name: str, progress: Callable[[str], None], text: str) -> None:
    progress(f"{name}: {text}")


def anomalies() -> tuple[Anomaly, ...]:
    """Return the rows of every registered checker's anomaly table, general or not."""
    return tuple(row for name in CHECKERS.names() for row in CHECKERS.make(name).anomalies)
