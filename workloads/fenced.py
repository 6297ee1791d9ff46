"""The workload ``fenced``: owners that take over from each other by fencing, and deposed owners that write on.

A client takes over a stream with a fence record, guarded by ``match_seq_num``, and then appends with its token. The
previous owner learns that it was deposed when the service refuses one of its appends. It keeps using its old token for
a while, as a **zombie**: the service must refuse every append of a zombie. Other clients try tokens that resemble the
one in force, append without a token (which is allowed, since fencing is cooperative), or read. Sometimes an owner
clears the token, or a client sets one of its own old tokens again.

A history identifies a record by its content, and the content of a fence is its token. Most tokens, and so their fences,
are unique in the run. Any other token (``""``, or one that is set again) is set in a batch with an ordinary record,
which identifies the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fencepost.harness.client.outcome import Definite, Ok
from fencepost.harness.s2 import Append, CheckTail, Read, Record
from fencepost.harness.workload import Completion, Exercise, Generator, WorkloadOptions

from .answers import fences_in, tail_of, token_refusal
from .choice import Weighted, between
from .client import Act, clients
from .records import batch, record
from .tokens import may_be_set_again, similar, unique

TAKE_OVER: Final = "take-over"
CLEAR: Final = "clear"
OWNER: Final = "owner"
ZOMBIE: Final = "zombie"
SIMILAR_TOKEN: Final = "similar-token"
COOPERATIVE: Final = "cooperative"

_MOST: Final = 6
_REMEMBERED: Final = 4


class View(Struct, frozen=True, gc=False):
    """What a client knows about a stream.

    ``tail`` is the latest tail that the service reported to it. ``in_force`` is the token that it last saw in force
    (None before the first). ``token`` is the token of the owner, if the client believes to be the owner. ``zombie`` is
    a lost token that it still writes with. ``old`` are the last few tokens that it held before, newest first.
    """

    tail: int | None = None
    in_force: str | None = None
    token: str | None = None
    zombie: str | None = None
    old: tuple[str, ...] = ()


def act(view: View, name: str, random: Random) -> Act[View]:
    """Return the next act of the client in its role: the owner, a zombie, or any other client."""
    if view.tail is None:
        return Act(CheckTail(), view)
    if view.zombie is not None:
        if random.random() < 0.2:
            view = replace(view, zombie=None)
        elif random.random() < 0.8:
            return _write(view, view.zombie, ZOMBIE, name, random)
    table = _OTHERS if view.token is None else _OWNER
    return table.draw(random)(view, name, random)


def learn(view: View, completion: Completion) -> View:
    """Return the view with the reported tail and token. The client may become the owner or learn that it is deposed."""
    outcome, call = completion.outcome, completion.invocation.call
    tail = tail_of(outcome)
    if tail is not None:
        view = replace(view, tail=tail)
    if not isinstance(call, Append):
        return view
    fences = fences_in(call)
    refusal = token_refusal(outcome)
    if refusal is not None:
        view = replace(view, in_force=refusal)
        return _deposed(view) if view.token is not None and call.fencing_token == view.token != refusal else view
    if isinstance(outcome, Definite):
        # The service checks the token first, so a refused match_seq_num proves that the token was right.
        matched = call.fencing_token is not None and "seq_num_mismatch" in outcome.body
        return replace(view, in_force=call.fencing_token) if matched else view
    if fences:
        # After an indefinite outcome too: the client may be the owner, and finds out by acting as the owner.
        return _owner(view, fences, certain=isinstance(outcome, Ok))
    if isinstance(outcome, Ok) and call.fencing_token is not None:
        return replace(view, in_force=call.fencing_token)
    return view


def _owner(view: View, fences: tuple[str, ...], certain: bool) -> View:
    """Return the view of the new owner. Earlier fences of its batch count as old tokens, which must be refused."""
    old = _remember(view.old, view.token)
    *hidden, token = fences
    for never in hidden:
        old = _remember(old, never)
    return replace(view, token=token, zombie=None, old=old, in_force=token if certain else view.in_force)


def _deposed(view: View) -> View:
    return replace(view, token=None, zombie=view.token, old=_remember(view.old, view.token))


def _remember(old: tuple[str, ...], token: str | None) -> tuple[str, ...]:
    return old if token is None or token in old else (token, *old)[:_REMEMBERED]


def _write(view: View, token: str | None, purpose: str, name: str, random: Random) -> Act[View]:
    """Return an append of ordinary records with this token. One in three also gives ``match_seq_num``."""
    match = view.tail if token is not None and random.random() < 0.33 else None
    return Act(Append(batch(name, random, _MOST), match_seq_num=match, fencing_token=token), view, purpose)


def _take_over(view: View, name: str, random: Random) -> Act[View]:
    """Return an append that sets a token, provided that nobody has appended since. An owner so renews its token.

    Some tokens are not new: the client held them before, or they resemble the token in force.
    """
    alone = random.random() < 0.25
    token = None if alone else _no_news(view, random)
    if token is None:
        token = unique(name, view.in_force, alone, random)
    records = (Record.fence(token),) if alone else _fence_among(token, name, random)
    given = view.token
    if given is None and random.random() < 0.2:
        given = view.in_force
    return Act(Append(records, match_seq_num=view.tail, fencing_token=given), view, TAKE_OVER)


def _no_news(view: View, random: Random) -> str | None:
    chance = random.random()
    if chance < 0.1 and view.old:
        token = view.old[int(random.random() * len(view.old))]
    elif chance < 0.2 and view.in_force:
        token = similar(view.in_force, random)
    else:
        return None
    return token if may_be_set_again(token) else None


def _fence_among(token: str, name: str, random: Random) -> tuple[Record, ...]:
    """Return ordinary records with a fence among them, sometimes after another fence, which it supersedes."""
    before = tuple(record(f"{name}.{index}", random) for index in range(between(0, 2, random)))
    after = tuple(record(f"{name}.{len(before) + index}", random) for index in range(between(not before, 2, random)))
    hidden = (Record.fence(f"{name}-hidden"),) if random.random() < 0.15 else ()
    return (*before, *hidden, Record.fence(token), *after)


def _clear(view: View, name: str, random: Random) -> Act[View]:
    """Return an append that clears the token. It holds an ordinary record too, as all fences to ``""`` are equal."""
    match = view.tail if random.random() < 0.5 else None
    return Act(Append(_fence_among("", name, random), match, view.token), view, CLEAR)


def _own_write(view: View, name: str, random: Random) -> Act[View]:
    return _write(view, view.token, OWNER, name, random)


def _old_token(view: View, name: str, random: Random) -> Act[View]:
    """Return a write with a token that this client held before. (If it was set again, the write is no zombie.)"""
    if not view.old:
        return _similar_token(view, name, random)
    return _write(view, view.old[int(random.random() * len(view.old))], ZOMBIE, name, random)


def _similar_token(view: View, name: str, random: Random) -> Act[View]:
    return _write(view, similar(view.in_force or "", random), SIMILAR_TOKEN, name, random)


def _cooperative(view: View, name: str, random: Random) -> Act[View]:
    return _write(view, None, COOPERATIVE, name, random)


def _check_tail(view: View, name: str, random: Random) -> Act[View]:
    return Act(CheckTail(), view)


def _read(view: View, name: str, random: Random) -> Act[View]:
    if random.random() < 0.5:
        return Act(Read(tail_offset=between(0, 10, random)), view)
    return Act(Read(seq_num=max(0, (view.tail or 0) - between(0, 20, random)), count=between(1, 20, random)), view)


_Table = Weighted[Callable[[View, str, Random], Act[View]]]

_OWNER: Final[_Table] = Weighted(
    [
        (66.0, _own_write),
        (4.0, _take_over),
        (5.0, _clear),
        (6.0, _old_token),
        (3.0, _similar_token),
        (8.0, _check_tail),
        (8.0, _read),
    ]
)

_OTHERS: Final[_Table] = Weighted(
    [
        (46.0, _take_over),
        (10.0, _old_token),
        (16.0, _similar_token),
        (6.0, _cooperative),
        (12.0, _check_tail),
        (10.0, _read),
    ]
)


class Fenced:
    """The workload of owners that take over from each other, and of the zombies that they leave behind."""

    name = "fenced"
    summary = "owners take over by fencing, deposed owners write on, tokens are alike"
    exercises = (Exercise("take-overs", 10), Exercise("zombie-appends", 10), Exercise("fencing-token-mismatches", 10))

    act = staticmethod(act)
    learn = staticmethod(learn)

    def generator(self, options: WorkloadOptions) -> Generator:
        """Return the generator of all client operations. See :class:`~fencepost.harness.workload.Workload`."""
        return clients(self, lambda thread, stream: View(), options)
