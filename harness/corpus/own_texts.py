"""A user's own labelled texts: CSV or TSV with a header, or JSON lines, with the fields ``text`` and ``label``.

CSV has texts with commas, quotes or line breaks in quotes; TSV knows no quotes, and a text in it is one line. A row
that does not fit is an error that names its line; nothing is passed over.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from harness.corpus.texts import CorpusError, RawTexts

FIELDS = ("text", "label")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = ".jsonl"
LONGEST_FIELD = 2**24  # characters; the csv module refuses more than 2^17 unless told


def own_texts(paths: tuple[Path, ...]) -> RawTexts:
    """One file of labelled texts, or that and another whose texts are the test part.

    Raises:
        CorpusError: when a file cannot be read as what its name ends with, lacks a field or has it twice, or has a row
            with too many fields, or without a text or a label.
    """
    parts = [tuple(_read(path)) for path in paths]
    return RawTexts(parts[0], parts[1] if len(parts) > 1 else None)


def _read(path: Path) -> Iterator[tuple[str, str]]:
    kind = path.suffix.lower()
    if kind not in (*DELIMITERS, JSON_LINES):
        endings = ", ".join((*DELIMITERS, JSON_LINES))
        raise CorpusError(f"{path}: not a kind of file that is known by its name; give one that ends with {endings}.")
    try:
        rows = _objects(path) if kind == JSON_LINES else _rows(path, DELIMITERS[kind])
        for line, text, label in rows:
            yield _text(f"{path}, line {line}", text), _label(f"{path}, line {line}", label)
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: {error}. Save it in UTF-8.") from error
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: no such file.") from error


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, object, object]]:
    """Line number, text and label of each row; other columns are left alone."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    before = csv.field_size_limit(LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, delimiter=delimiter, quoting=quoting, strict=True)
        try:
            _check_columns(path, list(reader.fieldnames or ()))
            for row in reader:
                if None in row:
                    remedy = "Put a text with commas into quotes." if delimiter == "," else "Remove tabs from the text."
                    raise CorpusError(f"{path}, line {reader.line_num}: more fields than columns. {remedy}")
                yield reader.line_num, row["text"], row["label"]
        except csv.Error as error:
            raise CorpusError(
                f"{path}, near line {reader.reader.line_num}: {error}. Put a text with breaks or quotes into quotes, "
                "and write a quote inside as two."
            ) from error
        finally:
            csv.field_size_limit(before)


def _check_columns(path: Path, columns: list[str]) -> None:
    for field in FIELDS:
        if columns.count(field) != 1:
            raise CorpusError(
                f"{path}, line 1: {columns.count(field) or 'no'} columns called {field}; columns are: "
                f"{', '.join(columns) or 'none'}. Call the columns of texts and of their classes text and label."
            )


def _objects(path: Path) -> Iterator[tuple[int, object, object]]:
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                found = json.loads(line)
            except ValueError as error:
                raise CorpusError(f"{path}, line {number}: not JSON: {error}. Correct the line.") from error
            if not isinstance(found, dict):
                raise CorpusError(f"{path}, line {number}: not a JSON object. Correct the line.")
            yield number, found.get("text"), found.get("label")


def _text(place: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise CorpusError(f"{place}: the text is {_shown(value)}. Remove the row, or give it one.")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # half of a character, which JSON can hold
        raise CorpusError(f"{place}: {error}. Correct the text.") from error
    return value


def _label(place: str, value: object) -> str:
    label = str(value) if isinstance(value, int) else value
    if not isinstance(label, str) or not label.strip():
        raise CorpusError(f"{place}: the label is {_shown(value)}. Give the row a name or a whole number as its class.")
    return label.strip()


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)[:60]
