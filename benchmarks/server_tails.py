"""Check-tails per second that a server answers, at 1, 20 and 200 connections.

The load is generated as for the appends: each connection asks for the tail of one stream, waits for the answer, and
asks again. Nothing is appended meanwhile. The rows of HTTP alone are those of an application that does nothing, on the
HTTP server of the bundled server (granian). They show how much of the cost is the way of a request between that
server's threads and the event loop.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.servers import BASIN, Bare
from benchmarks.unary import table


def tail_request(stream: str, _: int) -> bytes:
    """Return the bytes of a check-tail."""
    return f"GET /v1/streams/{stream}/records/tail HTTP/1.1\r\nhost: bench\r\ns2-basin: {BASIN}\r\n\r\n".encode()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    table(arguments, __doc__, "check-tails", tail_request, Bare)


if __name__ == "__main__":
    main()
