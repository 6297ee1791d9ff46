"""Whether the sentences of a violation and its witness are about the same operations."""

from __future__ import annotations

import re

from fencepost.harness.verdict import Violation


def unlike(violation: Violation) -> str | None:
    """Which operations are only in the sentences of a violation, or only in its witness; None if none are."""
    named = {int(number) for text in violation.sentences for number in re.findall(r"#(\d+)", text)}
    strangers = named.difference(violation.operations, violation.context)
    silent = set(violation.operations) - named
    if strangers or silent:
        return f"{violation}: {sorted(strangers)} are only in the sentences, {sorted(silent)} only in the witness"
    return None
