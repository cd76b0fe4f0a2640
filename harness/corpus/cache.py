"""Files that this package keeps for itself: written whole or not at all, by one process at a time.

A kept file that turns out damaged is renamed, never deleted, and a warning names it.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock

from harness.atomic import replace_file
from harness.corpus.texts import CorpusError

_LOGGER = logging.getLogger(__name__)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock that belongs to ``path``, creating its folder; other processes wait.

    Raises:
        CorpusError: when the folder cannot be created or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"))
        lock.acquire()
    except OSError as error:
        raise CorpusError(
            f"{path.parent}: the cache folder cannot be used: {error}. Set DFT_CACHE to a folder that can be written."
        ) from error
    try:
        yield
    finally:
        lock.release()


def write_atomically(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then move it there; a failure leaves nothing behind."""

    def fill(temporary: Path) -> None:
        with temporary.open("xb") as stream:
            write(stream)

    replace_file(path, fill)


def set_aside(path: Path, reason: object) -> Path:
    """Rename a damaged file to a free name beside it, warn, and return the new name."""
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1))
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    _LOGGER.warning("%s: damaged (%s); set aside as %s and rebuilt", path, reason, aside.name)
    return aside
