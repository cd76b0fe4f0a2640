"""How this process gets its memory from the system."""

from __future__ import annotations

import ctypes
import gc
import platform

# glibc's malloc.h
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_LARGEST = 2**31 - 1
_STEP = 128 * 2**20


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
