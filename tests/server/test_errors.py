"""What the server refuses with is what a client understands."""

from __future__ import annotations

import pytest

from fencepost.harness.s2 import Position
from fencepost.harness.s2.errors import (
    ERROR_CODES,
    FENCING_TOKEN_MISMATCH,
    RANGE_NOT_SATISFIABLE,
    SEQ_NUM_MISMATCH,
    ErrorCode,
    find,
    recognise,
)
from fencepost.harness.server.errors import ServiceError, StateMismatch


@pytest.mark.parametrize("row", [row for row in ERROR_CODES if row.statuses and not row.own_body], ids=lambda r: r.code)
def test_a_client_knows_a_refusal_unless_the_code_is_the_servers_own(row: ErrorCode) -> None:
    error = ServiceError(row.code, "")
    assert find(error.code, error.status) is (None if row.ours else row)
    assert error.definite is row.definite


def test_a_refusal_knows_its_row() -> None:
    error = ServiceError("server_draining", "stopping")
    assert (error.status, error.definite, error.code, error.message) == (503, True, "server_draining", "stopping")
    with pytest.raises(KeyError):
        ServiceError("nonsense", "")


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (StateMismatch(SEQ_NUM_MISMATCH, 0), {"seq_num_mismatch": 0}),
        (StateMismatch(FENCING_TOKEN_MISMATCH, ""), {"fencing_token_mismatch": ""}),
        (StateMismatch(RANGE_NOT_SATISFIABLE, Position(3, 9)), {"tail": {"seq_num": 3, "timestamp": 9}}),
    ],
)
def test_the_body_is_the_one_that_a_client_recognises(error: StateMismatch, body: dict[str, object]) -> None:
    assert error.body == body
    row = recognise(error.status, error.body)
    assert row is not None
    assert row.code == error.code
