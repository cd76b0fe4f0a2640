"""A user's own labelled texts: CSV or TSV with a header, or JSON lines, with the fields ``text`` and ``label``.

CSV has texts with commas, quotes or line breaks in quotes; TSV knows no quotes, and a text in it is one line. A header
may write its fields in capitals. A row that does not fit is an error that names its line; nothing but empty lines is
passed over.
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
NAMES = {",": "commas", "\t": "tabs", ";": "semicolons"}
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
        raise CorpusError(f"{_undecodable(path)}. Save it in UTF-8.") from error
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: no such file.") from error


def _undecodable(path: Path) -> str:
    """Name the first line that is not UTF-8, with what is around the place."""
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            around = line[max(0, error.start - 20) : error.end + 20]
            return f"{path}, line {number}: {around!r} is not UTF-8, perhaps Windows-1252 or UTF-16"
    return f"{path}: not UTF-8"


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, object, object]]:
    """Line number, text and label of each row; other columns are left alone."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    before = csv.field_size_limit(LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, delimiter=delimiter, quoting=quoting, strict=True)
        try:
            text, label = _columns(path, list(reader.fieldnames or ()), delimiter)
            for row in reader:
                if None in row:
                    remedy = "Put a text with commas into quotes." if delimiter == "," else "Remove tabs from the text."
                    raise CorpusError(f"{path}, line {reader.line_num}: more fields than columns. {remedy}")
                if delimiter != "," and None in (row[text], row[label]):
                    raise CorpusError(
                        f"{path}, line {reader.line_num}: fewer fields than columns. A text in TSV is one line, quotes "
                        "are part of it; save texts with line breaks as CSV."
                    )
                if delimiter != "," and _quoted(row[text]):
                    raise CorpusError(
                        f"{path}, line {reader.line_num}: the text stands in quotes, with those inside it doubled, "
                        "which TSV does not know. Save it as CSV."
                    )
                yield reader.line_num, row[text], row[label]
        except csv.Error as error:
            raise CorpusError(
                f"{path}, near line {reader.reader.line_num}: {error}. Put a text with breaks or quotes into quotes, "
                "and write a quote inside as two."
            ) from error
        finally:
            csv.field_size_limit(before)


def _quoted(field: str) -> bool:
    """Whether this is a field as CSV writes one with quotes inside."""
    inner = field[1:-1]
    return len(field) > 1 and field[0] == field[-1] == '"' and '""' in inner and '"' not in inner.replace('""', "")


def _columns(path: Path, columns: list[str], delimiter: str) -> tuple[str, ...]:
    """The columns of texts and of labels, as the header writes them."""
    plain = [column.strip().lower() for column in columns]
    for field in FIELDS:
        if plain.count(field) != 1:
            others = [mark for mark in NAMES if len(columns) == 1 and mark != delimiter and mark in columns[0]]
            remedy = f" Separate them by {NAMES[delimiter]}, not by {NAMES[others[0]]}." if others else ""
            remedy = " Write them without quotes, or save it as CSV." if f'"{field}"' in plain else remedy
            raise CorpusError(
                f"{path}, line 1: {plain.count(field) or 'no'} columns called {field}; columns are: "
                f"{', '.join(columns) or 'none'}. Call those of texts and of their classes text and label.{remedy}"
            )
    return tuple(columns[plain.index(field)] for field in FIELDS)


def _objects(path: Path) -> Iterator[tuple[int, object, object]]:
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except ValueError as error:
                raise CorpusError(f"{path}, line {number}: not JSON: {error}. Correct the line.") from error
            if not isinstance(found, dict):
                raise CorpusError(f"{path}, line {number}: not a JSON object. Correct the line.")
            if missing := [field for field in FIELDS if field not in found]:
                raise CorpusError(
                    f"{path}, line {number}: no field called {' or '.join(missing)}; fields are: "
                    f"{', '.join(found) or 'none'}. Call those of a text and of its class text and label."
                )
            yield number, found["text"], found["label"]


def _text(place: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise CorpusError(f"{place}: the text is {_shown(value)}. Remove the row, or give it one.")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # half of a character, which JSON can hold
        raise CorpusError(f"{place}: {error}. Correct the text.") from error
    return value


def _label(place: str, value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # tables with gaps make 1.0 of 1
    label = str(value) if isinstance(value, int) else value
    if not isinstance(label, str) or not label.strip():
        raise CorpusError(f"{place}: the label is {_shown(value)}. Give the row a name or a whole number as its class.")
    return label.strip()


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)[:60]
