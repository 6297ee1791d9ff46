"""Bad journals, one defect each: what is said of them, and where. The table is docs/history.md's."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fencepost.harness.history import lines
from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.history import BEYOND, History
from fencepost.harness.history.reader import read_history
from fencepost.testing import append, header, jsonl, read

HEADER: dict[str, Any] = msgspec.to_builtins(header())


def record(*events: dict[str, Any], **of_header: Any) -> bytes:
    """A journal of these events."""
    return b"".join(msgspec.json.encode(event) + b"\n" for event in (HEADER | of_header, *events))


def check(op: int, time: int, process: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": "check-tail", "op": op, "time": time, "process": process, "stream": "s", **more}


def tail(op: int, time: int, seq_num: int = 0) -> dict[str, Any]:
    return {"type": "tail", "op": op, "time": time, "tail": [seq_num, 0]}


def lost(op: int, time: int) -> dict[str, Any]:
    return {"type": "indefinite", "op": op, "time": time, "reason": ""}


def sent(op: int, time: int, process: int, *digests: int, **more: Any) -> dict[str, Any]:
    batch = {"digests": digests, "sizes": [9] * len(digests)}
    return {"type": "append", "op": op, "time": time, "process": process, "stream": "s", **batch, **more}


def following(op: int, time: int, process: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": "read", "op": op, "time": time, "process": process, "stream": "s", **more}


def part(kind: str, op: int, time: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "op": op, "time": time, "seq_nums": [], "timestamps": [], "digests": [], "sizes": [], **more}


END = {"type": "end", "time": 99}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "h.jsonl"


def refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(HistoryFailure) as caught:
        read_history(path)
    text = str(caught.value)
    assert text.startswith(f"{path}:")
    return text.removeprefix(f"{path}:")


def accepted(path: Path, data: bytes) -> History:
    path.write_bytes(data)
    return read_history(path)


class TestTheFile:
    def test_binary(self, path: Path) -> None:
        for data in (bytes(range(256)), b"\x7fELF\x02\x01\x01\0", b"\0" * 5000):
            text = refusal(path, data)
            assert text.startswith("1:1:")
            assert "a history begins with a header line" in text

    def test_of_another_format(self, path: Path) -> None:
        assert "a history begins with a header line" in refusal(path, b'{"process":0,"type":"invoke"}\n')
        assert "a history begins with a header line" in refusal(path, b"time,op,process\n0,append,1\n")

    def test_cut_in_the_middle(self, path: Path) -> None:
        """A block of the file is lost, from inside one line to inside another."""
        data = record(check(0, 1), tail(0, 2), check(1, 3), tail(1, 4), END)
        starts = [0]
        for line in data.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        inside = data.index(b"cess", starts[3])
        fitting = data.index(b"cess", starts[1])
        for begin in set(range(starts[1] + 1, starts[2])) - {fitting}:
            assert refusal(path, data[:begin] + data[inside:]).startswith(("2:", "3:"))
        # Whole lines are lost: what is left is of operations that nobody invoked.
        assert "operation 0 returned but was never invoked" in refusal(path, data[: starts[1]] + data[starts[2] :])

    def test_lines_that_end_as_elsewhere(self, path: Path) -> None:
        data = record(check(0, 1), tail(0, 2), END)
        history = accepted(path, data.replace(b"\n", b"\r\n"))
        assert (len(history), history.whole, history.warnings) == (1, True, [])

    def test_byte_order_marks(self, path: Path) -> None:
        data = record(check(0, 1), tail(0, 2), END)
        history = accepted(path, b"\xef\xbb\xbf" + data)
        assert len(history) == 1
        assert history.warnings == ["the file begins with a byte order mark, which is passed over"]
        assert refusal(path, b"\xef\xbb\xbf" + data.replace(b'"tail","op":0', b'"tail","op":7')).startswith("3:21: op:")
        for encoding in ("utf-16", "utf-32"):
            assert "a history is UTF-8" in refusal(path, data.decode().encode(encoding))

    def test_an_empty_line(self, path: Path) -> None:
        data = record(check(0, 1), tail(0, 2))
        assert refusal(path, data + b"\n" + record(END)).startswith("4:1: the line is empty")

    def test_a_line_that_is_too_long(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        data = record(check(0, 1), check(1, 2, 1, purpose="x" * 2000), END)
        assert len(accepted(path, data)) == 2
        monkeypatch.setattr(lines, "LONGEST", 1000)
        text = refusal(path, data)
        assert text.startswith("3:1: the line is of 2,0")
        assert "1,000" in text

    def test_a_last_line_that_is_whole_was_not_cut(self, path: Path) -> None:
        data = record(check(0, 1), {"type": "vote", "time": 5})
        assert refusal(path, data[:-1]).startswith("3:9: type: Invalid value 'vote'")
        assert accepted(path, data[:-2]).warnings == ["line 3 was cut after 23 bytes and is left out"]


class TestVersions:
    def test_two_histories_in_one_file(self, path: Path) -> None:
        data = record(check(0, 1))
        assert refusal(path, data + data).startswith("3:9: type: a second header")
        assert refusal(path, record(check(0, 1), END, tail(0, 2))).startswith("4:9: type: nothing may follow the end")

    def test_lines_of_another_format(self, path: Path) -> None:
        text = refusal(path, record(check(0, 1), {"event": {"Start": "CheckTail"}, "client_id": 1, "op_id": 0}))
        assert text.startswith("3:1:")
        assert "another format" in text

    @pytest.mark.parametrize(
        ("events", "place", "what"),
        [
            ([following(0, 1, session=1)], "2:67: session:", "a session"),
            ([sent(0, 1, 0, 5, session=1)], "2:", "a session"),
            ([following(0, 1), part("frame", 1, 2, of=0)], "3:9: type:", "a frame"),
            (
                [following(0, 1), {"type": "whole", "op": 0, "time": 2, "tail": [0, 0], "stream_hash": 0}],
                "3:9:",
                "whole",
            ),
        ],
    )
    def test_events_that_the_version_does_not_have(
        self, path: Path, events: list[dict[str, Any]], place: str, what: str
    ) -> None:
        text = refusal(path, record(*events, schema=1))
        assert text.startswith(place), text
        assert what in text
        assert "the header says version 1" in text
        assert not accepted(path, record(*events, schema=2)).warnings


class TestTimes:
    def test_invocations_out_of_order(self, path: Path) -> None:
        text = refusal(path, record(check(0, 40), check(1, 30, 1)))
        assert text.startswith("3:36: time:")
        assert "operation 1 was invoked at 30 ns, but operation 0, which stands before it, at 40 ns" in text
        assert len(accepted(path, record(check(0, 40), check(1, 40, 1)))) == 2

    def test_answers_are_in_any_order(self, path: Path) -> None:
        history = accepted(path, record(check(0, 1), check(1, 2, 1), tail(1, 9), tail(0, 5), check(2, 5), END))
        assert list(history.ended[:2]) == [5, 9]
        assert not history.warnings

    @pytest.mark.parametrize("event", [check(0, -1), END | {"time": -5}, tail(0, -1)])
    def test_negative(self, path: Path, event: dict[str, Any]) -> None:
        text = refusal(path, record(event))
        assert text.startswith("2:")
        assert "time: Expected `int` >= 0" in text


class TestNumbers:
    @pytest.mark.parametrize(
        ("event", "field", "bound"),
        [
            (check(2**63, 5), "op", "2⁶³"),
            (check(1, 2**63), "time", "2⁶³"),
            (check(1, 5, intended=2**63), "intended", "2⁶³"),
            (tail(0, 9, 2**64), "tail", "2⁶⁴"),
            (sent(1, 5, 1, 2**64), "digests", "2⁶⁴"),
            (sent(1, 5, 1, 7, match_seq_num=2**64), "match_seq_num", "2⁶⁴"),
            (sent(1, 5, 1, 7, timestamps=[2**64]), "timestamps", "2⁶⁴"),
            (sent(1, 5, 1, 7, trims={"0": 2**64}), "trims", "2⁶⁴"),
            (following(1, 5, 1, seq_num=2**64), "seq_num", "2⁶⁴"),
            (following(1, 5, 1, wait=2**70), "wait", "2⁶⁴"),
            ({"type": "failure", "op": 0, "time": 9, "code": "", "status": 412, "body": {"seq_num_mismatch": 2**64}},
             "body.seq_num_mismatch", "2⁶⁴"),
        ],
    )  # fmt: skip
    def test_too_large(self, path: Path, event: dict[str, Any], field: str, bound: str) -> None:
        text = refusal(path, record(check(0, 1), event))
        line = msgspec.json.encode(event)
        name = b'"%s":' % field.partition(".")[0].encode()
        assert text.startswith(f"3:{line.index(name) + len(name) + 1}: {field}:"), text
        assert bound in text

    def test_of_more_digits_than_anything_has(self, path: Path) -> None:
        for digits in (30, 300, 5000):
            data = record(check(0, 1)) + b'{"type":"end","time":%s}\n' % (b"9" * digits)
            assert refusal(path, data).startswith("3:22: time:")

    def test_the_largest_that_are_read(self, path: Path) -> None:
        history = accepted(path, record(check(2**63 - 1, 2**63 - 2), tail(2**63 - 1, 2**63 - 2, 2**64 - 1)))
        assert history.observed_tail[0] == BEYOND
        assert not history.warnings

    def test_of_the_header(self, path: Path) -> None:
        text = refusal(path, record(streams=[{"name": "s", "tail": 2**63}]))
        assert text.startswith("1:")
        assert "streams: the tail of 's' is beyond 2⁶³" in text

    @pytest.mark.parametrize("age", [0, -1, 2**63])
    def test_of_an_age_that_is_none(self, path: Path, age: int) -> None:
        assert re.match(r"1:\d+: retention_ms:", refusal(path, record(retention_ms=age)))


class TestProcesses:
    @pytest.mark.parametrize(
        ("events", "what"),
        [
            ([check(0, 1, 3), check(7, 5, 3)], "its operation 0, which never returned"),
            ([check(0, 1, 3), check(7, 5, 3), tail(0, 6), tail(7, 8)], "its operation 0, which ended at 6 ns"),
            ([check(0, 1, 3), lost(0, 4), check(7, 5, 3)], "its operation 0, which ended indefinitely at 4 ns"),
            ([check(0, 1, 3), lost(0, 6), check(7, 5, 3)], "its operation 0, which ended at 6 ns"),
        ],
    )
    def test_that_do_two_things_at_once(self, path: Path, events: list[dict[str, Any]], what: str) -> None:
        text = refusal(path, record(*events))
        line = next(number for number, event in enumerate(events, 2) if event["op"] == 7)
        assert text.startswith(f"{line}:48: process: process 3 invoked operation 7 at 5 ns, after {what};"), text
        assert "give what is pipelined a session" in text

    def test_the_first_overlap_is_named(self, path: Path) -> None:
        events = [check(0, 1, 9), check(1, 2, 5), check(2, 3, 5), check(3, 4, 9)]
        assert refusal(path, record(*events)).startswith("4:48: process: process 5")

    def test_that_touch(self, path: Path) -> None:
        """An operation is invoked at the instant at which the one before it ended, whichever line stands first."""
        for events in ([check(0, 1), tail(0, 5), check(1, 5)], [check(0, 1), check(1, 5), tail(0, 5)]):
            assert len(accepted(path, record(*events))) == 2

    def test_of_sessions(self, path: Path) -> None:
        pipelined = [
            sent(0, 1, 3, 10, session=1),
            sent(1, 2, 3, 11, session=1),
            lost(0, 5),
            sent(2, 6, 3, 12, session=1),
        ]
        assert len(accepted(path, record(*pipelined))) == 3
        followed = [following(3, 7, 4, session=2), part("frame", 4, 8, of=3), part("frame", 5, 9, of=3)]
        assert len(accepted(path, record(*pipelined, *followed))) == 6

    def test_a_read_that_was_cut_short_holds_its_process(self, path: Path) -> None:
        events = [following(0, 1), part("frame", 1, 2, of=0), part("batch", 0, 3), check(2, 4)]
        assert len(accepted(path, record(*events))) == 3
        text = refusal(path, record(*events[:2], lost(0, 3), check(2, 4)))
        assert "its operation 0, which ended indefinitely at 3 ns" in text


class TestDoubts:
    def test_batches_without_records(self, path: Path) -> None:
        assert accepted(path, record(sent(4, 1, 0))).warnings == [
            "operation 4 appends no records: no service accepts that"
        ]
        (warning,) = accepted(path, record(sent(4, 1, 0), sent(5, 1, 1, 9), sent(6, 1, 2))).warnings
        assert "operation 4 appends no records, and so do 1 other appends" in warning

    def test_contents_that_are_not_unique(self, path: Path) -> None:
        ack = {"type": "ack", "op": 1, "time": 5, "start": [0, 0], "end": [1, 0], "tail": [1, 0]}
        (warning,) = accepted(path, record(sent(1, 1, 0, 7), sent(2, 2, 1, 8, 7), ack, tail_of(2))).warnings
        assert "record 1 of operation 2 has the content of one of operation 1" in warning
        assert not accepted(path, record(sent(1, 1, 0, 7), sent(2, 2, 1, 7), ack)).warnings  # operation 2 is indefinite
        (warning,) = accepted(path, record(sent(1, 1, 0, 7, 7))).warnings
        assert "record 1 of operation 1 has the content of one of operation 1" in warning
        repeated = record(sent(1, 1, 0, 7), sent(2, 2, 1, 8, 7), ack, tail_of(2), unique_records=False)
        assert not accepted(path, repeated).warnings

    def test_commands_may_repeat(self, path: Path) -> None:
        ops = [append(0, 0, 3, "a fence=x trim=1", ack=0), append(0, 4, 6, "fence=x b trim=1", ack=3)]
        assert not accepted(path, jsonl(*ops, read(1, 7, 8, 0, saw="a fence=x trim=1 fence=x b trim=1"))).warnings


def tail_of(op: int) -> dict[str, Any]:
    """A definite failure."""
    return {"type": "failure", "op": op, "time": 9, "code": "no"}


PROGRAM = """
import resource, sys
from pathlib import Path
from fencepost.harness.history.reader import read_history
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
history = read_history(Path(sys.argv[1]))
print(len(history), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
"""


@pytest.mark.slow
def test_a_line_of_hundreds_of_megabytes_costs_a_small_factor_of_memory(path: Path) -> None:
    number, digest = 5_000_000, 2**64 - 1
    numbers, digests, sizes = (b",".join([one] * number) for one in (b"1764000000000", b"%d" % digest, b"99"))
    with path.open("wb") as file:
        file.write(record(following(0, 1)))
        file.write(b'{"type":"batch","op":0,"time":9,"seq_nums":[%s],"timestamps":[%s],"digests":[%s],"sizes":[%s]}\n'
                   % (numbers, numbers, digests, sizes))  # fmt: skip
    size = path.stat().st_size
    assert size > 200_000_000
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, check=True)
    rows, memory = map(int, done.stdout.split())
    assert rows == 1
    assert memory < 7 * size


@pytest.mark.slow
def test_a_line_beyond_the_bound_is_refused_before_it_is_copied(path: Path) -> None:
    with path.open("wb") as file:
        file.write(record(check(0, 1)))
        file.write(b'{"type":"remark","time":5,"kind":"')
        file.truncate(file.tell() + lines.LONGEST)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(HistoryFailure, match=r":3:1: the line is of 268,"):
        read_history(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1.5 * lines.LONGEST / 1024
