"""Checks of files that a user names: input must end, and only regular files may be replaced."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .failure import UsageFailure


def refuse_device(path: Path) -> None:
    """Raise UsageFailure if ``path`` is a device, because reading it may never end. Pipes and files are allowed."""
    with contextlib.suppress(OSError):
        if _is_device(path.stat().st_mode):
            raise UsageFailure(f"{path} is a device; name a regular file or a pipe, or - for standard input")


def is_endless(descriptor: int) -> bool:
    """Return whether an open file may never end: it is not a file, pipe or terminal, nor ``/dev/null``."""
    found = os.fstat(descriptor)
    null = Path(os.devnull).stat()
    return _is_device(found.st_mode) and not os.isatty(descriptor) and found.st_rdev != null.st_rdev


def refuse_to_replace(path: Path) -> None:
    """Raise UsageFailure if ``path`` exists and is neither a regular file nor a link to one."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageFailure(f"{path} is not a regular file and is not replaced; choose another name")


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield the path of a draft to write. If the block succeeds, the draft is synced and takes ``path``'s name.

    Readers never see a partial file, and after any failure the old file stays. A link at ``path`` stays a link. Raises
    UsageFailure as :func:`refuse_to_replace` does, and OSError if the file cannot be written.
    """
    refuse_to_replace(path)
    target = Path(os.path.realpath(path))
    draft = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=".fencepost-", suffix=target.suffix, dir=target.parent)
        os.close(descriptor)
        draft = Path(name)
        draft.chmod(_mode_of(target))
        yield draft
        _sync(draft)
        draft.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error  # name the file, not its draft
    finally:
        if draft is not None:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _is_device(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def _mode_of(target: Path) -> int:
    """Return the permissions of the replaced file, or those of a new file."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(target.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
