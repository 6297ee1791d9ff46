"""The recorder: what it writes comes back whole, in time, and survives its own death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fencepost.harness import s2
from fencepost.harness.client import outcome as outcomes
from fencepost.harness.history.digest import digest
from fencepost.harness.history.history import FOREVER, NONE, History, Kind, Outcome
from fencepost.harness.history.reader import read_history
from fencepost.harness.history.recorder import Recorder
from fencepost.harness.workload import Invocation
from tests.history.calls import STREAMS, header, operations


def ticking() -> Any:
    ticks = count(10, 10)
    return lambda: next(ticks)


def recorder(path: Path) -> Recorder:
    return Recorder(path, header(), ticking())


def span(offset: Any, row: int) -> slice:
    return slice(int(offset[row]), int(offset[row + 1]))


def nothing(value: int | None) -> int:
    return NONE if value is None else value


class TestRoundTrip:
    @settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(operations(), max_size=6), st.randoms(use_true_random=False))
    def test_what_was_recorded_is_read(
        self, tmp_path_factory: pytest.TempPathFactory, recorded: list[tuple[Invocation, Any]], random: Random
    ) -> None:
        path = tmp_path_factory.mktemp("history") / "history.jsonl"
        journal = recorder(path)
        times: dict[int, int] = {}
        pending: list[tuple[int, Any]] = []
        for process, (invocation, outcome) in enumerate(recorded):
            op = journal.invoke(invocation, process)
            if outcome is not None:
                pending.append((op, outcome))
            random.shuffle(pending)
            while pending and random.random() < 0.5:
                op, outcome = pending.pop()
                times[op] = journal.complete(op, outcome)
        for op, outcome in pending:
            times[op] = journal.complete(op, outcome)
        journal.close()
        history = read_history(path)
        assert history.whole
        assert not history.warnings
        assert len(history) == len(recorded)
        for row, (invocation, outcome) in enumerate(recorded):
            assert history.id[row] == row
            assert history.process[row] == row
            check_invocation(history, row, invocation)
            assert history.ended[row] == times.get(row, FOREVER)
            check_outcome(history, row, outcome, recorded[: len(recorded)])

    def test_contents_of_records_that_nobody_sent_are_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "h"
        journal = recorder(path)
        journal.invoke(Invocation("s", s2.Append((s2.Record(b"mine"),))), 0)
        op = journal.invoke(Invocation("s", s2.Read(seq_num=0)), 1)
        strange = s2.SequencedRecord(1, 5, ((b"", b"fence"),), b"\xff")
        mine = s2.SequencedRecord(0, 5, (), b"mine")
        journal.complete(op, outcomes.Ok(s2.Batch((mine, strange))))
        contents = read_history(path).reads.contents
        assert list(contents) == [1]
        assert list(contents[1]) == [1]
        assert contents[1][1].headers == [("", "ZmVuY2U=")]
        assert contents[1][1].body == "/w=="


def check_invocation(history: History, row: int, invocation: Invocation) -> None:
    operation = history.operation(row)
    assert operation.stream == invocation.stream
    assert operation.purpose == invocation.purpose
    assert history.thread[row] == nothing(invocation.thread)
    assert history.intended[row] == (history.invoked[row] if invocation.time is None else invocation.time)
    match invocation.call:
        case s2.Append(records, match_seq_num, fencing_token):
            appends = history.appends
            assert operation.kind is Kind.APPEND
            assert (operation.match_seq_num, operation.fencing_token) == (match_seq_num, fencing_token)
            assert list(appends.digest[span(appends.offset, row)]) == list(map(digest, records))
            assert list(appends.size[span(appends.offset, row)]) == list(map(s2.metered_size, records))
            stamps = [record.timestamp for record in records]
            assert appends.timestamps.get(row, [None] * len(records)) == stamps
            fences = {i: r.body.decode() for i, r in enumerate(records) if r.headers == ((b"", b"fence"),)}
            assert {i: history.tokens[t] for i, t in appends.fences.get(row, {}).items()} == fences
            assert operation.last_fence == (fences[max(fences)] if fences else None)
            trims = {i: int.from_bytes(r.body) for i, r in enumerate(records) if r.headers == ((b"", b"trim"),)}
            assert appends.trims.get(row, {}) == {i: min(to, FOREVER - 1) for i, to in trims.items()}
        case s2.Read() as read:
            reads = history.reads
            assert operation.kind is Kind.READ
            columns = [reads.from_seq_num, reads.from_timestamp, reads.tail_offset, reads.count, reads.bytes]
            asked = [read.seq_num, read.timestamp, read.tail_offset, read.count, read.bytes]
            assert [column[row] for column in columns] == [nothing(value) for value in asked]
            assert (reads.until[row], reads.wait[row]) == (nothing(read.until), nothing(read.wait))
            assert reads.clamp[row] == read.clamp
        case _:
            assert operation.kind is Kind.CHECK_TAIL


def check_outcome(history: History, row: int, outcome: Any, recorded: list[tuple[Invocation, Any]]) -> None:
    appends, reads = history.appends, history.reads
    lost = outcome is None or isinstance(outcome, outcomes.Indefinite)
    assert history.returned[row] == (FOREVER if lost else history.ended[row])
    answered = [
        appends.start[row], appends.start_timestamp[row], appends.end[row],
        appends.end_timestamp[row], appends.tail[row], appends.tail_timestamp[row],
    ]  # fmt: skip
    observed = (history.observed_tail[row], history.observed_tail_timestamp[row])
    mismatches = (history.seq_num_mismatch[row], history.token_mismatch[row])
    seen = span(reads.offset, row)
    expected_ack, expected_tail, expected_mismatches, expected_records = [NONE] * 6, (NONE, NONE), (NONE, NONE), ()
    kind, status, code = Outcome.INDEFINITE, None, None
    match outcome:
        case outcomes.Ok(s2.Ack(start, end, tail)):
            kind = Outcome.OK
            expected_ack = [n for p in (start, end, tail) for n in (p.seq_num, p.timestamp)]
        case outcomes.Ok(s2.Tail(tail)):
            kind, expected_tail = Outcome.OK, (tail.seq_num, tail.timestamp)
        case outcomes.Ok(s2.Batch(records, tail)):
            kind, expected_records = Outcome.OK, records
            assert reads.tail[row] == (NONE if tail is None else tail.seq_num)
        case outcomes.Definite(code, status, body):
            kind = Outcome.FAILED
            if "tail" in body:
                expected_tail = (body["tail"]["seq_num"], body["tail"]["timestamp"])
            elif "seq_num_mismatch" in body:
                expected_mismatches = (body["seq_num_mismatch"], NONE)
            elif "fencing_token_mismatch" in body:
                expected_mismatches = (NONE, history.tokens.index(body["fencing_token_mismatch"]))
        case outcomes.Indefinite(code, status, _):
            pass
    operation = history.operation(row)
    assert (operation.outcome, operation.status, operation.code) == (kind, status, code)
    assert answered == expected_ack
    assert observed == expected_tail
    assert mismatches == expected_mismatches
    assert list(reads.seq_num[seen]) == [record.seq_num for record in expected_records]
    assert list(reads.timestamp[seen]) == [record.timestamp for record in expected_records]
    assert list(reads.digest[seen]) == list(map(digest, expected_records))
    assert list(reads.size[seen]) == list(map(s2.metered_size, expected_records))


class TestTheFile:
    def test_an_invocation_is_in_the_file_before_invoke_returns(self, tmp_path: Path) -> None:
        path = tmp_path / "h"
        journal = recorder(path)
        for number in range(3):
            op = journal.invoke(Invocation("s", s2.CheckTail()), number)
            last = msgspec.json.decode(path.read_bytes().splitlines()[-1])
            assert (last["op"], last["process"]) == (op, number)

    def test_an_existing_file_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "h"
        path.write_text("mine")
        with pytest.raises(FileExistsError):
            recorder(path)
        assert path.read_text() == "mine"

    def test_lines_are_whole_where_the_system_writes_a_few_bytes_at_a_time(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:7])))
        journal = recorder(tmp_path / "h")
        journal.invoke(Invocation(STREAMS[1], s2.Append((s2.Record.fence("é"),))), 0)
        journal.close()
        history = read_history(tmp_path / "h")
        assert history.whole
        assert history.operation(0).last_fence == "é"

    def test_nothing_follows_a_line_that_could_not_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal = recorder(tmp_path / "h")
        journal.invoke(Invocation("s", s2.CheckTail()), 0)
        write = os.write
        left = [20]

        def full(file: int, data: memoryview) -> int:
            if not left[0]:
                raise OSError(28, "No space left on device")
            written = write(file, bytes(data[: left[0]]))
            left[0] -= written
            return written

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            journal.invoke(Invocation("s", s2.CheckTail()), 1)
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space"):
            journal.invoke(Invocation("s", s2.CheckTail()), 2)
        with pytest.raises(OSError, match="No space"):
            journal.close()
        history = read_history(tmp_path / "h")
        assert len(history) == 1
        assert len(history.warnings) == 1
        assert not history.whole

    def test_a_stream_that_the_header_does_not_name_is_refused(self, tmp_path: Path) -> None:
        journal = recorder(tmp_path / "h")
        with pytest.raises(ValueError, match="'other'"):
            journal.invoke(Invocation("other", s2.CheckTail()), 0)
        journal.close()
        assert len(read_history(tmp_path / "h")) == 0

    def test_closing_twice_is_closing_once(self, tmp_path: Path) -> None:
        journal = recorder(tmp_path / "h")
        journal.fault("kill", "start", "pid 1")
        journal.remark("phase", "clients")
        journal.close()
        journal.close()
        history = read_history(tmp_path / "h")
        assert [(fault.name, fault.phase, fault.detail) for fault in history.faults] == [("kill", "start", "pid 1")]
        assert [(remark.kind, remark.text) for remark in history.remarks] == [("phase", "clients")]
        assert history.whole


PROGRAM = """
import sys, time
from pathlib import Path
from fencepost.harness import s2
from fencepost.harness.client import outcome
from fencepost.harness.history.recorder import Recorder
from fencepost.harness.workload import Invocation
from tests.history.calls import header

journal = Recorder(Path(sys.argv[1]), header(), time.monotonic_ns)
number = 0
while True:
    records = tuple(s2.Record(b"%d-%d" % (number, i) + b"." * 200) for i in range(1 + number % 5))
    op = journal.invoke(Invocation("s", s2.Append(records)), number)
    print(op, flush=True)
    if number % 3:
        here = s2.Position(number, number)
        journal.complete(op, outcome.Ok(s2.Ack(here, here, here)))
    number += 1
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_recorder_that_is_killed_leaves_a_readable_file(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "history.jsonl"
    patience = Random(seed).randrange(1, 400)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(patience)]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().rpartition(b"\n")[0]
        told = [*map(int, first), *map(int, rest.split())]
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    history = read_history(path)
    assert not history.whole
    assert len(history.warnings) <= 1
    # Every operation whose id the recorder gave away is there; at most one more.
    assert set(history.id) >= set(told), f"seed {seed}"
    assert len(history) <= len(told) + 1, f"seed {seed}"
