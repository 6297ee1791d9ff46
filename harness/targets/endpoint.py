"""The target that is an S2 endpoint at a URL. It belongs to somebody else, so runs treat it with care."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from ..bearer import bearer_token
from ..client.endpoint import Tls
from ..client.http import http_client
from ..client.options import ClientOptions
from ..client.protocol import StreamClient
from ..failure import UsageFailure
from ..history.events import StreamState
from .options import Option
from .streams import StreamRefused, StreamsLeft, create_stream, delete_streams, lifetimes_of, list_streams
from .target import Lifetimes, TargetFailure, TargetOptions

PREFIX: Final = "fencepost-"
"""The prefix of every stream that a run makes on somebody else's endpoint."""


class Endpoint:
    """An S2 endpoint at a URL.

    The run touches only streams that it made. Their names have a prefix that is unique to the run, and the run removes
    them afterwards unless ``keep`` is set. Faults do not apply to an endpoint, and its default rate is gentle. Raise
    UsageFailure for an unusable option, before anything is sent.
    """

    summary = "any S2 endpoint at a URL; only streams of this run are touched"
    options: ClassVar = (
        Option("url", "the URL of the endpoint", required=True, flag="--target URL"),
        Option("basin", "the basin to make the run's streams in", required=True, flag="--basin NAME"),
        Option("token-env", "the environment variable that holds the bearer token", flag="--token-env VAR"),
        Option("ca-bundle", "a PEM file of the certificates to trust", flag="--ca-bundle FILE"),
        Option("proxy", "the URL of an HTTP proxy; may hold a password", secret=True, flag="--proxy URL"),
    )
    gentle_rate: Final = 100.0

    def __init__(self, options: TargetOptions) -> None:
        own = options.own
        self._options = options
        self._url: str = own["url"]
        self._basin: str = own["basin"]
        if not self._url.startswith(("http://", "https://")):
            raise UsageFailure(f"--target {self._url!r} is not a URL; it begins with http:// or https://")
        self._token = bearer_token(own["token-env"])
        # All clients share one TLS context, because making one takes longer than a request.
        self._tls = Tls(own["ca-bundle"]) if self._url.startswith("https://") else None
        self._streams: list[str] = []
        self._lifetimes = Lifetimes()
        self._unsettled: str | None = None
        """The stream whose making had no answer: until the endpoint has worked it off, there is nothing to remove."""
        self.connect()  # does not connect yet, but raises UsageFailure for unusable options

    async def set_up(self) -> list[StreamState]:
        """Make the streams, with this run's prefix, and return their states. Raise TargetFailure if one is not made."""
        names = [f"{PREFIX}{self._options.run_id}-{number}" for number in range(self._options.streams)]
        for name in names:
            # From here on the stream may exist. If the endpoint refuses to make it, it is somebody else's.
            self._streams.append(name)
            self._unsettled = name
            try:
                await create_stream(self.connect, name)
            except StreamRefused as refused:
                self._streams.remove(name)
                raise self._failure(refused) from refused
            except TargetFailure as failure:
                raise self._failure(failure) from failure
            self._unsettled = None
        self._lifetimes = await lifetimes_of(lambda: http_client(self._where()), names)
        return [StreamState(name) for name in names]

    def lifetimes(self) -> Lifetimes:
        """Return what may vanish during a run, by the configurations of the streams."""
        return self._lifetimes

    def connect(self) -> StreamClient:
        """Return a client for one process."""
        return self._options.client(self._where())

    def _where(self) -> ClientOptions:
        return ClientOptions(
            url=self._url,
            basin=self._basin,
            network=self._options.world.network,
            timeout=self._options.timeout,
            token=self._token,
            tls=self._tls,
            proxy=self._options.own["proxy"],
        )

    def describe(self) -> dict[str, Any]:
        """Return the URL and the basin, without the token."""
        return {"name": "endpoint", "url": self._url, "basin": self._basin}

    async def tear_down(self) -> None:
        """Remove the streams that this run made, unless ``keep`` is set. Raise TargetFailure for what may be left."""
        if not self._streams or self._options.keep:
            return
        prefix = f"{PREFIX}{self._options.run_id}-"
        absent = await self.remove(self._streams, prefix)
        if self._unsettled in absent:
            failure = TargetFailure(f"the stream {self._unsettled!r} may still be made: there was no answer")
            raise TargetFailure(f"{self._failure(failure)}; to remove it then: {self._cleaning(prefix)}")

    async def leftovers(self, prefix: str) -> list[str]:
        """Return the names of the basin's streams that begin with ``prefix``. Raise TargetFailure if that fails."""
        try:
            return await list_streams(lambda: http_client(self._where()), prefix)
        except TargetFailure as failure:
            raise self._failure(failure) from failure

    async def remove(self, names: Sequence[str], prefix: str) -> set[str]:
        """Remove streams whose names begin with ``prefix``, and return the names of those that did not exist.

        Raise TargetFailure that says how to remove the rest.
        """
        try:
            return await delete_streams(self.connect, names)
        except StreamsLeft as failure:
            raise TargetFailure(f"{self._failure(failure)}; to remove them: {self._cleaning(prefix)}") from failure

    def _cleaning(self, prefix: str) -> str:
        """Return the command that removes the rest. The URL of a proxy may hold a password, so it is a placeholder."""
        own = self._options.own
        words = ["fencepost", "clean", "--target", self._url, "--basin", self._basin, "--prefix", prefix]
        for name in ("token-env", "ca-bundle"):
            words += [f"--{name}", own[name]] if own[name] else []
        return shlex.join(words) + (" --proxy URL" if own["proxy"] else "")

    def _failure(self, failure: TargetFailure) -> TargetFailure:
        hint = ""
        if "certificate verify failed" in str(failure).lower():
            hint = "; if you trust this server, pass its certificate or its authority's with --ca-bundle FILE"
        return TargetFailure(f"{self._url}, basin {self._basin}: {failure}{hint}")
