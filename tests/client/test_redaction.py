"""The bearer token is struck out of what is kept, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost.harness.bearer import short_token_warning
from fencepost.harness.client import wire
from fencepost.harness.client.outcome import Definite, Indefinite
from fencepost.harness.client.redaction import SHORT, redacted, redacted_json

LONG = "a-bearer-token-that-is-like-no-other-0xC0FFEE"
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=24)
"""What a token may be made of."""


@given(visible)
def test_no_header_value_survives(token: str) -> None:
    for scheme in ("Bearer ", "bearer  ", "BEARER\t", "Bearer%20", "Bearer+"):
        text = redacted(token, f"authorization: {scheme}{token}")
        assert text == f"authorization: {scheme}<token>"
        echo = redacted_json(token, {"message": [{"code": f"{scheme}{token}"}]})  # names that no token can hide
        assert echo == {"message": [{"code": f"{scheme}<token>"}]}


@given(visible.filter(lambda token: len(token) >= SHORT), st.text(max_size=9), st.text(max_size=9))
def test_a_long_token_survives_nowhere(token: str, before: str, after: str) -> None:
    assert token not in redacted(token, before + token + after).replace("<token>", " ")


@pytest.mark.parametrize("token", ["t", "e", "an", "not", "1", "s2"])
def test_a_short_token_leaves_other_words_as_they_are(token: str) -> None:
    """Fault 17: with the token ``t`` every message was unreadable."""
    message = "another tenant's stream is not there yet (attempt s21)".replace(f" {token} ", " ")
    assert redacted(token, message) == message
    assert redacted(token, f"who is {token}?") == "who is <token>?"
    assert redacted(token, f'"{token}", {token}') == '"<token>", <token>'
    # It read "the bearer <token>oken is missing".
    missing = f"the bearer {token}oken is missing"
    assert redacted(token, missing) == missing


def test_messages_stay_readable_whatever_the_token_is() -> None:
    body = b'{"code":"permission_denied","message":"the stream may not be touched"}'
    for token in ("t", "code", "message", '"', "{", ":", "permission_denied", "other"):
        outcome = wire.conclude(wire.APPEND, 403, body, token)
        assert isinstance(outcome, Definite)
        assert outcome.code == "permission_denied"
        assert outcome.body["message"] == "the stream may not be touched"
    for token in ("t", "answered", "error", "service", "200"):
        outcome = wire.conclude(wire.APPEND, 500, b"<html>", token)
        assert isinstance(outcome, Indefinite)
        assert outcome.reason == "answered 500 without an error of the service: perhaps something in between"
        assert outcome.body == {"text": "<html>"}
        outcome = wire.conclude(wire.APPEND, 200, b"[]", token)
        assert isinstance(outcome, Indefinite)
        assert outcome.reason.startswith("answered 200, but not with the append ack expected: ")


def test_names_and_numbers_are_texts_of_an_answer_too() -> None:
    token = "1234567890"
    body = {"1234567890": 1234567890, "message": f"x{token}x", "number": 12345678901}
    assert redacted_json(token, body) == {"<token>": "<token>", "message": "x<token>x", "number": 12345678901}
    assert redacted_json(None, body) is body


def test_a_short_token_is_warned_of_and_a_long_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT_TOKEN", "t")
    monkeypatch.setenv("LONG_TOKEN", LONG)
    warning = short_token_warning("SHORT_TOKEN")
    assert warning is not None
    assert "the token in SHORT_TOKEN is shorter than 8 characters (1)" in warning
    assert [short_token_warning(name) for name in ("LONG_TOKEN", "NO_TOKEN", None)] == [None] * 3
