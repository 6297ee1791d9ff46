"""Histories in the format of s2-porcupine, of any size: ``python -m benchmarks.porcupine_history FILE --operations N``.

It simulates a correct stream with concurrent clients, and writes what the collector of s2-verification would have
written: one line per Start and per Finish. A third of the operations append, a third read the whole stream and keep its
chained hash, and a third check the tail. At each step a random client makes its next move: it begins an operation, or
the operation takes effect, or the client gets the answer. A compiled loop writes the lines, about 500 MB per second.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fencepost.checkers.kernel.hashing import folded
from fencepost.harness.history.history import Int64s, UInt64s
from fencepost.harness.loops.loop import compiled

FENCE_EVERY: Final = 100
"""The number of a client's operations per take-over of the stream."""

MOST_RECORDS: Final = 4
_LONGEST: Final = 1024
"""The most bytes that one step can write."""
_BUFFER: Final = 1 << 23


class Flow(IntEnum):
    """The condition of appends: none, a position, or a token."""

    REGULAR = 0
    MATCH = 1
    FENCED = 2


class Violation(IntEnum):
    """The error in the last operation."""

    NONE = 0
    STALE_TAIL = 1
    WRONG_HASH = 2
    OVERLAP = 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parameters of a history: ``operations`` in total, of ``clients`` clients.

    A share ``lost`` of the appends is never answered, and takes effect only after the recording. A share ``landed`` is
    not answered either, but takes effect at once, so that later reads see it. Times and choices depend on ``seed``.
    """

    operations: int
    clients: int = 20
    flow: Flow = Flow.REGULAR
    lost: float = 0.0
    landed: float = 0.0
    violation: Violation = Violation.NONE
    seed: int = 1


def write(path: Path, recipe: Recipe) -> int:
    """Write the file, and return its size in bytes."""
    state = _state(recipe)
    buffer = np.empty(_BUFFER + 4 * _LONGEST, dtype=np.uint8)
    with path.open("wb") as file:
        while not state["counters"][_DONE]:
            length = _simulate(buffer, *state.values())
            file.write(memoryview(buffer)[:length])
        length = _finish(buffer, int(recipe.violation), *state.values())
        file.write(memoryview(buffer)[:length])
        _write_lost(file, state)
        return file.tell()


_TAIL, _OPS, _IDS, _DONE, _RANDOM, _GIVEN_UP, _TOKEN, _LAST_START = range(8)
"""Indices of ``counters``."""
_PHASE, _KIND, _OP, _ID, _RECORDS, _MATCH, _KNOWN, _MADE, _ANSWER, _FENCING, _HELD = range(11)
"""Columns of ``clients``."""
_IDLE, _SENT, _DECIDED = range(3)
_APPEND, _READ, _CHECK_TAIL = range(3)
_REFUSED: Final = -1
_UNHEARD: Final = -2


def _state(recipe: Recipe) -> dict[str, Any]:
    clients = np.zeros((recipe.clients, 11), dtype=np.int64)
    clients[:, _ID] = np.arange(1, recipe.clients + 1)
    counters = np.zeros(8, dtype=np.int64)
    counters[_IDS], counters[_TOKEN] = recipe.clients + 1, -1
    counters[_RANDOM] = (recipe.seed * 0x9E3779B97F4A7C1 + 1) % (1 << 62)
    expected = int(recipe.operations * (recipe.lost + recipe.landed)) + 1
    return {
        "clients": clients,
        "records": np.zeros((recipe.clients, MOST_RECORDS), dtype=np.uint64),
        "hashes": np.zeros(recipe.clients + 1, dtype=np.uint64),
        "counters": counters,
        "given_up": np.zeros((expected + 1000, 2), dtype=np.int64),
        "limits": np.array([recipe.operations - (1 if recipe.violation else 0), int(recipe.flow)], dtype=np.int64),
        "shares": np.array([recipe.lost, recipe.landed]),
    }


def _write_lost(file: Any, state: dict[str, Any]) -> None:
    number = int(state["counters"][_GIVEN_UP])
    for client, op in state["given_up"][:number].tolist():
        file.write(b'{"event":{"Finish":"AppendIndefiniteFailure"},"client_id":%d,"op_id":%d}\n' % (client, op))


def _text(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8).copy()


_START_APPEND = _text('{"event":{"Start":{"Append":{"num_records":')
_HASHES = _text(',"record_hashes":[')
_SET = _text('],"set_fencing_token":')
_GIVEN = _text(',"fencing_token":')
_MATCHING = _text(',"match_seq_num":')
_END_APPEND = _text('}}},"client_id":')
_START_READ = _text('{"event":{"Start":"Read"},"client_id":')
_START_TAIL = _text('{"event":{"Start":"CheckTail"},"client_id":')
_OP_ID = _text(',"op_id":')
_END = _text("}\n")
_NULL = _text("null")
_ACK = _text('{"event":{"Finish":{"AppendSuccess":{"tail":')
_TAIL_READ = _text('{"event":{"Finish":{"CheckTailSuccess":{"tail":')
_READ_ALL = _text('{"event":{"Finish":{"ReadSuccess":{"tail":')
_STREAM_HASH = _text(',"stream_hash":')
_FAILED = _text('{"event":{"Finish":"AppendDefiniteFailure"},"client_id":')


@compiled("int64(uint8[::1], int64, bytes_)")
def _put(buffer: NDArray[np.uint8], at: int, text: NDArray[np.uint8]) -> int:
    for index in range(len(text)):
        buffer[at + index] = text[index]
    return at + len(text)


@compiled("int64(uint8[::1], int64, uint64)")
def _put_number(buffer: NDArray[np.uint8], at: int, number: np.uint64) -> int:
    ten = np.uint64(10)
    digits, rest = 1, number // ten
    while rest:
        digits += 1
        rest //= ten
    for place in range(at + digits - 1, at - 1, -1):
        buffer[place] = np.uint8(48) + np.uint8(number % ten)
        number //= ten
    return at + digits


@compiled("int64(uint8[::1], int64, int64)")
def _put_token(buffer: NDArray[np.uint8], at: int, client: int) -> int:
    """Write the token of a client: six letters, or null for none."""
    if client < 0:
        return _put(buffer, at, _NULL)
    buffer[at] = 34
    for letter in range(6):
        buffer[at + 1 + letter] = 97 + client % 26 if letter < 3 else 65 + client % 23
        client //= 3
    buffer[at + 7] = 34
    return at + 8


@compiled("int64(uint8[::1], int64, int64, int64)")
def _put_ids(buffer: NDArray[np.uint8], at: int, client: int, op: int) -> int:
    at = _put_number(buffer, at, np.uint64(client))
    at = _put(buffer, at, _OP_ID)
    at = _put_number(buffer, at, np.uint64(op))
    return _put(buffer, at, _END)


@compiled("uint64(int64[::1])")
def _drawn(counters: Int64s) -> np.uint64:
    """Return the next random number (xorshift64*)."""
    x = np.uint64(counters[4])
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    counters[4] = np.int64(x)
    return np.uint64(x * np.uint64(0x2545F4914F6CDD1D))


@compiled("int64(int64[::1], int64)")
def _below(counters: Int64s, most: int) -> int:
    return np.int64((_drawn(counters) >> np.uint64(33)) % np.uint64(most))


_STATE = "int64[:,::1], uint64[:,::1], uint64[::1], int64[::1], int64[:,::1], int64[::1], float64[::1]"


@compiled(f"int64(uint8[::1], int64, {_STATE})")
def _begin(
    buffer: NDArray[np.uint8],
    index: int,
    clients: NDArray[np.int64],
    records: NDArray[np.uint64],
    hashes: UInt64s,
    counters: Int64s,
    given_up: NDArray[np.int64],
    limits: Int64s,
    shares: NDArray[np.float64],
) -> int:
    """Let a client begin an operation, and return the length of its line."""
    client, flow = clients[index], limits[1]
    client[_PHASE], client[_OP] = _SENT, counters[_OPS]
    counters[_OPS] += 1
    fencing = flow == 2 and client[_MADE] % FENCE_EVERY == 0
    client[_FENCING] = fencing
    client[_MADE] += 1
    client[_KIND] = _APPEND if fencing else _below(counters, 3)
    if client[_KIND] != _APPEND:
        at = _put(buffer, 0, _START_READ if client[_KIND] == _READ else _START_TAIL)
        return _put_ids(buffer, at, client[_ID], client[_OP])
    client[_RECORDS] = 1 if fencing else 1 + _below(counters, MOST_RECORDS)
    client[_MATCH] = client[_KNOWN] if fencing or flow == 1 else -1
    at = _put_number(buffer, _put(buffer, 0, _START_APPEND), np.uint64(client[_RECORDS]))
    at = _put(buffer, at, _HASHES)
    for record in range(client[_RECORDS]):
        records[index, record] = _drawn(counters)
        if record:
            buffer[at] = 44
            at += 1
        at = _put_number(buffer, at, records[index, record])
    at = _put_token(buffer, _put(buffer, at, _SET), index if fencing else -1)
    at = _put_token(buffer, _put(buffer, at, _GIVEN), index if flow == 2 and not fencing else -1)
    at = _put(buffer, at, _MATCHING)
    at = _put(buffer, at, _NULL) if client[_MATCH] < 0 else _put_number(buffer, at, np.uint64(client[_MATCH]))
    return _put_ids(buffer, _put(buffer, at, _END_APPEND), client[_ID], client[_OP])


@compiled(f"void(int64, {_STATE})")
def _decide(
    index: int,
    clients: NDArray[np.int64],
    records: NDArray[np.uint64],
    hashes: UInt64s,
    counters: Int64s,
    given_up: NDArray[np.int64],
    limits: Int64s,
    shares: NDArray[np.float64],
) -> None:
    """Let an operation take effect, be refused, or be lost on its way."""
    client = clients[index]
    client[_PHASE] = _DECIDED
    if client[_KIND] != _APPEND:
        client[_ANSWER] = counters[_TAIL]
        hashes[index] = hashes[-1]
        return
    lost = _below(counters, 1 << 30) / (1 << 30)
    if lost < shares[0]:
        client[_ANSWER] = _UNHEARD
        return
    token = limits[1] == 2 and not client[_FENCING] and counters[_TOKEN] != index
    if token or (client[_MATCH] >= 0 and client[_MATCH] != counters[_TAIL]):
        client[_ANSWER] = _REFUSED
        return
    counters[_LAST_START] = counters[_TAIL]
    counters[_TAIL] += client[_RECORDS]
    for record in range(client[_RECORDS]):
        hashes[-1] = folded(hashes[-1], records[index, record])
    if client[_FENCING]:
        counters[_TOKEN] = index
    client[_ANSWER] = counters[_TAIL] if lost >= shares[0] + shares[1] else _UNHEARD


@compiled(f"int64(uint8[::1], int64, {_STATE})")
def _answer(
    buffer: NDArray[np.uint8],
    index: int,
    clients: NDArray[np.int64],
    records: NDArray[np.uint64],
    hashes: UInt64s,
    counters: Int64s,
    given_up: NDArray[np.int64],
    limits: Int64s,
    shares: NDArray[np.float64],
) -> int:
    """Let a client get the answer to its operation, and return the length of its line (0 if none is written)."""
    client = clients[index]
    client[_PHASE] = _IDLE
    if client[_ANSWER] == _UNHEARD:
        lost = counters[_GIVEN_UP]
        given_up[lost, 0], given_up[lost, 1] = client[_ID], client[_OP]
        counters[_GIVEN_UP] += 1
        client[_ID] = counters[_IDS]
        counters[_IDS] += 1
        return 0
    if client[_ANSWER] == _REFUSED:
        return _put_ids(buffer, _put(buffer, 0, _FAILED), client[_ID], client[_OP])
    client[_KNOWN] = client[_ANSWER]
    answer = np.uint64(client[_ANSWER])
    if client[_KIND] == _READ:
        at = _put_number(buffer, _put(buffer, 0, _READ_ALL), answer)
        at = _put_number(buffer, _put(buffer, at, _STREAM_HASH), hashes[index])
    else:
        at = _put_number(buffer, _put(buffer, 0, _ACK if client[_KIND] == _APPEND else _TAIL_READ), answer)
    return _put_ids(buffer, _put(buffer, at, _END_APPEND), client[_ID], client[_OP])


@compiled(f"int64(uint8[::1], {_STATE})")
def _simulate(
    buffer: NDArray[np.uint8],
    clients: NDArray[np.int64],
    records: NDArray[np.uint64],
    hashes: UInt64s,
    counters: Int64s,
    given_up: NDArray[np.int64],
    limits: Int64s,
    shares: NDArray[np.float64],
) -> int:
    """Continue until the buffer is full or all operations are done, and return the number of bytes written."""
    written, busy = 0, 0
    for index in range(len(clients)):
        busy += clients[index, _PHASE] != _IDLE
    while written < _BUFFER:
        if counters[_OPS] >= limits[0] and not busy:
            counters[_DONE] = 1
            break
        index = _below(counters, len(clients))
        phase, place = clients[index, _PHASE], buffer[written:]
        if phase == _IDLE and counters[_OPS] < limits[0]:
            written += _begin(place, index, clients, records, hashes, counters, given_up, limits, shares)
            busy += 1
        elif phase == _SENT:
            _decide(index, clients, records, hashes, counters, given_up, limits, shares)
        elif phase == _DECIDED:
            written += _answer(place, index, clients, records, hashes, counters, given_up, limits, shares)
            busy -= 1
    return written


@compiled(f"int64(uint8[::1], int64, {_STATE})")
def _finish(
    buffer: NDArray[np.uint8],
    violation: int,
    clients: NDArray[np.int64],
    records: NDArray[np.uint64],
    hashes: UInt64s,
    counters: Int64s,
    given_up: NDArray[np.int64],
    limits: Int64s,
    shares: NDArray[np.float64],
) -> int:
    """Write a last, wrong operation by another client, unless ``violation`` is 0. Return the bytes written."""
    if violation == 0:
        return 0
    client, op = counters[_IDS], counters[_OPS]
    if violation == 3:
        at = _put_number(buffer, _put(buffer, 0, _START_APPEND), np.uint64(1))
        at = _put_number(buffer, _put(buffer, at, _HASHES), _drawn(counters))
        at = _put_token(buffer, _put(buffer, at, _SET), -1)
        at = _put_token(buffer, _put(buffer, at, _GIVEN), -1)
        at = _put(buffer, _put(buffer, at, _MATCHING), _NULL)
        at = _put_ids(buffer, _put(buffer, at, _END_APPEND), client, op)
        at = _put_number(buffer, _put(buffer, at, _ACK), np.uint64(counters[_LAST_START] + 1))
    elif violation == 2:
        at = _put_ids(buffer, _put(buffer, 0, _START_READ), client, op)
        at = _put_number(buffer, _put(buffer, at, _READ_ALL), np.uint64(counters[_TAIL]))
        at = _put_number(buffer, _put(buffer, at, _STREAM_HASH), hashes[-1] ^ np.uint64(1))
    else:
        at = _put_ids(buffer, _put(buffer, 0, _START_TAIL), client, op)
        at = _put_number(buffer, _put(buffer, at, _TAIL_READ), np.uint64(counters[_LAST_START]))
    return _put_ids(buffer, _put(buffer, at, _END_APPEND), client, op)


def main() -> None:
    """Write one history file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--flow", choices=[flow.name.lower() for flow in Flow], default="regular")
    parser.add_argument(
        "--lost",
        type=float,
        default=0.0,
        help="share of appends that are never answered and take effect after the recording",
    )
    parser.add_argument(
        "--landed", type=float, default=0.0, help="share of appends that are never answered but take effect"
    )
    parser.add_argument("--violation", choices=[one.name.lower() for one in Violation], default="none")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    recipe = Recipe(
        operations=given.operations,
        clients=given.clients,
        flow=Flow[given.flow.upper()],
        lost=given.lost,
        landed=given.landed,
        violation=Violation[given.violation.upper()],
        seed=given.seed,
    )
    print(f"{write(given.file, recipe):,} bytes")


if __name__ == "__main__":
    main()
