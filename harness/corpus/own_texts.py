"""A user's own labelled texts: CSV or TSV with a header, or JSON lines, with the fields ``text`` and ``label``.

A row that does not fit is an error that names its line; nothing is passed over.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from harness.corpus.texts import CorpusError, RawTexts

FIELDS = ("text", "label")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = ".jsonl"
LONGEST_FIELD = 2**24  # characters; the csv module refuses more than 2^17 unless told


def own_texts(paths: tuple[Path, ...]) -> RawTexts:
    """One file of labelled texts, or that and another whose texts are the test part.

    Raises:
        CorpusError: when a file cannot be read as what its name ends with, lacks a field, or has a row without a text
            or a label.
    """
    parts = [tuple(_read(path)) for path in paths]
    return RawTexts(parts[0], parts[1] if len(parts) > 1 else None)


def _read(path: Path) -> Iterator[tuple[str, str]]:
    if path.suffix not in (*DELIMITERS, JSON_LINES):
        endings = ", ".join((*DELIMITERS, JSON_LINES))
        raise CorpusError(f"{path}: not a kind of file that is known by its name; give one that ends with {endings}.")
    try:
        rows = _objects(path) if path.suffix == JSON_LINES else _rows(path, DELIMITERS[path.suffix])
        for line, fields in rows:
            yield _checked(f"{path}, line {line}", fields)
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path}: {error}. Save it in UTF-8, a text with breaks or quotes in quotes.") from error
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: no such file.") from error


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Rows by the heading's fields; surplus columns are left alone."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
            if missing := [field for field in FIELDS if field not in (reader.fieldnames or ())]:
                found = ", ".join(reader.fieldnames or ("none",))
                raise CorpusError(
                    f"{path}, line 1: no column {' and no column '.join(missing)}; columns are: {found}. "
                    "Name the columns of the texts and of their classes in the first line."
                )
            for row in reader:
                yield reader.line_num, {field: row[field] for field in FIELDS}
    finally:
        csv.field_size_limit(before)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                found = json.loads(line)
            except ValueError as error:
                raise CorpusError(f"{path}, line {number}: not JSON: {error}. Correct the line.") from error
            if not isinstance(found, dict):
                raise CorpusError(f"{path}, line {number}: not a JSON object. Correct the line.")
            yield number, {field: found.get(field) for field in FIELDS}


def _checked(place: str, fields: dict[str, object]) -> tuple[str, str]:
    text, label = fields["text"], fields["label"]
    label = str(label) if isinstance(label, int) else label
    if not isinstance(text, str) or not text.strip():
        raise CorpusError(f"{place}: no text. Remove the row, or give it one.")
    if not isinstance(label, str) or not label.strip():
        raise CorpusError(f"{place}: no label. Remove the row, or give it one.")
    return text, label.strip()
