"""Where results are kept: one file a cell, one a shared product, and nothing else that counts as state.

The folder is the only thing runs share, so that they can be interrupted, resumed and doubled. A file appears
under its final name only when it is whole and on the disk (temporary file beside it, fsync, link), and it is
never replaced: what exists was finished, what was not finished does not exist.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from harness.atomic import StoreError, StoreFull, place, temporary_files, write_bytes
from harness.record import InvalidRecord, OtherSchema, Record, from_json, to_json
from harness.specification import cell_id

__all__ = ["RecordExists", "Store", "StoreError", "StoreFull"]

_LOG = logging.getLogger(__name__)
_PART = re.compile(r"[\w+=,@~-][\w+=,@~.-]*")  # one folder of an identity: no separators, no leading dot
_FOLDERS = ("records", "products", "failures")  # what is in these is written whole or not at all
_LEFTOVER_SECONDS = 3600.0  # no file takes that long to write: its writer is dead
_LONGEST_NAME = 180  # file systems stop at 255 bytes


class RecordExists(RuntimeError):
    """A record of this cell is already stored; records are never overwritten."""


@dataclass(frozen=True)
class Store:
    """The files under ``root``: ``records/``, ``products/``, ``locks/``, ``failures/`` and ``broken/``."""

    root: Path

    def record_path(self, cell: str) -> Path:
        """Where the record of ``cell`` is or will be. Raises ValueError for an identity that is not a relative path."""
        return self.root / "records" / f"{_checked(cell, 'cell id')}.json"

    def has_record(self, cell: str) -> bool:
        """Whether a record of ``cell`` is stored."""
        return self.record_path(cell).exists()

    def write_record(self, record: Record) -> None:
        """Store one record, whole or not at all.

        Raises:
            RecordExists: when the cell already has one.
            StoreError: when it cannot be written; StoreFull when space is what is missing.
            ValueError: when the record's ``cell`` is not the identity of its specification.
        """
        if record.cell != cell_id(record.specification):
            raise ValueError(f"record of {record.cell!r} specifies {cell_id(record.specification)!r}; give it that id")
        path = self.record_path(record.cell)
        line = f"{to_json(record)}\n".encode()
        if not place(path, lambda temporary: write_bytes(temporary, line)):
            raise RecordExists(f"{path}: this cell has a record; move the file away to run the cell again")

    def read_record(self, cell: str) -> Record:
        """Read the record of ``cell``.

        Raises:
            FileNotFoundError: when there is none.
            InvalidRecord: when the file is not a whole, valid record of this very cell.
        """
        path = self.record_path(cell)
        try:
            record = from_json(path.read_bytes().decode(), path)
        except UnicodeDecodeError as error:
            raise InvalidRecord(f"{path}: not a valid record: {error}") from error
        if record.cell != cell or cell_id(record.specification) != cell:
            raise InvalidRecord(f"{path}: holds the record of {record.cell!r}; move it to where that cell belongs")
        return record

    def records(self) -> tuple[Record, ...]:
        """All records, sorted by cell id: none is passed over.

        Raises:
            InvalidRecord: at the first that cannot be read; the message names the remedy.
        """
        try:
            return tuple(self.read_record(cell) for cell in self._cells())
        except OtherSchema:
            raise
        except ValueError as error:  # InvalidRecord, or a file name that no cell has
            remedy = f"`run` with --store {self.root} moves it to broken/ and measures the cell again"
            raise InvalidRecord(f"{error}; {remedy}") from error

    def set_aside_broken(self) -> tuple[Path, ...]:
        """Move records that do not validate to ``broken/``, with a warning each, so that their cells run again.

        Returns the new paths. Also removes temporary files that a writer left behind when it died.

        Raises:
            OtherSchema: when a record is of another version of this project, which is none that is broken.
        """
        self._remove_leftovers()
        moved = []
        for cell in self._cells():
            try:
                self.read_record(cell)
            except OtherSchema:
                raise
            except FileNotFoundError:  # another run on this store was quicker
                continue
            except ValueError as error:  # InvalidRecord, or a file name that no cell has
                destination = self._free_broken_path(cell)
                destination.parent.mkdir(parents=True, exist_ok=True)
                try:
                    (self.root / "records" / f"{cell}.json").rename(destination)
                except FileNotFoundError:  # another run on this store was quicker
                    continue
                _LOG.warning("%s; moved to %s, a cell without a record will be run again", error, destination)
                moved.append(destination)
        return tuple(moved)

    def product_path(self, key: str) -> Path:
        """Where the shared product ``key`` is or will be. Raises ValueError for a key that is not a relative path."""
        return self.root / "products" / f"{_checked(key, 'product key')}.safetensors"

    def has_product(self, key: str) -> bool:
        """Whether the product ``key`` is stored."""
        return self.product_path(key).exists()

    def products(self) -> tuple[Path, ...]:
        """The files of all shared products, sorted."""
        return tuple(sorted((self.root / "products").rglob("*.safetensors")))

    def write_product(self, key: str, writer: Callable[[Path], None]) -> None:
        """Store what ``writer`` writes to the path it is given, whole or not at all.

        A product already stored is kept: the key is the digest of all that made it, so both are the same.
        Raises StoreError (StoreFull) when it cannot be written, and whatever else ``writer`` raises.
        """
        place(self.product_path(key), writer)

    def probe(self) -> None:
        """Write a file as records are written, and remove it. Raises StoreError where that cannot be done."""
        path = self.root / "records" / f".probe.{os.getpid()}-{uuid4().hex[:8]}.tmp"
        place(path, lambda temporary: write_bytes(temporary, b""))
        path.unlink(missing_ok=True)

    def lock_path(self, name: str) -> Path:
        """Name the lock file of the task ``name``, and make its folder."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{_file_name(name)}.lock"

    def failure_path(self, name: str) -> Path:
        """Where the failure of the task ``name`` is written."""
        return self.root / "failures" / f"{_file_name(name)}.txt"

    def write_failure(self, name: str, message: str, details: str = "") -> None:
        """Write why the task ``name`` failed: a line of summary, then ``details``. Raises StoreError."""
        text = f"{' '.join(message.split())}\n\n{details}".encode()
        self.clear_failures([name])
        place(self.failure_path(name), lambda temporary: write_bytes(temporary, text))

    def read_failure(self, name: str) -> str | None:
        """Read the summary of the failure of the task ``name``; None if it has not failed."""
        try:
            return self.failure_path(name).read_text(encoding="utf-8").partition("\n")[0]
        except FileNotFoundError:
            return None

    def clear_failures(self, names: Iterable[str]) -> None:
        """Forget the failures of these tasks."""
        for name in names:
            self.failure_path(name).unlink(missing_ok=True)

    def _cells(self) -> list[str]:
        folder = self.root / "records"
        return sorted(path.relative_to(folder).as_posix().removesuffix(".json") for path in folder.rglob("*.json"))

    def _free_broken_path(self, cell: str) -> Path:
        number = 1
        while (path := self.root / "broken" / f"{cell}.json.{number}").exists():
            number += 1
        return path

    def _remove_leftovers(self) -> None:
        oldest = time.time() - _LEFTOVER_SECONDS
        folders = [self.root / name for name in _FOLDERS]  # the root may hold what others put there
        for path in itertools.chain.from_iterable(map(temporary_files, folders)):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except FileNotFoundError:  # its writer, or another run, was quicker
                continue


def _checked(name: str, kind: str) -> str:
    if not all(_PART.fullmatch(part) for part in name.split("/")):
        raise ValueError(
            f"{name!r} is not a valid {kind}: use parts of letters, digits and + = , @ ~ . - _ joined by '/', "
            "none empty or starting with a dot"
        )
    return name


def _file_name(name: str) -> str:
    """Escape a task's name to one file name, cut and with a digest where a file system would refuse it."""
    escaped = quote(name, safe="+=,@~ ")
    if len(escaped) <= _LONGEST_NAME:
        return escaped
    return f"{escaped[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
