"""The texts of a declared dataset, from the first source that has them, checked against the declared digest.

Parsed texts are kept in the cache under their digest and checked again whenever they are read.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import IO

from harness.corpus.cache import exclusive, set_aside, write_atomically
from harness.corpus.readers import READERS
from harness.corpus.sources import Origin, Sources, find
from harness.corpus.texts import CorpusError, RawTexts, content_digest, from_lines, to_lines
from harness.specification import Dataset


def load(dataset: Dataset, sources: Sources) -> RawTexts:
    """Return the parsed texts whose digest is ``dataset.digest``.

    Raises:
        CorpusError: when no source has the texts, or the first that has them holds damaged or other texts.
    """
    path = _kept(dataset.digest, sources)
    with exclusive(path):
        raw = _read_kept(path, dataset.digest)
        if raw is None:
            raw = _read_source(dataset, sources)
            _keep(path, raw)
    _check_classes(dataset, raw)
    return raw


def keep(raw: RawTexts, sources: Sources) -> None:
    """Put texts into the cache, where :func:`load` looks first for the data set of their digest.

    Raises:
        CorpusError: when the cache cannot be written.
    """
    digest = content_digest(raw)
    path = _kept(digest, sources)
    with exclusive(path):
        if _read_kept(path, digest) is None:
            _keep(path, raw)


def _kept(digest: str, sources: Sources) -> Path:
    return sources.cache / "texts" / f"{digest}.jsonl.gz"


def _read_source(dataset: Dataset, sources: Sources) -> RawTexts:
    reader = READERS.get(dataset.reader)
    if reader is None:
        raise CorpusError(
            f"{dataset.name}: unknown reader {dataset.reader!r}; there are {', '.join(READERS)}. Texts of a file of "
            "your own are in the cache once `study own` has read it."
        )
    origin = find(dataset.reader, reader, sources)
    raw = reader.parse(origin.files)
    _check_digest(dataset, raw, origin)
    return raw


def _check_digest(dataset: Dataset, raw: RawTexts, origin: Origin) -> None:
    found = content_digest(raw)
    if found != dataset.digest:
        files = ", ".join(str(file) for file in origin.files)
        raise CorpusError(
            f"{files}: not the texts of {dataset.name}: content digest {found}, declared {dataset.digest}. "
            f"Remedy: {origin.remedy}; or correct the declaration if it is wrong."
        )


def _check_classes(dataset: Dataset, raw: RawTexts) -> None:
    found = {label for _, label in (*raw.train, *(raw.test or ()))}
    if unknown := sorted(found - set(dataset.classes)):
        raise CorpusError(
            f"{dataset.name}: texts of class {', '.join(unknown)}, declared are {', '.join(dataset.classes)}. "
            "Correct the declaration."
        )


def _read_kept(path: Path, digest: str) -> RawTexts | None:
    if not path.exists():
        return None
    try:
        with gzip.open(path, "rt", encoding="ascii") as stream:
            raw = from_lines(stream)
        found = content_digest(raw)
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        set_aside(path, error)
        return None
    if found != digest:
        set_aside(path, f"content digest {found}")
        return None
    return raw


def _keep(path: Path, raw: RawTexts) -> None:
    def write(stream: IO[bytes]) -> None:
        # No file name and no time in the header: the same texts make the same bytes.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=stream, mtime=0) as packed:
            for line in to_lines(raw):
                packed.write(line.encode("ascii") + b"\n")

    write_atomically(path, write)
