"""Conformance suite of the :class:`~fencepost.harness.world.disk.Disk` protocol.

    async def test_my_disk(tmp_path):
        await check_disk(MyDisk(), tmp_path)

Each check raises AssertionError if the disk misbehaves. What survives a power loss cannot be checked from outside. The
journal's own tests check that on the simulated disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from fencepost.harness.world.disk import Disk, LockedError, make_directories, write_all

Check: TypeAlias = Callable[[Disk, Path], Awaitable[None]]


async def check_disk(disk: Disk, directory: Path) -> None:
    """Run every check, each in its own directory below ``directory``, which exists and is empty.

    Raise AssertionError at the first failure, with a note that names the check.
    """
    for check in CHECKS:
        place = directory / check.__name__
        disk.make_directory(place)
        try:
            await check(disk, place)
        except AssertionError as error:
            error.add_note(f"{check.__name__}: {check.__doc__}")
            raise


@contextmanager
def _fails_with(kind: type[OSError], what: str) -> Iterator[list[OSError]]:
    failed: list[OSError] = []
    try:
        yield failed
    except kind as error:
        failed.append(error)
        return
    raise AssertionError(f"{what} must fail with {kind.__name__}")


async def bytes_are_read_back(disk: Disk, directory: Path) -> None:
    """Written bytes are read back, from any offset. A read beyond the end is short."""
    with closing(disk.open(directory / "file", create=True)) as file:
        assert (file.size(), file.read(0, 10)) == (0, b"")
        write_all(file, 0, b"0123456789")
        assert file.size() == 10
        assert file.read(0, 10) == b"0123456789"
        assert file.read(7, 10) == b"789"
        assert file.read(10, 1) == file.read(99, 1) == file.read(3, 0) == b""


async def writes_go_to_their_offset(disk: Disk, directory: Path) -> None:
    """A write replaces the bytes at its offset and no others. A gap before it reads as zeros."""
    with closing(disk.open(directory / "file", create=True)) as file:
        write_all(file, 0, b"aaaaaa")
        write_all(file, 2, memoryview(b"xbbx")[1:3])
        assert file.read(0, 99) == b"aabbaa"
        write_all(file, 8, b"c")
        assert file.read(0, 99) == b"aabbaa\x00\x00c"
        assert file.write(9, b"") == 0
        assert file.size() == 9


async def a_write_says_how_much_it_took(disk: Disk, directory: Path) -> None:
    """A write accepts between one and all of its bytes, reports how many, and starts with the first."""
    data = bytes(range(256)) * 300
    with closing(disk.open(directory / "file", create=True)) as file:
        taken = file.write(0, data)
        assert 1 <= taken <= len(data)
        assert file.read(0, len(data)) == data[:taken]
        write_all(file, taken, data[taken:])
        assert file.read(0, len(data) + 1) == data


async def truncation_cuts_and_extends(disk: Disk, directory: Path) -> None:
    """A truncated file ends where it was cut, and the bytes that were cut off do not come back."""
    with closing(disk.open(directory / "file", create=True)) as file:
        write_all(file, 0, b"abcdef")
        file.truncate(3)
        assert (file.size(), file.read(0, 9)) == (3, b"abc")
        file.truncate(5)
        assert file.read(0, 9) == b"abc\x00\x00"


async def files_outlive_their_handles(disk: Disk, directory: Path) -> None:
    """Two handles show the same file, closing one leaves the other open, and a sync changes no bytes."""
    first = disk.open(directory / "file", create=True)
    second = disk.open(directory / "file")
    write_all(first, 0, b"one")
    first.sync()
    disk.sync_directory(directory)
    first.close()
    first.close()
    write_all(second, 3, b"two")
    assert second.read(0, 9) == b"onetwo"
    second.close()
    with _fails_with(OSError, "reading a closed file"):
        second.read(0, 1)
    with closing(disk.open(directory / "file")) as third:
        assert third.read(0, 9) == b"onetwo"


async def files_are_made_once(disk: Disk, directory: Path) -> None:
    """Only ``create`` makes a file, and only if the file does not exist and its directory does."""
    with _fails_with(FileNotFoundError, "opening a file that does not exist"):
        disk.open(directory / "file")
    disk.open(directory / "file", create=True).close()
    with _fails_with(FileExistsError, "making a file that exists"):
        disk.open(directory / "file", create=True)
    with _fails_with(FileNotFoundError, "making a file in a directory that does not exist"):
        disk.open(directory / "nowhere" / "file", create=True)


async def renaming_replaces(disk: Disk, directory: Path) -> None:
    """A renamed file has only its new name and replaces the file of that name. Open handles stay valid."""
    old, new = directory / "old", directory / "new"
    with closing(disk.open(old, create=True)) as file, closing(disk.open(new, create=True)) as replaced:
        write_all(file, 0, b"old")
        write_all(replaced, 0, b"replaced")
        disk.rename(old, new)
        assert disk.names(directory) == ["new"]
        with closing(disk.open(new)) as again:
            write_all(file, 3, b"!")
            assert again.read(0, 99) == b"old!"
        assert replaced.read(0, 99) == b"replaced"
    with _fails_with(FileNotFoundError, "renaming a file that does not exist"):
        disk.rename(old, new)


async def removing_leaves_handles_alone(disk: Disk, directory: Path) -> None:
    """A removed file has no name any more, but open handles to it stay valid."""
    with closing(disk.open(directory / "file", create=True)) as file:
        write_all(file, 0, b"still here")
        disk.remove(directory / "file")
        assert disk.names(directory) == []
        assert file.read(0, 99) == b"still here"
        disk.open(directory / "file", create=True).close()
        assert file.read(0, 99) == b"still here"
    with _fails_with(FileNotFoundError, "removing a file that does not exist"):
        disk.remove(directory / "other")


async def directories_list_their_names(disk: Disk, directory: Path) -> None:
    """Names are sorted and include directories. A directory is made once, and its parent must exist."""
    for name in ("b", "a", "c"):
        disk.open(directory / name, create=True).close()
    make_directories(disk, directory / "d" / "e")
    make_directories(disk, directory / "d" / "e")
    assert disk.names(directory) == ["a", "b", "c", "d"]
    assert disk.names(directory / "d") == ["e"]
    assert disk.is_directory(directory / "d")
    assert not disk.is_directory(directory / "a")
    assert not disk.is_directory(directory / "nowhere")
    with _fails_with(FileExistsError, "making a directory that exists"):
        disk.make_directory(directory / "d")
    with _fails_with(FileNotFoundError, "making a directory in one that does not exist"):
        disk.make_directory(directory / "nowhere" / "d")
    for missing in (disk.names, disk.sync_directory):
        with _fails_with(FileNotFoundError, "using a directory that does not exist"):
            missing(directory / "nowhere")


async def locks_exclude(disk: Disk, directory: Path) -> None:
    """Only one holder has a lock at a time. Another attempt to take it raises an error that names the owner."""
    lock = disk.lock(directory / "lock")
    with _fails_with(LockedError, "taking a lock that is held") as failed:
        disk.lock(directory / "lock")
    assert isinstance(failed[0], LockedError)
    assert failed[0].owner, "the owner of the lock must be known"
    disk.lock(directory / "other").release()
    lock.release()
    lock.release()
    again = disk.lock(directory / "lock")
    lock.release()  # released already: this must not take the lock from its new owner
    with _fails_with(LockedError, "taking a lock that its former owner released once more"):
        disk.lock(directory / "lock")
    again.release()


async def work_is_done_beside_the_loop(disk: Disk, directory: Path) -> None:
    """Pieces of work run one after another, and their results and exceptions reach the caller."""
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        if number == 1:
            raise OSError("no")
        return number

    first = await disk.run(lambda: work(0))
    with _fails_with(OSError, "failing work"):
        await disk.run(lambda: work(1))
    assert (first, await disk.run(lambda: work(2)), done) == (0, 2, [0, 1, 2])


async def random_work_agrees_with_a_model(disk: Disk, directory: Path) -> None:
    """After a few hundred random calls the disk agrees with a model, a dictionary of byte strings."""
    random = Random(1)
    model: dict[str, bytearray] = {}
    for _ in range(300):
        name = random.choice("abc")
        path = directory / name
        if name not in model:
            disk.open(path, create=True).close()
            model[name] = bytearray()
        match random.choice(["write", "write", "write", "truncate", "rename", "remove", "sync"]):
            case "write":
                offset, data = random.randrange(1500), random.randbytes(random.choice([1, 10, 600]))
                with closing(disk.open(path)) as file:
                    write_all(file, offset, data)
                content = model[name]
                content.extend(bytes(max(0, offset - len(content))))
                content[offset : offset + len(data)] = data
            case "truncate":
                size = random.randint(0, len(model[name]))
                with closing(disk.open(path)) as file:
                    file.truncate(size)
                del model[name][size:]
            case "rename":
                new = random.choice("abc")
                disk.rename(path, directory / new)
                model[new] = model.pop(name)
            case "remove":
                disk.remove(path)
                del model[name]
            case "sync":
                with closing(disk.open(path)) as file:
                    file.sync()
                disk.sync_directory(directory)
        assert disk.names(directory) == sorted(model)
        for other, content in model.items():
            with closing(disk.open(directory / other)) as file:
                assert (file.size(), file.read(0, len(content) + 1)) == (len(content), bytes(content)), other


CHECKS: Final[tuple[Check, ...]] = (
    bytes_are_read_back,
    writes_go_to_their_offset,
    a_write_says_how_much_it_took,
    truncation_cuts_and_extends,
    files_outlive_their_handles,
    files_are_made_once,
    renaming_replaces,
    removing_leaves_handles_alone,
    directories_list_their_names,
    locks_exclude,
    work_is_done_beside_the_loop,
    random_work_agrees_with_a_model,
)
"""The single checks, for tests that run each as a separate case."""
