"""What the server refuses with is what a client understands."""

from __future__ import annotations

import pytest

from fencepost.harness.s2.errors import ERROR_CODES, ErrorCode, find, recognise
from fencepost.harness.server.errors import ConditionFailed, ServiceError


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
        (ConditionFailed(seq_num=0), {"seq_num_mismatch": 0}),
        (ConditionFailed(fencing_token=""), {"fencing_token_mismatch": ""}),
    ],
)
def test_the_body_of_a_412_is_the_one_that_a_client_recognises(error: ConditionFailed, body: dict[str, object]) -> None:
    assert error.body == body
    assert recognise(412, error.body) is not None
