"""Any S2 endpoint: somebody else's, so treated with care."""

from __future__ import annotations

from typing import Any, Final

from ..bearer import bearer_token
from ..client.endpoint import tls_context
from ..client.http import HttpStreamClient
from ..failure import UsageFailure
from ..history.events import StreamState
from .streams import StreamRefused, create_stream, delete_streams
from .target import TargetFailure, TargetOptions


class Endpoint:
    """An endpoint at a URL.

    Only streams that this run made are touched: each has a name under a prefix of the run's own, and is removed
    afterwards unless it is to be kept. There are no process faults, and a rate limit unless one is given. Raises
    UsageFailure where an option is missing or cannot be used, before anything is sent.
    """

    gentle_rate: Final = 100.0

    def __init__(self, options: TargetOptions) -> None:
        if options.url is None or options.basin is None:
            raise UsageFailure("an endpoint needs --target URL and --basin NAME")
        if not options.url.startswith(("http://", "https://")):
            raise UsageFailure(f"--target {options.url!r} is not a URL; it begins with http:// or https://")
        if options.bugs:
            raise UsageFailure("--bug plants bugs in the bundled server; it cannot be used with --target")
        self._options = options
        self._url = options.url
        self._basin = options.basin
        self._token = bearer_token(options.token_env)
        # One context for all clients: making one takes longer than a request does.
        self._tls = tls_context(options.ca_bundle) if options.url.startswith("https://") else None
        self._streams: list[str] = []
        self.connect()  # connects nothing yet, but refuses what cannot be used

    async def set_up(self) -> list[StreamState]:
        """Make the streams under this run's prefix."""
        names = [f"fencepost-{self._options.run_id}-{number}" for number in range(self._options.streams)]
        for name in names:
            # From here on it may be there. What was refused is not ours, whatever it is.
            self._streams.append(name)
            try:
                await create_stream(self.connect(), name)
            except StreamRefused as refused:
                self._streams.remove(name)
                raise self._failure(refused) from refused
            except TargetFailure as failure:
                raise self._failure(failure) from failure
        return [StreamState(name) for name in names]

    def connect(self) -> HttpStreamClient:
        """A client for one process identity."""
        return HttpStreamClient(
            self._url,
            self._basin,
            token=self._token,
            timeout=self._options.timeout,
            ssl_context=self._tls,
            proxy=self._options.proxy,
        )

    def describe(self) -> dict[str, Any]:
        """URL and basin, without the token."""
        return {"name": "endpoint", "url": self._url, "basin": self._basin}

    async def tear_down(self) -> None:
        """Remove the streams that this run made, unless they are to be kept."""
        if self._streams and not self._options.keep:
            try:
                await delete_streams(self.connect, self._streams)
            except TargetFailure as failure:
                raise self._failure(failure) from failure

    def _failure(self, failure: TargetFailure) -> TargetFailure:
        return TargetFailure(f"{self._url}, basin {self._basin}: {failure}")
