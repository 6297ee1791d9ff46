"""A recorder in somebody's test: what it records is a history that can be checked, and its mistakes name the call."""

from __future__ import annotations

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import fencepost
from fencepost import Ack, Batch, Definite, HistoryBuilder, Indefinite, Ok, Position, Record, SequencedRecord, Tail
from fencepost.harness.history.history import History, Outcome
from fencepost.testing import append, check_tail, history, part, read
from tests.history.same import differences


def built(*streams: str | fencepost.StreamState) -> HistoryBuilder:
    """A builder whose clock moves by 1 ns whenever it is read."""
    return HistoryBuilder(*(streams or ("s",)), clock=itertools.count().__next__)


def but_for_headers(one: History, other: History) -> list[str]:
    """What differs in the operations."""
    return [found for found in differences(one, other) if not found.startswith("history.header")]


def outcomes(found: History) -> list[str]:
    return [Outcome(outcome).name for outcome in found.outcome.tolist()]


def test_calls_and_answers_make_the_same_history_as_the_same_by_hand() -> None:
    """Everything that can be told, once; the language of the tests says the same in another way."""
    builder = HistoryBuilder("s")
    one = builder.append(["a", b"b", Record.fence("x")], process=0, time=1)
    one.acked((0, 1000), (3, 1002), (3, 1002), time=2)
    builder.append(["c"], match_seq_num=9, process=1, time=3).refused(seq_num_mismatch=3, time=4)
    builder.append(["d"], fencing_token="y", process=1, time=5).refused(token_mismatch="x", time=6)
    builder.append(["e"], process=2, time=7).failed(
        "rate_limited", 429, {"code": "rate_limited", "message": ""}, time=8
    )
    builder.append(["f"], process=3, time=9).lost("timed out", time=10)
    builder.append(["g"], process=4, time=11)
    builder.read(seq_num=0, count=2, process=5, time=12).saw([(0, 1000, "a"), (1, 1001, b"b")], time=13)
    builder.read(seq_num=3, process=5, time=14).beyond_tail((3, 1002), time=15)
    builder.check_tail(process=5, time=16).answered((3, 1002), time=17)
    ours = builder.history()
    theirs = history(
        append(0, 1, 2, "a b fence=x", ack=0),
        append(1, 3, 4, "c", match=9, tail=3),
        append(1, 5, 6, "d", token="y", fence="x"),
        append(2, 7, 8, "e", failed="rate_limited"),
        append(3, 9, None, "f", gave_up=10),
        append(4, 11, None, "g"),
        read(5, 12, 13, 0, count=2, saw="a b"),
        read(5, 14, 15, 3, tail=3),
        check_tail(5, 16, 17, 3),
    )
    assert not but_for_headers(ours, theirs)
    assert fencepost.check(builder).valid is fencepost.check(theirs).valid is True


def test_sessions_make_the_same_history_as_the_same_by_hand() -> None:
    builder = HistoryBuilder("s")
    session = builder.append_session(process=0)
    first, second = session.append(["a"], time=1), session.append(["b"], match_seq_num=1, time=2)
    reading = builder.read_session(seq_num=0, process=1, time=3)
    first.acked((0, 1000), (1, 1000), time=8)
    second.acked((1, 1001), (2, 1001), time=9)
    reading.part([(0, 1000, "a")], time=10)
    reading.part([(1, 1001, "b")], tail=(2, 1001), time=12)
    reading.saw(time=20)
    theirs = history(
        append(0, 1, 8, "a", session=0, ack=0),
        append(0, 2, 9, "b", session=0, match=1, ack=1),
        read(1, 3, 20, 0, session=1, parts=[part(10, "a"), part(12, "b", followed=2)], saw=""),
    )
    assert not but_for_headers(builder.history(), theirs)
    assert fencepost.check(builder).valid


def test_the_answers_of_a_client_can_be_recorded_as_they_are() -> None:
    builder = built()
    end = Position(1, 7)
    builder.append([Record(b"a")]).complete(Ok(Ack(Position(0, 7), end, end)))
    builder.read(fencepost.Read(seq_num=0)).complete(Ok(Batch((SequencedRecord(0, 7, (), b"a"),))))
    builder.check_tail().complete(Ok(Tail(end)))
    builder.check_tail().complete(Definite("not_sent"))
    builder.append(["b"]).complete(Indefinite("reset"))
    assert outcomes(builder.history()) == ["OK", "OK", "OK", "FAILED", "INDEFINITE"]
    assert fencepost.check(builder).valid


def test_a_block_that_says_nothing_or_raises_leaves_the_call_indefinite() -> None:
    builder = built()
    with builder.append(["a"]):
        pass
    with pytest.raises(TimeoutError), builder.append(["b"]):
        raise TimeoutError("too slow")
    with builder.append(["c"]) as call:
        call.acked(0)
    builder.append(["d"])
    found = builder.history()
    assert outcomes(found) == ["INDEFINITE", "INDEFINITE", "OK", "INDEFINITE"]
    assert [found.operation(row).code for row in (0, 1)] == ["no answer was recorded", "TimeoutError: too slow"]


async def test_cancelled_tasks_leave_their_calls_indefinite_and_get_processes_of_their_own() -> None:
    builder = HistoryBuilder("s")

    async def call(number: int, answered: asyncio.Event) -> None:
        with builder.append([f"r{number}"]) as recorded:
            await answered.wait()
            recorded.acked(number)

    answered = asyncio.Event()
    tasks = [asyncio.create_task(call(number, answered)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    answered.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    with builder.check_tail() as recorded:
        recorded.answered(3)
    found = builder.history()
    assert found.process.tolist() == [0, 1, 2, 0], "the cancelled call's process does nothing more"
    assert outcomes(found) == ["OK", "INDEFINITE", "OK", "OK"]
    assert fencepost.check(builder).valid


def test_threads_may_record_at_once() -> None:
    builder = HistoryBuilder("s", "t")

    def client(number: int) -> None:
        for turn in range(100):
            with builder.append([f"{number}-{turn}"], stream="st"[turn % 2]) as call:
                call.lost() if turn % 10 == 0 else call.failed("rate_limited", 429)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(client, range(4)))
    found = builder.history()
    assert len(found) == len(builder) == 400
    assert np.array_equal(found.invoked, np.sort(found.invoked))
    assert sorted(found.id.tolist()) == list(range(400))


def test_calls_with_times_may_be_recorded_in_any_order() -> None:
    builder = HistoryBuilder("s")
    builder.check_tail(time=30).answered(2, time=40)
    builder.append(["b"], time=10).acked(1, time=35)
    builder.append(["a"], time=5).acked(0, time=9)
    found = builder.history()
    assert found.invoked.tolist() == [5, 10, 30]
    assert found.id.tolist() == [2, 1, 0]
    assert fencepost.check(found).valid


def test_it_finds_what_is_wrong_with_a_service() -> None:
    builder = built()
    with builder.append(["a"]) as call:
        call.acked(0)
    with builder.check_tail() as look:
        look.answered(0)
    result = fencepost.check(builder)
    assert [violation.anomaly for violation in result.violations] == ["stale-read"]
    assert result.violations[0].operations == (call.op, look.op)


def test_it_is_written_as_a_history_that_the_command_reads(tmp_path: Path) -> None:
    builder = built(fencepost.StreamState("orders", 7, None))
    builder.fault("partition", "start")
    builder.append(["a"], stream="orders", purpose="first").acked(7)
    builder.remark("note", "nothing else")
    path = builder.write(str(tmp_path / "history.jsonl"))
    found = fencepost.read_history(str(path))
    assert not differences(found, builder.history())
    assert found.whole
    assert (found.header.streams[0].tail, found.header.streams[0].fencing_token) == (7, None)
    assert [fault.name for fault in found.faults] == ["partition"]
    assert [remark.text for remark in found.remarks] == ["nothing else"]
    assert found.operation(0).purpose == "first"
    assert fencepost.check(path).valid


def test_a_mistake_names_the_call() -> None:
    builder = built("s", "t")
    with pytest.raises(ValueError, match="name the stream; there are: 's', 't'"):
        builder.check_tail()
    with pytest.raises(ValueError, match="the stream 'u' is not declared"):
        builder.append(["a"], stream="u")
    done = builder.check_tail(stream="s")
    done.answered(0)
    with pytest.raises(ValueError, match=r"check-tail #0 of process 0.*its end is recorded already"):
        done.lost()
    late = builder.append(["a"], stream="s", time=100)
    with pytest.raises(ValueError, match=r"append #1 .*99 ns is before it was invoked"):
        late.acked(0, time=99)
    with pytest.raises(ValueError, match=r"append #1 .*Tail is no answer to that"):
        late.complete(Ok(Tail(Position(0, 0))), time=101)
    with pytest.raises(TypeError, match=r"append #1 .*not int"):
        late.complete(3, time=101)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="either seq_num_mismatch or token_mismatch"):
        late.refused()
    with pytest.raises(ValueError, match="time -1 is negative"):
        builder.check_tail(stream="s", time=-1)
    with pytest.raises(TypeError, match="a list of records, not a single str"):
        builder.append("abc", stream="s")
    with pytest.raises(TypeError, match="not both"):
        builder.read(fencepost.Read(seq_num=1), seq_num=1, stream="s")
    assert late.ended is None, "what was refused was not recorded"
    assert len(builder) == 2
    with pytest.raises(ValueError, match="declared twice"):
        HistoryBuilder("s", "s")
    with pytest.raises(ValueError, match="retention_ms is 0"):
        HistoryBuilder("s", retention_ms=0)
    with pytest.raises(ValueError, match="name the streams"):
        HistoryBuilder()


def test_a_process_that_does_two_things_at_once_is_told() -> None:
    builder = built()
    builder.append(["a"], process=1)
    with pytest.raises(ValueError, match="process 1 is still busy with call #0"):
        builder.check_tail(process=1)
    lost = builder.check_tail(process=2)
    lost.lost()
    with pytest.raises(ValueError, match="process 2 is still busy with call #1, or that ended indefinitely"):
        builder.check_tail(process=2)
    builder.check_tail()
    with pytest.raises(ValueError, match="the builder chose process 0 for other calls"):
        builder.check_tail(process=0)
    timed = HistoryBuilder("s")
    timed.check_tail(process=1, time=1).answered(0, time=9)
    timed.check_tail(process=1, time=5).answered(0, time=6)
    with pytest.raises(fencepost.HistoryFailure, match="process 1 invoked operation 1 at 5 ns, after its operation 0"):
        timed.history()


def test_builders_and_calls_are_readable() -> None:
    builder = built()
    call = builder.append(["a"])
    assert repr(call) == "<append #0 of process 0: invoked at 1 ns, open>"
    call.acked(0)
    assert repr(call) == "<append #0 of process 0: invoked at 1 ns, ended at 2 ns>"
    assert repr(builder) == "<HistoryBuilder: 1 calls on 's'>"
