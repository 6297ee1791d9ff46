"""A stream under test, and its basin, as cases use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

from ..s2 import Ack, Append, Batch, Position, Record, SequencedRecord, json_codec
from ..s2.errors import Malformed
from .events import Events
from .reply import Reply
from .service import Service
from .sessions import Session

T = TypeVar("T")
Given: TypeAlias = Record | str | bytes
"""A record, or the body of one."""

DELETION_SECONDS: Final = 30.0
"""How long a case waits until a deleted stream is gone."""

_PAUSE: Final = 0.1


class Basin:
    """A basin. The streams that are made in it have names that begin with ``prefix``."""

    def __init__(self, service: Service, name: str, prefix: str) -> None:
        self.service = service
        self.name = name
        self._prefix = prefix
        self._numbers = count(1)

    def stream(self, name: str | None = None) -> Stream:
        """Return a stream that does not exist yet, under a new name (``name`` follows the prefix)."""
        return Stream(self, f"{self._prefix}{next(self._numbers)}{name or ''}")

    async def created(self, name: str | None = None, **config: Any) -> Stream:
        """Return a new stream with this configuration."""
        stream = self.stream(name)
        answer = await stream.create(**config)
        assert answer.status == 201, f"a stream is to be created, not {answer}"
        return stream

    async def request(
        self,
        method: str,
        target: str,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        patience: float = 0.0,
    ) -> Reply:
        """Return the answer to a request that names the basin. See :meth:`.service.Service.request`."""
        own = {"s2-basin": self.name, **(headers or {})}
        return await self.service.request(method, target, body, own, patience=patience)


class Stream:
    """A stream, by its name."""

    def __init__(self, basin: Basin, name: str) -> None:
        self.basin = basin
        self.name = name
        self.path: Final = f"/streams/{quote(name, safe='')}"

    # The control plane.

    async def create(self, headers: Mapping[str, str] | None = None, **config: Any) -> Reply:
        """Return the answer to its creation, with the default timestamping unless ``config`` says otherwise."""
        body = {"stream": self.name, "config": {"timestamping": {"mode": "client-prefer"}, **config}}
        return await self.basin.request("POST", "/streams", body, headers=headers)

    async def delete(self) -> Reply:
        """Return the answer to its deletion."""
        return await self.basin.request("DELETE", self.path)

    async def gone(self) -> bool:
        """Return whether the deleted stream is gone before patience is."""
        for _ in range(round(DELETION_SECONDS / _PAUSE)):
            if (await self.basin.request("GET", self.path)).status == 404:
                return True
            await asyncio.sleep(_PAUSE)
        return False

    # Appends, tails and reads.

    async def append(
        self, *records: Given, match_seq_num: int | None = None, fencing_token: str | None = None
    ) -> Reply:
        """Return the answer to an append of these records, in JSON."""
        body = json_codec.encode(append_of(*records, match_seq_num=match_seq_num, fencing_token=fencing_token))
        return await self._records("POST", body=body, headers={"content-type": "application/json"})

    async def append_together(self, *batches: Append) -> list[Reply]:
        """Return the answers to appends that leave at the same time, in JSON over HTTP/2."""
        headers = {"s2-basin": self.basin.name, "s2-format": "base64", "content-type": "application/json"}
        bodies = [json_codec.encode(batch) for batch in batches]
        return await self.basin.service.post_together(f"{self.path}/records", bodies, headers)

    async def appended(self, *records: Given, **conditions: Any) -> Ack:
        """Return the ack of an append, which must succeed."""
        return ack_of(await self.append(*records, **conditions))

    async def check_tail(self) -> Reply:
        """Return the answer to a check-tail."""
        return await self.basin.request("GET", f"{self.path}/records/tail")

    async def tail(self) -> Position:
        """Return the tail. The check-tail must succeed."""
        answer = await self.check_tail()
        assert answer.status == 200, f"a check-tail is to be answered, not {answer}"
        return _understood(json_codec.decode_tail, answer).tail

    async def read(self, headers: Mapping[str, str] | None = None, /, **query: Any) -> Reply:
        """Return the answer to a unary read, in JSON with base64."""
        return await self._records("GET", _query(query), headers=headers, patience=min(60.0, query.get("wait", 0)))

    async def batch(self, **query: Any) -> Batch:
        """Return the batch of a unary read, which must succeed."""
        return batch_of(await self.read(**query))

    async def records(self, **query: Any) -> tuple[SequencedRecord, ...]:
        """Return the records of a unary read, which must succeed."""
        return (await self.batch(**query)).records

    async def post(self, body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the answer to an append whose body is given as it is."""
        return await self._records("POST", body=body, headers={"content-type": content_type, **(headers or {})})

    # Sessions.

    @asynccontextmanager
    async def append_session(self) -> AsyncIterator[Session]:
        """Open an append session."""
        async with self._session("POST", {}) as session:
            yield session

    @asynccontextmanager
    async def read_session(self, **query: Any) -> AsyncIterator[Session]:
        """Open a read session."""
        async with self._session("GET", query) as session:
            yield session

    def events(self, headers: Mapping[str, str] | None = None, **query: Any) -> AbstractAsyncContextManager[Events]:
        """Open a read that is answered by server-sent events."""
        own = {"s2-basin": self.basin.name, **(headers or {})}
        return self.basin.service.events(f"{self.path}/records{_query(query)}", own)

    def _session(self, method: str, query: Mapping[str, Any]) -> AbstractAsyncContextManager[Session]:
        target = f"{self.path}/records{_query(query)}"
        return self.basin.service.session(method, target, {"s2-basin": self.basin.name})

    async def _records(
        self,
        method: str,
        query: str = "",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = 0.0,
    ) -> Reply:
        own = {"s2-format": "base64", **(headers or {})}
        return await self.basin.request(method, f"{self.path}/records{query}", body, headers=own, patience=patience)


def append_of(*records: Given, match_seq_num: int | None = None, fencing_token: str | None = None) -> Append:
    """Return an append of these records."""
    return Append(tuple(_record(record) for record in records), match_seq_num, fencing_token)


def ack_of(answer: Reply) -> Ack:
    """Return the ack in an answer. Fail if there is none."""
    assert answer.status == 200, f"the append is to succeed, not {answer}"
    return _understood(json_codec.decode_ack, answer)


def batch_of(answer: Reply) -> Batch:
    """Return the batch in an answer. Fail if there is none."""
    assert answer.status == 200, f"the read is to succeed, not {answer}"
    return _understood(json_codec.decode_batch, answer)


def beyond(answer: Reply) -> Position:
    """Return the tail in a 416. Fail if the answer is anything else."""
    assert answer.status == 416, f"416 is due, not {answer}"
    return _understood(json_codec.decode_tail, answer).tail


def _understood(decode: Callable[[bytes], T], answer: Reply) -> T:
    try:
        return decode(answer.body)
    except Malformed as error:
        raise AssertionError(f"the answer is not of the form that is due: {error}: {answer}") from None


def _record(given: Given) -> Record:
    if isinstance(given, Record):
        return given
    return Record(given.encode() if isinstance(given, str) else given)


def _query(query: Mapping[str, Any]) -> str:
    values = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
    return f"?{urlencode(values)}" if values else ""
