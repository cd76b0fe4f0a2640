"""Documents of unequal length in flat arrays, and named arrays in one checked ``.npz`` file, never a pickle."""

from __future__ import annotations

import hashlib
import itertools
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from harness.corpus.cache import set_aside, write_atomically

Arrays = dict[str, npt.NDArray[Any]]

_DIGEST = "digest"


def pack(documents: Sequence[npt.NDArray[np.int64]]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Join documents into ids, shape (all tokens,), and offsets, shape (documents + 1,), from 0 to all tokens."""
    lengths = np.array([len(document) for document in documents], dtype=np.int64)
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
    ids = np.concatenate(documents) if documents else np.zeros(0, dtype=np.int64)
    return ids.astype(np.int32), offsets


def unpack(ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
    """Invert ``pack``; the documents are views into one array."""
    flat = ids.astype(np.int64)
    return tuple(flat[start:end] for start, end in itertools.pairwise(offsets.tolist()))


def arrays_digest(arrays: Arrays) -> str:
    """SHA-256, in hexadecimal, of the names, types, shapes and values; the order of the names does not matter."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Keep the arrays and their digest at ``path``, whole or not at all."""
    digest = np.frombuffer(arrays_digest(arrays).encode("ascii"), dtype=np.uint8)

    def write(stream: IO[bytes]) -> None:
        np.savez(stream, allow_pickle=False, **{_DIGEST: digest, **arrays})

    write_atomically(path, write)


def read_arrays(path: Path, names: frozenset[str]) -> Arrays | None:
    """Read what ``write_arrays`` kept: None where there is nothing, or where the file was damaged and set aside."""
    if not path.exists():
        return None
    try:
        # Given a path, np.load leaves the file open when it is damaged.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names}
            kept = archive[_DIGEST].tobytes().decode("ascii")
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        set_aside(path, error)
        return None
    if arrays_digest(arrays) != kept:
        set_aside(path, "its content does not match its digest")
        return None
    return arrays
