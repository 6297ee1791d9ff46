"""Failures that are the user's to mend: each says what, where and what to do."""

from __future__ import annotations


class UsageFailure(Exception):
    """Bad input: an option, a name, a file. The command ends with exit code 254 and this text."""
