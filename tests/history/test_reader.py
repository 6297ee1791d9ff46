"""The reader: a cut last line is forgiven, anything else is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fencepost.harness.history.failure import HistoryFailure
from fencepost.harness.history.history import FOREVER, Outcome
from fencepost.harness.history.reader import read_history
from fencepost.testing import append, check_tail, jsonl, read

OPS = (
    append(0, 1, 4, "a fence=é", match=0, ack=0),
    append(1, 2, None, "b trim=1"),
    read(2, 5, 6, 0, saw="a fence=é strange"),
    append(0, 7, 8, "c@999", match=1, token="", fence="é"),
    append(0, 9, 10, "d", match=1, tail=2),
    check_tail(2, 9, 12, 2),
    read(2, 13, 15, 9, tail=2),
    append(3, 14, 16, "e", gave_up=16),
)
JOURNAL = jsonl(*OPS)
LINES = JOURNAL.splitlines(keepends=True)


def read_back(folder: Path, data: bytes) -> Any:
    path = folder / "history.jsonl"
    path.write_bytes(data)
    return read_history(path)


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(HistoryFailure) as caught:
        read_back(folder, data)
    text = str(caught.value)
    prefix = f"{folder / 'history.jsonl'}:"
    assert text.startswith(prefix)
    return text.removeprefix(prefix)


def with_line(line: bytes, number: int = 3) -> bytes:
    """The journal with a line put in as the given one."""
    return b"".join([*LINES[: number - 1], line + b"\n", *LINES[number - 1 :]])


class TestACutFile:
    @pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
    def test_is_forgiven_wherever_it_is_cut(self, tmp_path: Path, step: int) -> None:
        ends = {at for at in range(len(JOURNAL)) if b"\n" in JOURNAL[max(at - 2, 0) : at + 2]}
        for length in sorted(ends.union(range(0, len(JOURNAL), step)) - set(range(len(LINES[0])))):
            data = JOURNAL[:length]
            *lines, last = data.split(b"\n")
            history = read_back(tmp_path, data)
            whole_line = data + b"\n" == b"".join(LINES[: len(lines) + 1])
            if last and not whole_line:
                assert len(history.warnings) == 1, length
                assert f"line {len(lines) + 1} was cut after {len(last)} bytes" in history.warnings[0]
            else:
                assert not history.warnings, length
            kept = LINES[: len(lines) + whole_line]
            invoked = [
                line for line in kept if line.startswith((b'{"type":"append', b'{"type":"read', b'{"type":"check'))
            ]
            assert len(history) == len(invoked), length
            assert history.whole == (b'{"type":"end"' in kept[-1]), length

    def test_has_no_history_without_a_header(self, tmp_path: Path) -> None:
        assert refusal(tmp_path, b"").startswith("1: the file is empty")
        for length in range(1, len(LINES[0]) - 1):
            assert refusal(tmp_path, JOURNAL[:length]).startswith("1:")

    def test_is_not_forgiven_in_the_middle(self, tmp_path: Path) -> None:
        for cut in (1, len(LINES[2]) // 2, len(LINES[2]) - 2):
            text = refusal(tmp_path, b"".join([*LINES[:2], LINES[2][:cut] + b"\n", *LINES[3:]]))
            assert text.startswith("3:")

    def test_what_has_no_answer_is_indefinite_for_ever(self, tmp_path: Path) -> None:
        history = read_back(tmp_path, b"".join(LINES[:2]))
        assert history.outcome[0] == Outcome.INDEFINITE
        assert history.ended[0] == history.returned[0] == FOREVER
        assert not history.whole


class TestMalformations:
    """Each names line, column and field."""

    @pytest.mark.parametrize(
        ("line", "place", "what"),
        [
            (b"", "3:1:", "the line is empty"),
            (b"what?", "3:1:", "malformed"),
            (b'{"type":"end","time":5', "3:23:", "truncated"),
            (b'{"type":"end","time":5}}', "3:", "trailing characters"),
            (b"\xff\xfe", "3:1:", "malformed"),
            (b"[]", "3:1:", "object"),
            (b'{"time":5}', "3:1:", "`type`"),
            (b'{"type":"vote","time":5}', "3:9: type:", "vote"),
            (b'{"type":"end"}', "3:1:", "`time`"),
            (b'{"type":"end","time":-1}', "3:22: time:", ">= 0"),
            (b'{"type":"end","time":"5"}', "3:22: time:", "`int`"),
            (b'{"type":"end","time":5.5}', "3:22: time:", "`int`"),
            (b'{"type":"end","time":9223372036854775807}', "3:22: time:", "2⁶³"),
            (b'{"type":"tail","op":0,"time":3,"tail":[1]}', "3:39: tail:", "length 2"),
            (b'{"type":"tail","op":0,"time":3,"tail":[1,2]}', "3:9: type:", "append cannot be answered by 'tail'"),
            (b'{"type":"ack","op":77,"time":3,"start":[0,0],"end":[1,0],"tail":[1,0]}', "3:20: op:", "never invoked"),
            (b'{"type":"check-tail","op":0,"time":3,"process":9,"stream":"s"}', "3:27: op:", "invoked before"),
            (b'{"type":"check-tail","op":9,"time":3,"process":9,"stream":"t"}', "3:59: stream:", "'t' is not declared"),
            (b'{"type":"check-tail","op":9,"time":3,"process":3000000000,"stream":"s"}', "3:48: process:", "<="),
            (b'{"type":"indefinite","op":0,"time":0,"reason":""}', "3:36: time:", "before it was invoked"),
            (b'{"type":"failure","op":0,"time":3,"code":"x","status":42}', "3:55: status:", ">= 100"),
            (
                b'{"type":"failure","op":0,"time":3,"code":"x","status":412,"body":{"seq_num_mismatch":"7"}}',
                "3:66: body.seq_num_mismatch:",
                "'7' is not a position",
            ),
            (
                b'{"type":"failure","op":0,"time":3,"code":"x","status":412,"body":{"fencing_token_mismatch":7}}',
                "3:66: body.fencing_token_mismatch:",
                "7 is not a string",
            ),
            (
                b'{"type":"failure","op":0,"time":3,"code":"x","status":416,"body":{"tail":{"seq_num":true}}}',
                "3:66: body.seq_num:",
                "True is not a position",
            ),
            (
                b'{"type":"append","op":9,"time":3,"process":1,"stream":"s","digests":[1,2],"sizes":[9]}',
                "3:83: sizes:",
                "2 digests, but 1 sizes",
            ),
            (
                b'{"type":"append","op":9,"time":3,"process":1,"stream":"s","digests":[1],"sizes":[9],"fences":{"1":"x"}}',
                "3:94: fences:",
                "index 1",
            ),
            (
                b'{"type":"append","op":9,"time":3,"process":1,"stream":"s","digests":[18446744073709551616],"sizes":[9]}',
                "3:69: digests:",
                "2⁶⁴",
            ),
            (
                b'{"type":"failure","op":0,"time":3,"code":"x","body":{"a":' + b"[" * 9999 + b"]" * 9999 + b"}}",
                "3:1:",
                "nested too deeply",
            ),
        ],
    )
    def test_is_named(self, tmp_path: Path, line: bytes, place: str, what: str) -> None:
        text = refusal(tmp_path, with_line(line))
        assert text.startswith(place), text
        assert what in text

    def test_of_a_read(self, tmp_path: Path) -> None:
        answer = b'{"type":"batch","op":0,"time":9,"seq_nums":[0],"timestamps":[0],"digests":[%d],"sizes":[9]%s}'
        lines = [LINES[0], b'{"type":"read","op":0,"time":1,"process":0,"stream":"s"}\n']
        assert len(read_back(tmp_path, b"".join([*lines, answer % (2**64 - 1, b"")]))) == 1
        assert refusal(tmp_path, b"".join([*lines, answer % (2**64, b"")])).startswith("3:75: digests:")
        text = refusal(tmp_path, b"".join([*lines, answer % (1, b',"timestamps":[]')]))
        assert "1 seq_nums, but 0 timestamps" in text
        assert "the index 1 is not one of 1 records" in refusal(
            tmp_path, b"".join([*lines, answer % (1, b',"contents":{"1":{"headers":[],"body":""}}')])
        )

    def test_a_second_answer(self, tmp_path: Path) -> None:
        answer = next(line for line in LINES if line.startswith(b'{"type":"ack"'))
        text = refusal(tmp_path, b"".join([*LINES[:-1], answer]))
        assert text.startswith(f"{len(LINES)}:20: op: operation 0 returned before")

    def test_of_the_header(self, tmp_path: Path) -> None:
        head = msgspec.json.decode(LINES[0])
        encode = msgspec.json.encode
        assert refusal(tmp_path, encode(head | {"streams": [{"name": "s"}, {"name": "s"}]})).startswith("1:")
        text = refusal(tmp_path, encode(head | {"streams": [{"name": "s", "tial": 3}]}))
        assert "tial" in text
        assert "streams[0]" in text
        del head["seed"]
        assert "`seed`" in refusal(tmp_path, encode(head))
        assert refusal(tmp_path, LINES[1]).startswith("1:")

    def test_an_unknown_version_is_what_is_said_whatever_else_changed(self, tmp_path: Path) -> None:
        text = refusal(tmp_path, b'{"type":"history","schema":3,"epochs":[]}\n{"type":"vote"}\n')
        assert text == "1:28: schema: this is version 3; this fencepost reads versions 1, 2"

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(HistoryFailure, match="No such file"):
            read_history(tmp_path / "none")
        with pytest.raises(HistoryFailure, match="directory"):
            read_history(tmp_path)


def test_fields_of_tomorrow_are_ignored(tmp_path: Path) -> None:
    line = b'{"type":"remark","time":3,"kind":"k","text":"t","mood":"fine"}'
    assert read_back(tmp_path, with_line(line)).remarks[-1].text == "t"


def test_what_may_vanish_is_declared_in_the_header_or_nothing_may(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for declared, others_may_delete, retention_ms in (
        ({}, False, None),
        ({"others_may_delete": True, "retention_ms": 1000}, True, 1000),
    ):
        head = {"type": "history", "schema": 2, "version": "", "workload": "", "seed": 0, "started": "", "streams": []}
        path.write_bytes(msgspec.json.encode(head | declared) + b"\n")
        header = read_history(path).header
        assert (header.others_may_delete, header.retention_ms) == (others_may_delete, retention_ms)


@pytest.mark.parametrize("blank", [b"", b" "], ids=["compiled", "ordinary"])
def test_progress_is_told(tmp_path: Path, blank: bytes) -> None:
    path = tmp_path / "history.jsonl"
    line = b'{"type":"remark","time":3,"kind":"k","text":"t"}\n'
    path.write_bytes(LINES[0] + (blank + line) * 180_000)
    told: list[tuple[int, int]] = []
    read_history(path, lambda done, total: told.append((done, total)))
    size = path.stat().st_size
    assert len(told) >= 2
    assert all(total == size for _, total in told)
    assert 0 < told[0][0] < told[1][0] < size
