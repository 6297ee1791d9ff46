"""The server's table of error codes and the client's are written twice; they must not drift apart."""

from __future__ import annotations

import pytest

from fencepost.harness.client import errors as client
from fencepost.harness.server.errors import ERROR_CODES, ConditionFailed, ServiceError

# Not S2's: to a client these are unknown, and so promise nothing.
OURS = {"not_found", "method_not_allowed", "payload_too_large"}


@pytest.mark.parametrize("code", ERROR_CODES)
def test_a_code_means_the_same_to_the_client(code: str) -> None:
    server = ERROR_CODES[code]
    known = client.find(server.code, server.status)
    if server.code in OURS:
        assert known is None
        assert 400 <= server.status < 500
    else:
        assert known is not None
        assert known.definite == server.definite


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
    assert client.recognise(412, error.body) is not None
