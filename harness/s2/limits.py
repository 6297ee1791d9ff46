"""The limits that S2 documents."""

from __future__ import annotations

from typing import Final

MAX_BATCH_RECORDS: Final = 1000
"""Records of an append, and of the answer to a unary read."""

MAX_BATCH_BYTES: Final = 1 << 20
"""Metered bytes of an append, and of the answer to a unary read."""

MAX_FENCING_TOKEN_BYTES: Final = 36
"""Bytes of a fencing token in UTF-8."""

MAX_REQUEST_TOKEN_BYTES: Final = 36
"""Bytes of an ``s2-request-token`` in UTF-8."""

MIN_BASIN_NAME: Final = 8
"""Characters of a basin's name, at least."""

MAX_BASIN_NAME: Final = 48
"""Characters of a basin's name, at most."""

MAX_STREAM_NAME_BYTES: Final = 512
"""Bytes of a stream's name in UTF-8."""

MAX_UNARY_WAIT: Final = 60
"""Seconds that a unary read waits for records, whatever it asked for."""

MAX_LIST: Final = 1000
"""Names on one page of a list of basins or streams."""

U64_MAX: Final = (1 << 64) - 1
"""The largest seq_num and the largest timestamp."""

MAX_FRAME_BYTES: Final = 2 << 20
"""Bytes of a session's frame, flag and body, compressed or not."""
