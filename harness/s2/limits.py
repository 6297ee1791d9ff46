"""The limits that S2 documents."""

from __future__ import annotations

from typing import Final

MAX_BATCH_RECORDS: Final = 1000
"""Most records of an append, and of the answer to a unary read."""

MAX_BATCH_BYTES: Final = 1 << 20
"""Most metered bytes of an append, and of the answer to a unary read."""

MAX_FENCING_TOKEN_BYTES: Final = 36
"""Most bytes of a fencing token, in UTF-8."""

MAX_REQUEST_TOKEN_BYTES: Final = 36
"""Most bytes of an ``s2-request-token``, in UTF-8."""

MAX_ACCESS_TOKEN_ID_BYTES: Final = 96
"""Most bytes of the id of an access token, in UTF-8."""

MIN_BASIN_NAME: Final = 8
"""Fewest characters of a basin's name."""

MAX_BASIN_NAME: Final = 48
"""Most characters of a basin's name."""

MAX_STREAM_NAME_BYTES: Final = 512
"""Most bytes of a stream's name, in UTF-8."""

MAX_UNARY_WAIT: Final = 60
"""Most seconds that a unary read waits for records, even if it asks for a longer ``wait``."""

MAX_LIST: Final = 1000
"""Most names on one page of a list of basins or streams."""

U64_MAX: Final = (1 << 64) - 1
"""The largest seq_num and the largest timestamp."""

MAX_FRAME_BYTES: Final = 2 << 20
"""Most bytes of a session's frame (flag and body), compressed or not."""
