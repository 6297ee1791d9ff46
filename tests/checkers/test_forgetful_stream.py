"""What random histories are read from agrees with the reference server, wherever that can do the same."""

from __future__ import annotations

from random import Random

from fencepost.harness.server.errors import StateMismatch
from fencepost.testing.operations import Rec
from tests.checkers.forgetful_stream import ForgetfulStream
from tests.checkers.random_requests import random_read

STREAMS = 300


def test_a_stream_that_has_forgotten_all_below_a_trim_is_read_as_the_reference_server_is() -> None:
    refused = returned = 0
    for seed in range(STREAMS):
        random = Random(seed)
        stream = ForgetfulStream()
        for number in range(random.randint(0, 6)):
            sizes = random.choice((None, 20, 40)), random.choice((None, 20, 40))
            recs = [Rec(f"r{number}{i}", size, random.choice((None, 990, 1003))) for i, size in enumerate(sizes)]
            if random.random() < 0.3:
                trim = random.randint(0, 2 * number)
                recs[random.randrange(2)] = Rec(f"trim={trim}", trim=trim)
            stream.append(tuple(recs), None, None, 1000 + number)
        stream.gone = set(range(stream.server.trim_point))
        for _ in range(20):
            query = random_read(random, stream.tail.seq_num, 1003, random.random() < 0.5)
            if query.until is not None and query.until <= (query.timestamp or 0):
                continue  # the server refuses what contradicts itself
            follows = random.random() < 0.5
            start = stream.start(query, follows or bool(query.wait))
            try:
                assert start == stream.server.locate(query, 0, may_follow=follows), (seed, query)
            except StateMismatch:
                assert start is None, (seed, query)
            refused += start is None
            if start is not None:
                page = [(one.seq_num, one.timestamp) for one in stream.server.page(start, query, 0).records]
                assert [(one.seq_num, one.timestamp) for one in stream.page(start, query)] == page, (seed, query)
                returned += len(page) > 0
    assert refused > STREAMS
    assert returned > STREAMS
