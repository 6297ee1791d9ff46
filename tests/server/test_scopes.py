"""What a scope permits: sets of names, groups of operations, and which scope is within which."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost.harness.server.access.scopes import (
    ANYTHING,
    EVERYTHING,
    GROUPS,
    NOTHING,
    Names,
    Op,
    OperationGroups,
    ReadWrite,
    Scope,
)
from fencepost.harness.server.app import App
from fencepost.harness.server.catalogue import Directory
from fencepost.harness.server.entries import BasinSet
from fencepost.harness.server.routing import Operation, operations_of
from fencepost.harness.server.values import BasinConfig

UNIVERSE = ["".join(letters) for length in range(5) for letters in product("ab", repeat=length)]
names = st.builds(Names, st.text("ab", max_size=3), prefix=st.booleans())


def members(given: Names) -> set[str]:
    """The names of the set among all short ones, which are enough to tell any two sets apart."""
    return {name for name in UNIVERSE if name and name in given}


@given(names, names)
def test_a_set_is_within_another_if_that_has_all_its_names(one: Names, other: Names) -> None:
    assert one.within(other) == (members(one) <= members(other))


def test_the_exact_name_that_is_empty_names_nothing_and_the_empty_prefix_everything() -> None:
    assert not members(NOTHING)
    assert "" not in NOTHING
    assert members(ANYTHING) == set(UNIVERSE) - {""}


@given(names, st.sets(st.sampled_from(UNIVERSE[1:])), st.text("ab", max_size=2), st.integers(1, 4), st.data())
def test_a_page_shows_the_visible_names_and_no_others(
    visible: Names, stored: set[str], prefix: str, limit: int, data: st.DataObject
) -> None:
    directory: Directory[BasinSet] = Directory()
    for name in stored:
        directory.put(BasinSet(name, 0, BasinConfig()))
    start_after = data.draw(st.sampled_from(["", *(name for name in UNIVERSE if name >= prefix)]))
    wanted = sorted(n for n in stored if n.startswith(prefix) and n in visible and (not start_after or n > start_after))
    page, more = directory.page(prefix, start_after, limit, visible)
    assert [row.name for row in page] == wanted[:limit]
    assert more == (len(wanted) > limit)


def test_every_operation_is_in_one_group() -> None:
    grouped = [op for group in GROUPS.values() for ops in group for op in ops]
    assert sorted(op.value for op in grouped) == sorted(op.value for op in Op)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_granted_to_read_to_write_or_both(group: str) -> None:
    def granted(**given: bool) -> frozenset[Op]:
        return Scope(op_groups=OperationGroups(**{group: ReadWrite(**given)})).operations()

    read, write = GROUPS[group]
    assert (granted(read=True), granted(write=True), granted(read=True, write=True)) == (read, write, read | write)
    assert granted() == frozenset()


def test_operations_are_those_of_the_groups_and_those_that_are_named() -> None:
    scope = Scope(op_groups=OperationGroups(stream=ReadWrite(read=True)), ops=(Op.APPEND, Op.READ))
    assert scope.operations() == {Op.APPEND, Op.READ, Op.CHECK_TAIL, Op.STREAM_METRICS}


@pytest.mark.parametrize("field", ["basins", "streams", "access_tokens"])
def test_a_scope_is_within_another_only_if_all_of_it_is(field: str) -> None:
    narrow = Scope(ops=(Op.READ,))
    assert narrow.within(Scope(ops=(Op.READ, Op.APPEND)))
    assert not Scope(ops=(Op.READ, Op.APPEND)).within(narrow)
    wider = Scope(ops=(Op.READ,), **{field: Names("a")})
    assert not wider.within(narrow)
    assert wider.within(EVERYTHING)


@pytest.mark.parametrize("row", operations_of(App), ids=lambda row: row.name)
def test_every_operation_of_the_server_says_what_it_needs(row: Operation) -> None:
    assert row.public == (row.access is None), "an operation without access would be for the root token alone"


def test_every_permission_opens_something() -> None:
    needed = {op for row in operations_of(App) if row.access is not None for op in row.access.ops}
    assert needed == set(Op)
