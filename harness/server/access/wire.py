"""The JSON of access tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ...s2.json_codec import decode
from ...s2.limits import MAX_ACCESS_TOKEN_ID_BYTES, MAX_BASIN_NAME, MAX_STREAM_NAME_BYTES
from ..entries import AccessTokenSet
from ..errors import ServiceError
from ..names import check_token_id
from .scopes import NOTHING, Names, Op, OperationGroups, ReadWrite, Scope

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


class _Strict(Struct, forbid_unknown_fields=True):
    pass


class _Names(_Strict):
    exact: str | UnsetType = UNSET
    prefix: str | UnsetType = UNSET


class _ReadWrite(_Strict):
    read: bool | None = None
    write: bool | None = None


class _Groups(_Strict):
    account: _ReadWrite | None = None
    basin: _ReadWrite | None = None
    stream: _ReadWrite | None = None


class _Scope(_Strict):
    basins: _Names | None = None
    streams: _Names | None = None
    access_tokens: _Names | None = None
    op_groups: _Groups | None = None
    ops: list[Op] | None = None


class _Issue(_Strict):
    id: str
    scope: _Scope
    auto_prefix_streams: bool | None = None
    expires_at: datetime | None = None


_issue: Final = msgspec.json.Decoder(_Issue)


def decode_issue(body: bytes) -> AccessTokenSet:
    """Return the access token to issue, without the digest of its secret. Raise Malformed, or ``bad_json``."""
    request = decode(_issue, body)
    check_token_id(request.id, "bad_json")
    scope, groups = request.scope, request.scope.op_groups or _Groups()
    return AccessTokenSet(
        request.id,
        Scope(
            _names(scope.basins, "basins", MAX_BASIN_NAME),
            _names(scope.streams, "streams", MAX_STREAM_NAME_BYTES),
            _names(scope.access_tokens, "access_tokens", MAX_ACCESS_TOKEN_ID_BYTES),
            OperationGroups(_read_write(groups.account), _read_write(groups.basin), _read_write(groups.stream)),
            tuple(dict.fromkeys(scope.ops or ())),
        ),
        bool(request.auto_prefix_streams),
        _milliseconds(request.expires_at),
    )


def show_token(row: AccessTokenSet) -> dict[str, Any]:
    """Return an access token as a row of a list, with its expiry in RFC 3339."""
    scope = row.scope
    return {
        "id": row.id,
        "expires_at": None if row.expires_at is None else _EPOCH + timedelta(milliseconds=row.expires_at),
        "auto_prefix_streams": row.auto_prefix_streams,
        "scope": {
            "basins": _show_names(scope.basins),
            "streams": _show_names(scope.streams),
            "access_tokens": _show_names(scope.access_tokens),
            "op_groups": scope.op_groups,
            "ops": scope.ops,
        },
    }


def _names(given: _Names | None, kind: str, longest: int) -> Names:
    if given is None:
        return NOTHING
    match given.exact, given.prefix:
        case str(name), UnsetType():
            names = Names(name)
        case UnsetType(), str(name):
            names = Names(name, prefix=True)
        case _:
            raise ServiceError("bad_json", f"{kind} must have exactly one of exact and prefix")
    if len(names.name.encode()) > longest:
        raise ServiceError("bad_json", f"a name or prefix in {kind} may have at most {longest} bytes")
    return names


def _show_names(names: Names) -> dict[str, str] | None:
    return None if names == NOTHING else {"prefix" if names.prefix else "exact": names.name}


def _read_write(given: _ReadWrite | None) -> ReadWrite:
    return ReadWrite() if given is None else ReadWrite(read=bool(given.read), write=bool(given.write))


def _milliseconds(time: datetime | None) -> int | None:
    if time is None:
        return None
    if time.tzinfo is None:
        raise ServiceError("bad_json", "expires_at must have an offset from UTC, such as Z")
    return (min(time, _LATEST) - _EPOCH) // timedelta(milliseconds=1)
