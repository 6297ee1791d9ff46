"""Damage to random histories: each mutation changes one thing, so that the history is often, not always, invalid."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Final

from fencepost.testing import by_invocation
from tests.checkers.changing import Mutation
from tests.checkers.damage_to_appends import (
    accept_lost,
    accept_refused,
    change_condition,
    change_fence,
    change_followed_tail,
    change_refusal,
    change_tail,
    fail_accepted,
    lose_accepted,
    refuse_accepted,
    shift_ack,
)
from tests.checkers.damage_to_order import drop_operation, exchange_times, move_in_time, split_batch, squeeze
from tests.checkers.damage_to_reads import (
    answer_nothing,
    bring_back,
    deny_stream,
    exceed_bounds,
    refuse_by_timestamp,
    shift_time,
    skip_by_timestamp,
)
from tests.checkers.damage_to_records import (
    alter_record,
    change_bounds,
    change_hash,
    change_timestamp,
    drop_end,
    drop_record,
    move_records,
    repeat_content,
    repeat_record,
    swap_records,
)
from tests.checkers.damage_to_sessions import (
    begin_with_nothing,
    change_part,
    change_read_session,
    cut_off,
    drop_part,
    fail_in_session,
    hasten_part,
    join_session,
    refuse_after_parts,
    repeat_part,
    swap_in_session,
    swap_parts,
)
from tests.checkers.random_histories import random_story
from tests.checkers.stories import PLAIN, TOKENS, Features, Story, is_well_formed
from tests.checkers.timed_stories import timed_story


def story_of(seed: int, features: Features = PLAIN) -> Story:
    """The story of a seed: sound if that is even, else damaged (or drawn near what is sound)."""
    if features.untimed and seed % 16 == 15:
        return timed_story(seed)
    random = Random(seed)
    story = random_story(random, f"seed {seed}:", features)
    return damaged(random, story, features) if seed % 2 else story


def damaged(random: Random, story: Story, features: Features = PLAIN) -> Story:
    """The story with one thing changed (now and then two); often, but not always, it is invalid then."""
    ops, names = by_invocation(story.ops), []
    mutations = mutations_of(features)
    for _ in range(random.choice((1, 1, 1, 2)) if ops else 0):
        for _ in range(20):
            mutation = random.choice(mutations)
            changed = mutation(random, list(ops))
            if changed is not None and is_well_formed(changed):
                ops = changed
                names.append(mutation.__name__)
                break
    token = story.token
    if random.random() < 0.02:
        token = random.choice((None, *TOKENS))
        names.append("another first token")
    if (story.others_may_delete or story.retention_ms is not None) and random.random() < 0.5:
        story = replace(story, others_may_delete=False, retention_ms=None)
        names.append("nothing declared")
    return replace(story, ops=tuple(ops), token=token, origin=f"{story.origin} {' and '.join(names)}")


PLAIN_MUTATIONS: Final[tuple[Mutation, ...]] = (
    shift_ack,
    change_tail,
    change_followed_tail,
    change_refusal,
    accept_refused,
    accept_lost,
    refuse_accepted,
    fail_accepted,
    lose_accepted,
    change_condition,
    change_fence,
    drop_record,
    drop_end,
    swap_records,
    alter_record,
    repeat_record,
    move_records,
    change_timestamp,
    change_bounds,
    exceed_bounds,
    skip_by_timestamp,
    shift_time,
    refuse_by_timestamp,
    answer_nothing,
    bring_back,
    move_in_time,
    squeeze,
    exchange_times,
    drop_operation,
    split_batch,
)
"""What can happen to single appends, reads and check-tails."""

SESSION_MUTATIONS: Final = (swap_in_session, fail_in_session, join_session)
PART_MUTATIONS: Final = (
    drop_part,
    repeat_part,
    swap_parts,
    change_part,
    hasten_part,
    begin_with_nothing,
    refuse_after_parts,
)


def mutations_of(features: Features) -> tuple[Mutation, ...]:
    """The damage that there is to histories with these features."""
    found = PLAIN_MUTATIONS
    found += SESSION_MUTATIONS * 2 * features.append_sessions
    found += PART_MUTATIONS * 2 * (features.read_sessions or features.cut_short)
    found += (cut_off,) * features.cut_short + (change_read_session,) * features.read_sessions
    found += (deny_stream,) * 2 * features.absences
    found += (change_hash,) * 3 * features.hashes + (repeat_content,) * features.repeats
    return found
