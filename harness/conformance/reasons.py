"""The clauses that no case can judge, and why."""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    "A3": "only a crash of the server shows it: fencepost run regular --faults kill judges it",
    "P6": "it says what a client may conclude from answers that no request provokes: fencepost run judges by it",
}
"""Every clause of docs/semantics.md has a case or stands here."""
