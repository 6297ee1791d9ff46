"""Which appends took effect, and where: from acknowledgements, from reads, and from both."""

from __future__ import annotations

from fencepost.checkers.chain.chain import Chain, build
from fencepost.checkers.chain.in_force import chain_tokens
from fencepost.checkers.chain.stream import streams
from fencepost.checkers.chain.trims import TrimPoints
from fencepost.checkers.chain.unplaced import unplaced
from fencepost.testing import Op, append, check_tail, history, read


def chain_of(*ops: Op, tail: int = 0) -> Chain:
    return build(next(iter(streams(history(*ops, tail=tail)))))


def placed(chain: Chain) -> list[tuple[int, int, int]]:
    batches = chain.batches
    return [(int(r), int(s), int(e)) for r, s, e in zip(batches.row, batches.start, batches.end, strict=True)]


def test_acknowledgements_place_their_appends() -> None:
    chain = chain_of(append(0, 1, 9, "c", ack=2), append(1, 2, 8, "a b", ack=0))
    assert placed(chain) == [(1, 0, 2), (0, 2, 3)]


def test_a_read_of_one_record_places_the_whole_indefinite_batch() -> None:
    chain = chain_of(append(0, 1, None, "a b c"), append(1, 5, 6, "d", ack=3), read(2, 7, 8, 1, saw="b", count=1))
    assert placed(chain) == [(0, 0, 3), (1, 3, 4)]
    assert chain.unused.tolist() == []
    assert chain.covered[1].tolist() == [4]


def test_what_was_not_seen_is_unused() -> None:
    chain = chain_of(append(0, 1, None, "a"), append(1, 2, 3, "b", ack=0), read(2, 4, 5, 0, saw="b"))
    assert placed(chain) == [(1, 0, 1)]
    assert chain.unused.tolist() == [0]


def test_equal_batches_go_where_their_conditions_let_them() -> None:
    """Two fences to the same token: the one that gave match_seq_num 1 can only be the second."""
    chain = chain_of(
        append(0, 1, None, "fence=x", match=1),
        append(1, 2, None, "fence=x"),
        append(2, 3, 9, "z", ack=2),
        read(3, 10, 11, 0, saw="fence=x fence=x z"),
    )
    assert placed(chain) == [(1, 0, 1), (0, 1, 2), (2, 2, 3)]
    assert chain.facts.duplicates == []


def test_equal_batches_go_where_their_invocation_lets_them() -> None:
    """The second was invoked after the first place had been passed."""
    chain = chain_of(
        append(0, 1, None, "fence=x"),
        append(1, 2, 3, "z", ack=1),
        check_tail(2, 4, 5, 2),
        append(3, 6, None, "fence=x"),
        read(4, 7, 8, 0, saw="fence=x z fence=x"),
    )
    assert placed(chain) == [(0, 0, 1), (1, 1, 2), (3, 2, 3)]


def test_a_request_that_was_sent_again_is_no_duplicate_of_the_first() -> None:
    chain = chain_of(append(0, 1, 2, "a b", ack=0), append(1, 1, None, "a b"), read(2, 8, 9, 0, saw="a b a b"))
    assert placed(chain) == [(0, 0, 2), (1, 2, 4)]
    assert chain.facts.duplicates == []


def test_one_sending_at_two_places_is_a_duplicate() -> None:
    chain = chain_of(append(0, 1, None, "a b"), read(2, 8, 9, 0, saw="a b a b"))
    assert chain.facts.duplicates == [(0, 2)]


def test_an_acknowledged_batch_whose_place_another_took_is_lost() -> None:
    chain = chain_of(append(0, 1, 2, "a b", ack=0), append(1, 3, 4, "c", ack=0), read(2, 8, 9, 0, saw="c"))
    assert chain.facts.lost == {0: [0]}
    assert placed(chain) == [(1, 0, 1)]


def test_altered_content_keeps_its_place() -> None:
    chain = chain_of(append(0, 1, 2, "a b", ack=0), read(2, 8, 9, 0, saw="a strange"))
    assert chain.facts.garbage == [1]
    assert placed(chain) == [(0, 0, 2)]


def test_a_batch_in_pieces_is_torn() -> None:
    chain = chain_of(append(0, 1, None, "a b"), append(1, 2, 9, "c", ack=1), read(2, 10, 11, 0, saw="a c"))
    assert [row for row, _ in chain.facts.torn] == [0]


def test_the_record_of_a_failed_append_is_aborted() -> None:
    chain = chain_of(append(0, 1, 2, "a", failed="rate_limited"), read(2, 8, 9, 0, saw="a"))
    assert chain.facts.aborted == [(0, 0)]


def test_what_was_there_before_is_nobodys() -> None:
    chain = chain_of(append(0, 1, 2, "a", ack=2), read(2, 8, 9, 0, saw="old older a"), tail=2)
    assert chain.facts.garbage == []
    assert placed(chain) == [(0, 2, 3)]


def test_absurd_positions_cost_no_memory() -> None:
    chain = chain_of(append(0, 1, 2, "a", ack=2**60), read(2, 8, 9, 0, saw="b", at=2**50))
    assert chain.contents.axis.size == 2


def test_a_trim_of_unknown_place_reaches_no_further_than_all_records() -> None:
    """Where an answer may have ended is looked for up to there, position by position."""
    chain = chain_of(append(0, 1, None, f"trim={2**64 - 1}"), append(1, 2, 3, "a b", ack=5), tail=5)
    trims = TrimPoints(chain, unplaced(chain, chain_tokens(chain)))
    assert trims.greatest == 8
