"""The committed evidence: one reviewable text file a dataset, one record a line, sorted by cell.

Above the records are the parts that several of them have in common (``harness.shared_parts``).

The files are append-only in spirit. A cell that was measured again with the same outcome keeps its first record, and
another outcome for the same cell is refused unless it is asked for: evidence is never replaced by accident.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from harness.atomic import replace_text
from harness.record import InvalidRecord, Record, from_json, result_digest
from harness.shared_parts import PartError, is_record, read_part, to_lines, to_record
from harness.specification import cell_id

_LOG = logging.getLogger(__name__)
AGAIN = "again"  # the folder, in that of the evidence, of the sets of cells that were measured again
_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


class EvidenceError(ValueError):
    """Evidence that cannot be trusted as it stands; the message names the file, the line and the remedy."""


class ConflictingResultError(ValueError):
    """Two different results for one cell."""


@dataclass(frozen=True)
class Place:
    """Where a record is: a file of the evidence and the number of its line, from 1."""

    path: Path
    line: int


def natural_key(identity: str) -> tuple[tuple[str | float, ...], str]:
    """Sort key that orders the numbers in a cell id by value: seed-2 before seed-10, lr-0.002 before lr-0.01."""
    parts = _NUMBER.split(identity)
    return tuple(float(part) if index % 2 else part for index, part in enumerate(parts)), identity


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder of evidence, a hidden file beside it: who reads it to write it does so alone.

    Others wait, and say so.

    Raises:
        EvidenceError: when there cannot be such a file.
    """
    path = folder.resolve()
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            _LOG.warning("another command writes to %s: waiting until it has done", folder)
            lock.acquire()
    except OSError as error:
        raise EvidenceError(f"{lock.lock_file}: cannot be locked: {error}; make its folder writable") from error
    try:
        yield
    finally:
        lock.release()


def export(records: Iterable[Record], folder: Path, *, replace: bool = False) -> list[Path]:
    """Merge ``records`` into ``folder``, one ``<dataset name>.jsonl`` each; return the files they belong to.

    A file whose content does not change is not written; one that does is written whole and then moved into place.

    Raises:
        ConflictingResultError: when a cell is there with another result and ``replace`` is false, or when two of
            ``records`` disagree. No file has been changed then.
        EvidenceError: when a file that is already there, or a record, is not valid.
    """
    groups: dict[str, dict[str, Record]] = {}
    for record in records:
        _check_identity(record, "a record to export")
        group = groups.setdefault(record.specification.dataset.name, {})
        _add(group, record, "the records to export")
    merged = {folder / f"{name}.jsonl": group for name, group in sorted(groups.items())}
    for path, group in merged.items():
        _merge(group, _read(path) if path.exists() else (), path, replace)
    for path, group in merged.items():
        _write(path, to_text([group[identity] for identity in sorted(group, key=natural_key)]))
    return list(merged)


def prune(folder: Path, cells: Collection[str]) -> None:
    """Take the records of ``cells`` out of ``folder``.

    Raises:
        EvidenceError: as :func:`load`; no file has been changed then.
    """
    files = {path: _read(path) for path in sorted(folder.glob("*.jsonl"))}
    for path, records in files.items():
        _write(path, to_text([record for record in records if record.cell not in cells]))


def load(folder: Path) -> tuple[Record, ...]:
    """All records in ``folder``, file by file in the order of their names; none for a folder without files.

    Raises:
        EvidenceError: when the folder does not exist, a line is not a valid record, a cell occurs twice or in the
            wrong file, its id is not that of its specification, or a file is not sorted.
    """
    if not folder.is_dir():
        raise EvidenceError(f"{folder}: no such folder of evidence; name another, or export records to it first")
    return tuple(record for path in sorted(folder.glob("*.jsonl")) for record in _read(path))


def committed(folder: Path) -> tuple[Record, ...]:
    """As :func:`load`, and no records where there is no such folder, as before the first export."""
    return load(folder) if folder.exists() else ()


def load_again(folder: Path) -> dict[str, tuple[Record, ...]]:
    """Cells of ``folder`` that were measured again, in another precision or elsewhere: by set, a folder in ``again``.

    Raises:
        EvidenceError: as :func:`load`.
    """
    return {path.name: load(path) for path in sorted((folder / AGAIN).glob("*")) if path.is_dir()}


def places(folder: Path) -> dict[str, Place]:
    """Say where each cell's record is in ``folder``, whose files :func:`load` accepts; nothing without a folder."""
    return {
        json.loads(text)["cell"]: Place(path, number)
        for path in sorted(folder.glob("*.jsonl"))
        for number, text in _lines(path)
        if is_record(text)
    }


def to_text(records: Iterable[Record]) -> str:
    """The whole text of a file of ``records``, which are sorted."""
    return "".join(f"{line}\n" for line in to_lines(records))


def _read(path: Path) -> tuple[Record, ...]:
    records: dict[str, Record] = {}
    for origin, record in _parse(path):
        if record.cell in records:
            raise EvidenceError(f"{origin}: {record.cell} occurs twice; keep one of the two lines")
        if records and natural_key(record.cell) < natural_key(next(reversed(records))):
            raise EvidenceError(f"{origin}: {record.cell} is out of order; restore the file and export again")
        records[record.cell] = record
    return tuple(records.values())


def _parse(path: Path) -> Iterator[tuple[str, Record]]:
    parts: dict[str, str] = {}
    for number, line in _lines(path):
        origin = f"{path}:{number}"
        try:
            if read_part(line, parts):
                continue
            record = from_json(to_record(line, parts), origin)
        except PartError as error:
            raise EvidenceError(f"{origin}: {error}; restore the file from its last commit") from error
        except InvalidRecord as error:
            raise EvidenceError(f"{error}; restore the line from its last commit") from error
        _check_identity(record, origin)
        if record.specification.dataset.name != path.stem:
            raise EvidenceError(f"{origin}: {record.cell} belongs in {record.specification.dataset.name}.jsonl")
        yield origin, record


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # Not splitlines, which also cuts at characters that a JSON text may hold.
    return enumerate(read_text(path).removesuffix("\n").split("\n"), start=1)


def read_text(path: Path) -> str:
    """The text of a file of evidence.

    Raises:
        EvidenceError: when it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        reason = f"byte {error.start + 1} is not UTF-8 ({error.reason})"
        raise EvidenceError(f"{path}: {reason}; restore the file from its last commit") from error


def _check_identity(record: Record, origin: str) -> None:
    expected = cell_id(record.specification)
    if record.cell != expected:
        raise EvidenceError(f"{origin}: called {record.cell}, but its specification is {expected}; run it anew")


def _add(group: dict[str, Record], record: Record, origin: str) -> None:
    """Add ``record`` to ``group`` unless its result is there already."""
    known = group.setdefault(record.cell, record)
    if result_digest(known) != result_digest(record):
        raise ConflictingResultError(f"{origin} hold two different results for {record.cell}; leave one of them out")


def _merge(group: dict[str, Record], committed: Iterable[Record], path: Path, replace: bool) -> None:
    """Put the committed records into ``group``, where they win over new ones with the same result.

    A committed one without probabilities gets those of the same result measured again, and stays as it is otherwise.
    """
    for record in committed:
        new = group.get(record.cell, record)
        same = result_digest(new) == result_digest(record)
        if not same and not replace:
            raise ConflictingResultError(
                f"{path}: {record.cell} has another result (test error {record.result.test.error:.4f}, now "
                f"{new.result.test.error:.4f}); find out why, then export with --overwrite to accept the new one"
            )
        if same:
            group[record.cell] = dataclasses.replace(record, probabilities=record.probabilities or new.probabilities)


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_bytes() == text.encode():
        return
    replace_text(path, text)
