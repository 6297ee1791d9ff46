"""The table of error codes, against the rule as the service states it."""

from __future__ import annotations

import pytest

from fencepost.harness.client import wire
from fencepost.harness.client.outcome import Definite, Indefinite
from fencepost.harness.s2.errors import ERROR_CODES, ErrorCode

STATUSES = sorted({status for row in ERROR_CODES for status in row.statuses} | {200, 418, 599})
CODED = [row for row in ERROR_CODES if row.statuses and not row.own_body and not row.ours]


def promised(code: str, status: int) -> bool:
    """The rule, written down a second time."""
    if 400 <= status < 500:
        return code not in ("request_timeout", "client_hangup")
    return (code, status) in {("hot_server", 502), ("server_draining", 503), ("not_implemented", 501)}


def test_codes_are_unique() -> None:
    assert len({row.code for row in ERROR_CODES}) == len(ERROR_CODES)


@pytest.mark.parametrize("row", CODED, ids=lambda row: row.code)
def test_code_counts_only_with_its_own_status(row: ErrorCode) -> None:
    body = f'{{"code": "{row.code}", "message": "why"}}'.encode()
    for status in STATUSES:
        outcome = wire.conclude(wire.APPEND, status, body)
        if status in row.statuses and promised(row.code, status):
            assert outcome == Definite(row.code, status, {"code": row.code, "message": "why"})
        else:
            assert isinstance(outcome, Indefinite), (status, outcome)
            assert outcome.status == status
            assert outcome.body == {"code": row.code, "message": "why"}


@pytest.mark.parametrize("row", [row for row in ERROR_CODES if not row.statuses or row.own_body], ids=lambda r: r.code)
def test_names_that_the_client_gives_are_no_codes_of_an_answer(row: ErrorCode) -> None:
    for status in STATUSES:
        body = f'{{"code": "{row.code}", "message": "why"}}'.encode()
        assert isinstance(wire.conclude(wire.APPEND, status, body), Indefinite)


@pytest.mark.parametrize(
    ("operation", "status", "body", "code"),
    [
        (wire.APPEND, 412, b'{"seq_num_mismatch": 0}', "seq_num_mismatch"),
        (wire.APPEND, 412, b'{"seq_num_mismatch": 18446744073709551615}', "seq_num_mismatch"),
        (wire.APPEND, 412, b'{"seq_num_mismatch": 18446744073709551616}', None),
        (wire.APPEND, 412, b'{"seq_num_mismatch": true}', None),
        (wire.APPEND, 412, b'{"seq_num_mismatch": 1.0}', None),
        (wire.APPEND, 412, b'{"fencing_token_mismatch": "\xc3\xa9"}', "fencing_token_mismatch"),
        (wire.APPEND, 412, b'{"fencing_token_mismatch": null}', None),
        (wire.APPEND, 412, b'{"code": "invalid", "message": "no"}', None),
        (wire.APPEND, 400, b'{"seq_num_mismatch": 0}', None),
        (wire.READ, 412, b'{"seq_num_mismatch": 0}', None),
        (wire.CHECK_TAIL, 412, b'{"seq_num_mismatch": 0}', None),
        (wire.READ, 416, b'{"tail": {"seq_num": 3, "timestamp": 9}}', "range_not_satisfiable"),
        (wire.READ, 416, b'{"tail": {"seq_num": 3}}', None),
        (wire.READ, 416, b'{"tail": 3}', None),
        (wire.READ, 416, b"", None),
        (wire.APPEND, 416, b'{"tail": {"seq_num": 3, "timestamp": 9}}', None),
    ],
)
def test_condition_failures_need_their_own_body(
    operation: wire.Operation[object], status: int, body: bytes, code: str | None
) -> None:
    outcome = wire.conclude(operation, status, body)
    if code is None:
        assert isinstance(outcome, Indefinite), outcome
    else:
        assert isinstance(outcome, Definite)
        assert outcome.code == code
