"""Failures that the user can fix: each says what happened, where, and what to do."""

from __future__ import annotations


class UsageFailure(Exception):
    """Bad input, such as an option, a name or a file. The command prints this text and ends with exit code 254."""
