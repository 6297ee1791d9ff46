"""What is particular to each workload."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

from fencepost.harness.client.outcome import Definite, Indefinite, Ok
from fencepost.harness.s2 import Ack, Append, Batch, CheckTail, Read, Tail, Trim, command_of
from fencepost.testing.simulator import Operation
from fencepost.workloads.answers import fences_in
from fencepost.workloads.sessions import BOUND_TO_FAIL, WINDOWS
from tests.workloads.simulated import appends, refused, transcript


def test_regular_appends_are_of_all_sizes_and_without_conditions() -> None:
    calls = [call for _, call in appends(transcript("regular"))]
    assert {len(call.records) for call in calls} == set(range(1, 16))
    assert all(call.match_seq_num is None and call.fencing_token is None for call in calls)
    records = [record for call in calls for record in call.records]
    sizes = sorted(len(record.body) for record in records)
    assert sizes[0] < 12
    assert sizes[len(sizes) // 2] < 100
    assert sizes[-10] > 3000
    assert sizes[-1] <= 64 * 1024
    assert 0.05 < sum(bool(record.headers) for record in records) / len(records) < 0.2


def test_regular_reads_in_every_way() -> None:
    reads = [o for o in transcript("regular") if isinstance(o.invocation.call, Read)]
    calls = [o.invocation.call for o in reads if isinstance(o.invocation.call, Read)]
    assert any(call.seq_num == 0 for call in calls)
    assert any(call.seq_num and call.count for call in calls)
    assert any(call.seq_num and call.bytes for call in calls)
    assert any(call.until for call in calls)
    assert any(call.clamp for call in calls)
    assert any(call == Read() for call in calls)
    assert any(call.tail_offset and call.count is None for call in calls)
    assert sum(isinstance(o.outcome, Definite) and o.outcome.status == 416 for o in reads) > 20


def test_regular_journals_few_enough_records() -> None:
    operations = transcript("regular")
    returned = sum(
        len(o.outcome.value.records)
        for o in operations
        if isinstance(o.outcome, Ok) and isinstance(o.outcome.value, Batch)
    )
    assert returned / len(operations) < 15


def test_a_strong_read_checks_the_tail_and_reads_up_to_it() -> None:
    finished = 0
    for thread in range(10):
        own = [o for o in transcript("regular", 3) if o.thread == thread]
        for position, operation in enumerate(own):
            if operation.invocation.purpose != "strong-read" or not isinstance(operation.invocation.call, CheckTail):
                continue
            if not isinstance(operation.outcome, Ok):
                continue
            assert isinstance(operation.outcome.value, Tail)
            target = operation.outcome.value.tail.seq_num
            assert all(o.invocation.stream == operation.invocation.stream for o in own[position + 1 : position + 2])
            reached = None
            for page in own[position + 1 :]:
                if page.invocation.purpose != "strong-read" or not isinstance(page.invocation.call, Read):
                    break
                assert page.invocation.stream == operation.invocation.stream
                assert reached is None or page.invocation.call.seq_num == reached, "a page that does not follow"
                if not (isinstance(page.outcome, Ok) and isinstance(page.outcome.value, Batch)):
                    reached = None
                    break
                reached = page.outcome.value.records[-1].seq_num + 1
            if reached is not None and own[-1].invocation.purpose != "strong-read":
                assert reached >= target
                finished += 1
    assert finished > 50


def test_one_replica_of_each_stream_reads_every_record() -> None:
    for thread in range(3):
        stand = 0
        for operation in transcript("regular", 3):
            page = operation.invocation
            if operation.thread != thread or page.stream != f"stream-{thread}" or page.purpose != "strong-read":
                continue
            if isinstance(page.call, Read):
                assert page.call.seq_num == stand
                if isinstance(operation.outcome, Ok) and isinstance(operation.outcome.value, Batch):
                    stand = operation.outcome.value.records[-1].seq_num + 1
        assert stand > 500


def test_an_own_append_is_often_followed_by_a_look_at_the_tail() -> None:
    followed = total = 0
    for thread in range(10):
        own = [o for o in transcript("regular") if o.thread == thread]
        for operation, after in pairwise(own):
            if isinstance(operation.outcome, Ok) and isinstance(operation.outcome.value, Ack):
                total += 1
                followed += isinstance(after.invocation.call, CheckTail)
    assert followed / total > 0.3


# match-seq-num


def test_a_client_adopts_the_tail_that_a_refusal_reports() -> None:
    checked = 0
    for thread in range(10):
        own = [o for o in transcript("match-seq-num") if o.thread == thread]
        for operation, after in pairwise(own):
            call = after.invocation.call
            if refused(operation, "seq_num_mismatch") and isinstance(call, Append) and not after.invocation.purpose:
                assert isinstance(operation.outcome, Definite)
                assert call.match_seq_num == operation.outcome.body["seq_num_mismatch"]
                checked += 1
    assert checked > 300


def test_wrong_guesses_are_wrong_in_their_direction() -> None:
    operations = [o for o in transcript("match-seq-num") if isinstance(o.outcome, Definite)]
    below = Counter[bool]()
    for operation, call in appends(operations):
        assert isinstance(operation.outcome, Definite)
        assert call.match_seq_num is not None
        reported = operation.outcome.body["seq_num_mismatch"]
        if operation.invocation.purpose == "stale-guess":
            assert call.match_seq_num < reported
            below[call.match_seq_num == reported - 1] += 1
        if operation.invocation.purpose == "future-guess":
            below[call.match_seq_num > reported] += 1
    assert below[True] > 30
    assert all(call.match_seq_num is not None for _, call in appends(transcript("match-seq-num")))


def test_several_clients_race_for_one_position() -> None:
    racers = Counter((o.invocation.stream, call.match_seq_num) for o, call in appends(transcript("match-seq-num")))
    assert sum(count > 2 for count in racers.values()) > 50


# fenced


def test_take_overs_are_guarded_and_zombies_are_refused() -> None:
    operations = transcript("fenced")
    by_purpose = Counter((o.invocation.purpose, type(o.outcome).__name__) for o in operations)
    assert by_purpose["take-over", "Ok"] > 30
    assert by_purpose["take-over", "Definite"] > 30, "nobody competed"
    assert by_purpose["zombie", "Definite"] > 100
    assert by_purpose["owner", "Ok"] > 50
    assert by_purpose["cooperative", "Ok"] > 20
    for operation, call in appends(operations):
        if operation.invocation.purpose == "take-over":
            assert call.match_seq_num is not None
            assert fences_in(call)


def test_a_deposed_owner_writes_on_with_its_old_token() -> None:
    went_on = 0
    for thread in range(10):
        own = [(o, call) for o, call in appends(transcript("fenced")) if o.thread == thread]
        for (operation, call), (after, following) in pairwise(own):
            if operation.invocation.purpose == "owner" and refused(operation, "fencing_token_mismatch"):
                went_on += after.invocation.purpose == "zombie" and following.fencing_token == call.fencing_token
    assert went_on > 20


def test_some_appends_give_a_token_and_a_match_in_every_role() -> None:
    both = Counter(
        o.invocation.purpose
        for o, call in appends(transcript("fenced"))
        if call.fencing_token is not None and call.match_seq_num is not None
    )
    assert min(both[purpose] for purpose in ("owner", "zombie", "take-over", "similar-token", "clear")) > 0, both


def test_tokens_are_alike() -> None:
    operations = [*transcript("fenced", 1), *transcript("fenced", 3), *transcript("fenced", 1, 1)]
    tried = Counter[str]()
    for operation, call in appends(operations):
        if not refused(operation, "fencing_token_mismatch"):
            continue
        assert isinstance(operation.outcome, Definite)
        given, truth = call.fencing_token, operation.outcome.body["fencing_token_mismatch"]
        assert given is not None
        tried["empty given"] += given == ""
        tried["empty in force"] += truth == ""
        tried["a prefix"] += bool(given) and truth.startswith(given)
        tried["an extension"] += bool(truth) and given.startswith(truth)
        tried["the same in 35 of 36"] += given[:-1] == truth[:-1] and len(given.encode()) == 36
        tried["another case"] += given.lower() == truth.lower()
        tried["white space"] += given.strip() == truth
    kinds = ("empty given", "empty in force", "a prefix", "an extension", "the same in 35 of 36", "another case")
    assert all(tried[kind] >= 5 for kind in (*kinds, "white space")), tried
    tokens = {token for _, call in appends(operations) for token in fences_in(call)}
    assert "" in tokens
    assert any(len(token.encode()) == 36 for token in tokens)
    assert any(not token.isascii() for token in tokens)
    assert any(a != b and b.startswith(a) for a in tokens if a for b in tokens)


def test_fences_stand_everywhere_in_a_batch_and_some_hide_another() -> None:
    shapes = Counter[str]()
    for _, call in appends(transcript("fenced")):
        is_fence = [bool(fences_in(Append((record,)))) for record in call.records]
        if any(is_fence):
            shapes["alone"] += len(is_fence) == 1
            shapes["first"] += is_fence[0] and not is_fence[-1]
            shapes["last"] += is_fence[-1] and not is_fence[0]
            shapes["middle"] += not is_fence[-1] and not is_fence[0]
            shapes["two"] += sum(is_fence) == 2
    assert len(shapes) == 5
    assert min(shapes.values()) > 5, shapes


def test_some_tokens_are_set_again() -> None:
    again = 0
    for seed in range(2):
        times = Counter(
            fences_in(call)[-1]
            for o, call in appends(transcript("fenced", 1, seed))
            if fences_in(call) and isinstance(o.outcome, Ok)
        )
        again += sum(count > 1 for token, count in times.items() if token)
    assert again > 0


def test_an_owner_whose_take_over_ended_indefinitely_acts_as_if_it_held_the_stream() -> None:
    tried = 0
    for seed in range(2):
        for thread in range(10):
            own = [o for o in transcript("fenced", 1, seed) if o.thread == thread]
            for operation, after in pairwise(own):
                call, following = operation.invocation.call, after.invocation.call
                if isinstance(operation.outcome, Indefinite) and isinstance(call, Append) and fences_in(call):
                    assert after.process != operation.process
                    tried += isinstance(following, Append) and following.fencing_token == fences_in(call)[-1]
    assert tried > 3


# sessions


def test_every_window_is_used_and_a_session_opens_anew_after_a_failure() -> None:
    flying: Counter[int] = Counter()
    sessions: dict[int, set[int]] = defaultdict(set)
    own: dict[int, list[Operation]] = defaultdict(list)
    for operation in transcript("sessions"):
        if operation.invocation.batches:
            thread = operation.thread
            before = sum(other.completed > operation.invoked for other in own[thread])
            flying[thread] = max(flying[thread], before + 1)
            sessions[thread].add(operation.invocation.session or 0)
            own[thread].append(operation)
    windows = {thread: WINDOWS[thread % len(WINDOWS)] for thread in own}
    assert all(flying[thread] <= window for thread, window in windows.items()), (flying, windows)
    assert {flying[thread] for thread, window in windows.items() if window <= 8} == {1, 2, 4, 8} & set(windows.values())
    failures = [o for o in transcript("sessions") if o.invocation.purpose == BOUND_TO_FAIL]
    assert sum(isinstance(o.outcome, Definite) for o in failures) > 10
    assert any(isinstance(o.outcome, Definite) and o.outcome.code == "session_poisoned" for o in transcript("sessions"))


# followers


def test_a_follower_resumes_where_its_session_ended() -> None:
    resumed = 0
    for thread in range(1, 10, 2):
        follows = [
            o for o in transcript("followers") if o.thread == thread and o.invocation.purpose in ("follow", "resume")
        ]
        for operation, after in pairwise(follows):
            value = operation.outcome.value if isinstance(operation.outcome, Ok) else None
            if isinstance(value, Batch) and value.records and after.invocation.purpose == "resume":
                assert isinstance(after.invocation.call, Read)
                assert after.invocation.call.seq_num == value.records[-1].seq_num + 1
                resumed += 1
    assert resumed > 100


# trim


def test_trims_are_few_and_mostly_small_and_reads_look_where_they_were() -> None:
    below = [
        (command.seq_num, operation)
        for operation, call in appends(transcript("trim"))
        for record in call.records
        if isinstance(command := command_of(record), Trim)
    ]
    assert 20 < len(below) < 120
    assert any(seq_num > 10**9 for seq_num, _ in below)
    starts = {o.invocation.call.seq_num for o in transcript("trim") if isinstance(o.invocation.call, Read)}
    assert sum(seq_num in starts for seq_num, _ in below) > len(below) / 2


# retry


def test_each_policy_repeats_what_the_sdk_would_and_the_same_records() -> None:
    repeated: Counter[tuple[bool, str]] = Counter()
    for thread in range(10):
        own = [o for o in transcript("retry") if o.thread == thread]
        for operation, after in pairwise(own):
            is_retry = after.invocation.purpose == "retry"
            if is_retry:
                assert after.invocation.call == operation.invocation.call
                assert after.process != operation.process
            if isinstance(operation.invocation.call, Append):
                repeated[is_retry, f"{type(operation.outcome).__name__} {thread % 2}"] += 1
    assert repeated[True, "Indefinite 0"] > 10
    assert {what for is_retry, what in repeated if is_retry} == {"Indefinite 0"}, "412 and the like are not repeated"
    assert repeated[False, "Indefinite 1"] > 5


# mixed


def test_it_has_operations_of_every_kind_on_every_stream() -> None:
    kinds = Counter((o.invocation.stream, type(o.invocation.call).__name__) for o in transcript("mixed", 3))
    assert len(kinds) == 9
    purposes = {o.invocation.purpose for o in transcript("mixed", 3)}
    assert {"", "strong-read", "trim", "take-over", "stale-guess"} <= purposes
    assert any(o.invocation.batches for o in transcript("mixed", 3))
    assert any(o.invocation.session is not None and isinstance(o.invocation.call, Read) for o in transcript("mixed", 3))
