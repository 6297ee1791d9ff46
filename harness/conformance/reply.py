"""An answer of the service, and what makes a case end without a verdict on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class NoAnswer(Exception):
    """A request had no answer: nobody knows whether the service conforms.

    ``sent`` is False if it cannot have had an effect either.
    """

    def __init__(self, why: str, *, sent: bool = True) -> None:
        super().__init__(why)
        self.sent = sent


class Interrupted(Exception):
    """Somebody wants the run to end: no more requests are sent."""


class NotOffered(Exception):
    """The service answered 501: it does not offer what the case is about."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, its headers (found by names in lower case) and its body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON. Fail if it is not."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise AssertionError(f"the answer {self.status} is not JSON: {self.body[:80]!r}") from None

    @property
    def code(self) -> str:
        """The error code in the body, or an empty string."""
        return error_code(self.body)


def error_code(body: bytes) -> str:
    """Return the error code in the body of an answer, or an empty string."""
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return str(value.get("code", "")) if isinstance(value, dict) else ""


def refuse_missing(status: int, body: bytes) -> None:
    """Raise NotOffered for a 501."""
    if status == 501:
        raise NotOffered(f"501 {error_code(body)}")


def refused(answer: Reply, status: int, code: str) -> None:
    """Fail unless the answer is an error with this status and code, in the form of S2's errors."""
    assert (answer.status, answer.code) == (status, code), f"{status} {code} is due, not {answer}"
    assert isinstance(answer.json.get("message"), str), f"an error has a message: {answer}"
