"""Unary appends per second that a server makes durable, at 1, 20 and 200 connections.

A raw socket loop in a separate process generates the load, because the harness's own client would be the bottleneck.
Each connection sends an append of one record, waits for the acknowledgement, and sends the next. The server's data is
on disk. Afterwards the stream must have exactly the acknowledged records.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.servers import BASIN
from benchmarks.unary import table


def append_request(stream: str, body_bytes: int) -> bytes:
    """Return the bytes of a request that appends one record."""
    body = json.dumps({"records": [{"body": "x" * body_bytes}]}, separators=(",", ":")).encode()
    head = f"POST /v1/streams/{stream}/records HTTP/1.1\r\nhost: bench\r\ns2-basin: {BASIN}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    table(arguments, __doc__, "appends", append_request)


if __name__ == "__main__":
    main()
