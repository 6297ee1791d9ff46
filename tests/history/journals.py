"""Journals to damage: one with every event and field there is, and others with all that random histories have."""

from __future__ import annotations

from random import Random
from typing import Any, Final

import msgspec

from fencepost.harness.history import events
from fencepost.testing import header, journal
from tests.checkers.random_histories import random_story

encode: Final = msgspec.json.encode

_PARTS: Final = {"seq_nums": [3, 4], "timestamps": [1003, 1004], "digests": [2**64 - 1, 7], "sizes": [9, 12]}
_NOTHING: Final[dict[str, list[int]]] = {"seq_nums": [], "timestamps": [], "digests": [], "sizes": []}
_CONTENT: Final = events.Content([("", "ZmVuY2U="), ("bmFtZQ==", "")], "/w==")
_BATCH: Final = {"stream": "s", "digests": [5, 2**63], "sizes": [9, 2**31 - 1]}

EVERYTHING: Final[list[Any]] = [
    msgspec.structs.replace(
        header(unique=False),
        streams=[events.StreamState("s", 0, None), events.StreamState("über/zwei", 3, None)],
    ),
    events.Remark(0, "phase", "cliënts\n"),
    events.AppendInvoked(op=0, time=1, process=0, **_BATCH),
    events.AppendInvoked(
        op=7,
        time=1,
        process=1,
        match_seq_num=0,
        fencing_token="",
        timestamps=[None, 2**63],
        fences={1: "é\t", 0: ""},
        trims={0: 2**64 - 1},
        thread=4,
        purpose="zombie",
        intended=0,
        session=2,
        **_BATCH,
    ),
    events.ReadInvoked(
        op=2,
        time=2,
        process=2,
        stream="über/zwei",
        seq_num=2**64 - 1,
        timestamp=5,
        tail_offset=0,
        clamp=True,
        count=0,
        bytes=2**40,
        until=9,
        wait=60,
        thread=0,
        purpose="é",
        intended=2**62,
        session=0,
    ),
    events.Frame(op=3, of=2, time=3, fences={0: "x"}, trims={1: 3}, contents={1: _CONTENT}, tail=(9, 8), **_PARTS),
    events.Frame(op=4, of=2, time=4, **_NOTHING),
    events.Acked(0, 4, (2**64 - 1, 0), (5, 2**63), (5, 6)),
    events.Fault(4, "kill", "start", "pid 1"),
    events.Fault(4, "kill", "heal"),
    events.BatchRead(op=2, time=5, fences={1: "\\ud\"'"}, trims={0: 0}, contents={0: _CONTENT}, tail=(0, 0), **_PARTS),
    events.CheckTailInvoked(op=8, time=5, process=0, stream="s", thread=1, purpose="zombie", intended=3),
    events.TailRead(8, 5, (0, 2**64 - 1)),
    events.CheckTailInvoked(op=17, time=5, process=0, stream="s"),
    events.TailRead(17, 5, (0, None)),
    events.CheckTailInvoked(op=9, time=5, process=0, stream="s"),
    events.Failed(9, 6, "not_sent"),
    events.AppendInvoked(op=10, time=6, process=0, stream="s", digests=[], sizes=[], fencing_token="é\t"),
    events.Failed(10, 7, "condition_failed", 412, {"fencing_token_mismatch": "x"}),
    events.ReadInvoked(op=11, time=7, process=0, stream="s", seq_num=9),
    events.Failed(11, 8, "range_not_satisfiable", 416, {"tail": {"seq_num": 9, "timestamp": 2**64 - 1}}),
    events.AppendInvoked(op=12, time=8, process=0, match_seq_num=2**62, fencing_token="tök", **_BATCH),
    events.Failed(12, 9, "condition_failed", 412, {"seq_num_mismatch": 2**64 - 1}),
    events.ReadInvoked(op=13, time=9, process=0, stream="s", seq_num=0),
    events.WholeRead(13, 9, (4, 5), 2**64 - 1),
    events.ReadInvoked(op=14, time=9, process=0, stream="s"),
    events.BatchRead(op=14, time=9, **_NOTHING),
    events.CheckTailInvoked(op=15, time=9, process=0, stream="s"),
    events.Failed(15, 9, "invalid", 422, {"code": "invalid", "message": "…", "more": [1, {"a": None}]}),
    events.CheckTailInvoked(op=16, time=9, process=0, stream="s"),
    events.Indefinite(16, 10, "no answer", 503, {"code": "unavailable"}),
    events.Indefinite(7, 11, "no answer"),
    events.End(12),
]
"""Every event, every field, and the largest numbers, in an order that a reader takes."""

LINES: Final = [encode(event) + b"\n" for event in EVERYTHING]


def random_lines(random: Random) -> list[bytes]:
    """A journal of a small random history, now and then with what such histories do not have."""
    story = random_story(random)
    head, *rest = journal(*story.ops, tail=story.tail, token=story.token)
    process = random.choice((3, 50))
    if random.random() < 0.5:
        head = msgspec.structs.replace(head, unique_records=False)
    found: list[Any] = []
    renamed: dict[int, int] = {}
    for event in rest:
        if random.random() < 0.05:
            found.append(events.Remark(event.time, "phase", random.choice(("a", 'b"', "é"))))
        if isinstance(event, events.AppendInvoked | events.ReadInvoked | events.CheckTailInvoked):
            event = _varied(random, event, process)
            if event.op not in renamed:
                renamed[event.op] = event.op * random.choice((1, 1, 1, 3)) + 1000 * (random.random() < 0.05)
        found.append(event)
    spread = random.random() < 0.3 and len(set(renamed.values())) == len(renamed)
    if spread:
        found = [
            msgspec.structs.replace(event, op=renamed[event.op]) if hasattr(event, "op") else event for event in found
        ]
    return [encode(event) + b"\n" for event in (head, *found)]


def _varied(random: Random, event: Any, process: int) -> Any:
    changes: dict[str, Any] = {}
    if random.random() < 0.3:
        changes["thread"] = event.process % process
    if random.random() < 0.3:
        changes["purpose"] = random.choice(("zombie", "é", 'q"uote'))
    if random.random() < 0.2:
        changes["intended"] = max(event.time - 1, 0)
    if not isinstance(event, events.CheckTailInvoked) and random.random() < 0.1:
        changes["session"] = event.process
    return msgspec.structs.replace(event, **changes)


ODD: Final[list[Any]] = [
    None, True, -1, 0, 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**70, 10**400, 1.5, 1e300, "", "é", "\x00", [],
    [0], [0, 0], {}, {"0": 1}, {"0": "x"}, {"9": "x"}, {"-1": "x"}, {"a": "x"}, {"0": {"headers": [], "body": ""}},
    [[0, 0]], [None], "append", "ack", "batch", "history", "s", {"tail": {}}, {"tail": 3}, 412, 416,
]  # fmt: skip
"""Values that stand where they should not."""

DEEP: Final = (b"[" * 3000 + b"]" * 3000, b'{"a":' * 3000 + b"1" + b"}" * 3000, b"[" * 100_000)


def damaged(random: Random, lines: list[bytes]) -> bytes:
    """The journal, with a few things wrong in it."""
    lines = list(lines)
    for _ in range(random.choice((1, 1, 2, 5))):
        if not lines:
            break
        _damage(random, lines, random.randrange(len(lines)))
    data = b"".join(lines)
    if random.random() < 0.05:
        begin = random.randrange(len(data) + 1)
        data = data[:begin] + data[random.randrange(begin, len(data) + 1) :]
    return data.replace(b"\n", b"\r\n") if random.random() < 0.02 else data


def _damage(random: Random, lines: list[bytes], i: int) -> None:
    match random.randrange(9):
        case 0:
            del lines[i]
        case 1:
            lines.insert(random.randrange(len(lines) + 1), lines[i])
        case 2:
            j = random.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
        case 3 if lines[i]:
            at = random.randrange(len(lines[i]))
            lines[i] = lines[i][:at] + bytes([random.randrange(256)]) + lines[i][at + random.randrange(2) :]
        case 4 if lines[i]:
            at = random.randrange(len(lines[i]))
            lines[i] = lines[i][:at] + bytes([lines[i][at] ^ 1 << random.randrange(8)]) + lines[i][at + 1 :]
        case 5:
            lines[i] = _with_digits(random, lines[i])
        case _:
            try:
                lines[i] = encode(changed(random, msgspec.json.decode(lines[i]))) + b"\n"
            except (msgspec.DecodeError, msgspec.EncodeError, UnicodeError, OverflowError, RecursionError):
                lines[i] = random.choice(DEEP) + b"\n"


def _with_digits(random: Random, line: bytes) -> bytes:
    """A number of the line made longer, or a value of any kind put there."""
    places = [at for at, byte in enumerate(line) if 48 <= byte < 58]
    if not places:
        return line
    at = random.choice(places)
    put = random.choice((b"0", b"-", b"9" * 20, b"9" * 400, b"1e9", b"1.", b" ", b'"', b"null", b"\\u0000", *DEEP[:2]))
    return line[:at] + put + line[at + random.randrange(2) :]


def changed(random: Random, value: Any) -> Any:
    """The value with something in it replaced."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(list(value))
        if random.random() < 0.1:
            return {key: part for key, part in value.items() if key != name}
        return value | {name: changed(random, value[name])}
    if isinstance(value, list) and value and random.random() < 0.5:
        i = random.randrange(len(value))
        return [*value[:i], changed(random, value[i]), *value[i + 1 :]]
    return random.choice(ODD)
