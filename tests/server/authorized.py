"""A server that asks for tokens, and clients that have one."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .processes import Answer, Connection, ServerProcess

ROOT = "root-token-of-the-tests"
DENIED = (403, "permission_denied")
EVERYWHERE = {"basins": {"prefix": ""}, "streams": {"prefix": ""}, "access_tokens": {"prefix": ""}}


def auth_server(log: Path, *options: str) -> ServerProcess:
    """A server with ``--auth`` that knows the root token."""
    return ServerProcess(log, "--auth", "--token-env", "ROOT_TOKEN", *options, env={"ROOT_TOKEN": ROOT})


class Client(Connection):
    """A connection whose requests have a token."""

    def __init__(self, port: int, token: str = ROOT) -> None:
        super().__init__(port)
        self.authorization = {"authorization": f"Bearer {token}"}

    def request(self, method: str, path: str, body: Any = None, headers: Any = (), basin: str | None = None) -> Answer:
        """See :class:`Connection`. The basin is that of the tests unless another one is given."""
        given = dict(headers.items() if isinstance(headers, Mapping) else headers)
        target = {} if basin is None else {"basin": basin}
        return super().request(method, path, body, self.authorization | given, **target)

    def issue(self, id_: str, scope: Mapping[str, Any], **members: Any) -> Answer:
        """Ask for an access token."""
        return self.request("POST", "/v1/access-tokens", {"id": id_, "scope": scope, **members})

    def token(self, id_: str, scope: Mapping[str, Any], **members: Any) -> str:
        """Issue an access token."""
        answer = self.issue(id_, scope, **members)
        assert answer.status == 201, answer
        assert list(answer.json) == ["access_token"]
        return str(answer.json["access_token"])

    def with_token(self, id_: str, scope: Mapping[str, Any], **members: Any) -> Client:
        """Issue an access token, and return a client that has it, on the same connection."""
        return self.having(self.token(id_, scope, **members))

    def having(self, token: str) -> Client:
        """Return a client that has another token, on the same connection."""
        other = copy.copy(self)
        other.authorization = {"authorization": f"Bearer {token}"}
        return other

    def revoke(self, id_: str) -> Answer:
        """Revoke an access token."""
        return self.request("DELETE", f"/v1/access-tokens/{id_}")

    def listed(self, query: str = "") -> tuple[list[str], bool]:
        """The ids of a list of access tokens, and whether there are more."""
        answer = self.request("GET", f"/v1/access-tokens{query}")
        assert answer.status == 200, answer
        found = json.loads(answer.body)
        return [row["id"] for row in found["access_tokens"]], found["has_more"]


def refusal(answer: Answer) -> tuple[int, str]:
    """The status and the code."""
    return answer.status, answer.code
