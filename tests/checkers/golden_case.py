"""What a golden history is; ``goldens.py`` has them all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fencepost.harness.verdict import CheckResult, Validity
from fencepost.testing import Op, append

FOLDER: Final = Path(__file__).parent / "golden"


@dataclass(frozen=True, slots=True)
class Golden:
    """A history and what must be said of it.

    ``anomaly`` is one that must be reported, None of a sound history. ``observed`` is False where nothing was observed:
    sound, and unknown. ``unique`` is what the header says of records.
    """

    name: str
    anomaly: str | None
    ops: tuple[Op, ...]
    tail: int = 0
    token: str | None = ""
    observed: bool = True
    unique: bool = True

    @property
    def path(self) -> Path:
        """Where its journal is."""
        return FOLDER / f"{self.name}.jsonl"


def bad(anomaly: str, case: str, *ops: Op, tail: int = 0, token: str | None = "") -> Golden:
    """A history that shows an anomaly."""
    return Golden(f"{anomaly}-{case}", anomaly, ops, tail, token)


def near(anomaly: str, case: str, *ops: Op, tail: int = 0, token: str | None = "") -> Golden:
    """A sound history that nearly shows an anomaly."""
    return Golden(f"near-{anomaly}-{case}", None, ops, tail, token)


def sound(name: str, *ops: Op, tail: int = 0, token: str | None = "", unique: bool = True) -> Golden:
    """A sound history that is easily misjudged."""
    return Golden(f"trap-{name}", None, ops, tail, token, unique=unique)


def unsound(
    name: str,
    anomaly: str,
    *ops: Op,
    tail: int = 0,
    token: str | None = "",
    unique: bool = True,
) -> Golden:
    """A history that is easily taken for a sound one."""
    return Golden(f"trap-{name}", anomaly, ops, tail, token, unique=unique)


def misjudged(golden: Golden, result: CheckResult) -> str | None:
    """How a verdict on a golden history is wrong; None if it is not."""
    names = {name for violation in result.violations for name in violation.names}
    if golden.anomaly is not None:
        if result.validity is not Validity.INVALID:
            return f"{result.validity} instead of invalid"
        return None if golden.anomaly in names else f"{sorted(names)} without {golden.anomaly}"
    if names:
        return f"{sorted(names)} in a sound history"
    expected = Validity.VALID if golden.observed else Validity.UNKNOWN
    return None if result.validity is expected else f"{result.validity} instead of {expected}: {result.reasons}"


X_THEN_Y = (append(0, 0, 1, "fence=x", ack=0), append(1, 2, 3, "fence=y", token="x", ack=1))
A_B_C = (append(0, 0, 1, "a", ack=0), append(0, 2, 3, "b", ack=1), append(0, 4, 5, "c", ack=2))
TRIMMED = (append(0, 0, 1, "a b c", ack=0), append(0, 2, 3, "trim=2", ack=3))
