"""Write a file whole or not at all, and say plainly when there is no space.

A temporary file beside the final name is written, brought to the disk, then given that name. Whoever is killed in
between leaves a temporary file, never a part of a file under the name that counts.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from safetensors import SafetensorError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp")


class StoreError(RuntimeError):
    """The store, or a file of evidence, cannot be written; the message names the file, the fault and the remedy."""


class StoreFull(StoreError):
    """No space, quota or file size is left for the store."""


def is_full(error: BaseException) -> bool:
    """Whether ``error`` says that no space, quota or file size is left."""
    return isinstance(error, StoreFull) or _error_number(error) in _FULL


def _error_number(error: BaseException) -> int | None:
    if isinstance(error, SafetensorError):  # it has no errno, only the text of one
        number = re.search(r"os error (\d+)", str(error))
        return int(number[1]) if number else None
    return error.errno if isinstance(error, OSError) else None


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file, and give it the name ``path``, over an earlier file.

    What ``write`` or the system raises passes through; an earlier file is then still there, and nothing else.
    """
    temporary = _beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(temporary)
        synchronize(temporary)
        temporary.replace(path)
        synchronize(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8 as :func:`replace_file` does.

    Raises:
        StoreError: when the system refuses; StoreFull when space is what is missing.
    """
    try:
        replace_file(path, lambda temporary: write_bytes(temporary, text.encode()))
    except OSError as error:
        raise _store_error(path, error, "check that the folder is writable") from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid4().hex[:8]}.tmp")  # _TEMPORARY matches these names


def temporary_files(folder: Path) -> Iterator[Path]:
    """Yield the temporary files anywhere in ``folder`` that this module made, and no others."""
    return (path for path in folder.rglob(".*.tmp") if _TEMPORARY.fullmatch(path.name))


def place(path: Path, write: Callable[[Path], None]) -> bool:
    """Let ``write`` fill a temporary file, and give it the name ``path``, never over another file.

    Returns False, and leaves ``path`` alone, if it exists. Raises StoreError (StoreFull) when the system
    refuses; other exceptions of ``write`` pass through. The temporary file is removed in any case.
    """
    if path.exists():
        return False
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        synchronize(temporary)
        placed = _link(temporary, path)
        synchronize(path.parent)
    except (OSError, SafetensorError) as error:
        if _error_number(error) is None:  # the writer's own mistake, such as a tensor that cannot be stored
            raise
        remedy = "check that the folder is writable and its file system supports hard links"
        raise _store_error(path, error, remedy) from error
    finally:
        with suppress(OSError):  # nothing was written, or it is removed as a leftover later
            temporary.unlink()
    return placed


def _link(source: Path, path: Path) -> bool:
    try:
        os.link(source, path)  # unlike a rename, refuses to replace
    except FileExistsError:
        return False
    return True


def _store_error(path: Path, error: Exception, remedy: str) -> StoreError:
    existing = next(folder for folder in path.absolute().parents if folder.exists())
    free = shutil.disk_usage(existing).free // 2**20
    fault = f"{path}: could not be written: {error} ({free} MiB free)"
    if is_full(error):
        return StoreFull(f"{fault}; make space or raise the quota and run again: what is stored is kept")
    return StoreError(f"{fault}; {remedy}")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a new file; FileExistsError if there is one."""
    with path.open("xb") as file:
        file.write(content)


def synchronize(path: Path) -> None:
    """Bring a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
