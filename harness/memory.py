"""How this process gets its memory from the system."""

from __future__ import annotations

import ctypes
import gc
import platform
import threading
import time

# glibc's malloc.h
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_LARGEST = 2**31 - 1
_STEP = 128 * 2**20
TIDY_SECONDS = 20.0  # a call takes about 0.05 s


def keep_freed_memory() -> bool:
    """Let the allocator keep what a training step frees for the next one, which needs the same again.

    glibc gives large blocks back to the system at once, by rules that depend on what was freed before, and the system
    has to clear every page of them anew, in every step. Results are the same.

    Returns:
        Whether it was done; False where the C library is another.
    """
    library = _glibc()
    return library is not None and all(
        library.mallopt(option, value) == 1
        for option, value in ((_TRIM_THRESHOLD, _LARGEST), (_TOP_PAD, _STEP), (_MMAP_MAX, 0))
    )


def start_tidying(seconds: float = TIDY_SECONDS) -> None:
    """Give pages that nothing uses back to the system every so often, from a thread that lives as long as the process.

    What :func:`keep_freed_memory` keeps breaks up into pieces that fit nothing: without this a language model of
    fastai's, whose steps all need the same, grows by gigabytes in ten minutes. Results are the same; glibc only.
    """
    library = _glibc()
    if library is not None:
        threading.Thread(target=_tidy, args=(library, seconds), daemon=True).start()


def _tidy(library: ctypes.CDLL, seconds: float) -> None:
    while True:
        time.sleep(seconds)
        library.malloc_trim(0)


def give_back_freed_memory() -> None:
    """Return to the system what the last task freed, so that the next one's peak is its own; glibc only.

    To be called between tasks: what lives then, modules above all, is not searched for garbage again, which takes
    longer than the rest.
    """
    gc.collect()
    gc.freeze()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
