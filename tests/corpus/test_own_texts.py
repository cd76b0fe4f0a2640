"""A user's own texts are read from three kinds of files, and every row that does not fit is named."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from harness.corpus.own_texts import own_texts
from harness.corpus.texts import CorpusError, RawTexts

PAIRS = (("It works, mostly.", "good"), ('Two\nlines, "quoted"', "bad"), ("x" * 200_000, "7"))
ONE_LINE = (PAIRS[0], ('"An opening quote', "bad"), PAIRS[2])  # what TSV can hold


def commas(path: Path) -> Path:
    """The texts among other columns, as a spreadsheet saves them: with a byte order mark."""
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Label", "id", " TEXT "])
        writer.writerows([f" {label} ", number, text] for number, (text, label) in enumerate(PAIRS))
    return path


def tabs(path: Path) -> Path:
    path.write_text("".join(f"{label}\t{text}\n" for text, label in (("text", "label"), *ONE_LINE)), encoding="utf-8")
    return path


def objects(path: Path) -> Path:
    """The texts with a blank line between them, and a number as tables with gaps hold it."""
    lines = [{"text": text, "label": float(label) if label.isdigit() else label, "more": 1} for text, label in PAIRS]
    path.write_text("".join(f"{json.dumps(line)}\n\n" for line in lines), encoding="utf-8")
    return path


def test_all_kinds_of_files_give_the_same_texts(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    assert own_texts((commas(tmp_path / "a.CSV"),)) == RawTexts(PAIRS, None)
    assert own_texts((objects(tmp_path / "a.jsonl"),)) == RawTexts(PAIRS, None)
    assert own_texts((tabs(tmp_path / "a.tsv"),)) == RawTexts(ONE_LINE, None)
    assert csv.field_size_limit() == limit


def test_a_second_file_is_the_test_part(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\nOnly this,bad\n")
    found = own_texts((objects(tmp_path / "a.jsonl"), tmp_path / "t.csv"))
    assert (found.train, found.test) == (PAIRS, (("Only this", "bad"),))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"review,label\nGood,1\n", r"a\.csv, line 1: no columns called text; columns are: review, label\."),
        ("a.csv", b"", r"a\.csv, line 1: no columns called text; columns are: none\."),
        ("a.csv", b"text,label,text\nGood,1,2\n", r"a\.csv, line 1: 2 columns called text"),
        ("a.csv", b"text,label\nGood,1\n ,1\n", r"a\.csv, line 3: the text is ' '\. Remove"),
        ("a.csv", b"text,label\nGood\n", r"a\.csv, line 2: the label is missing\."),
        ("a.csv", b"text,label\nGood,1\nGood, but long,1\n", r"a\.csv, line 3: more fields than columns\. Put"),
        ("a.tsv", b"text\tlabel\nGood\tbut\t1\n", r"a\.tsv, line 2: more fields than columns\. Remove tabs"),
        ("a.csv", b"text;label\nGood;1\n", r"a\.csv, line 1: .* by commas, not by semicolons\."),
        ("a.tsv", b"text,label\nGood,1\n", r"a\.tsv, line 1: .* by tabs, not by commas\."),
        ("a.csv", b"review\nGood\n", r"a\.csv, line 1: .* text and label\.$"),
        ("a.tsv", b'text\tlabel\n"Good\nbut"\t1\n', r"a\.tsv, line 2: fewer fields than columns\. A text .* as CSV"),
        ("a.tsv", b"text\tlabel\nGood\t \n", r"a\.tsv, line 2: the label is ' '\."),
        ("a.csv", b'text,label\nGood,1\n"Good,1\n', r"a\.csv, near line 3: unexpected end of data\. Put"),
        (
            "a.csv",
            b"text,label\n" + 9000 * b"tea,1\n" + b"a caf\xe9,1\n",
            r"a\.csv, line 9002: b'a caf.xe9,1' is not UTF-8, .*Windows-1252.*Save it in UTF-8",
        ),
        ("a.tsv", b'"text"\t"label"\na\t1\n', r"a\.tsv, line 1: .* Write them without quotes, or save it as CSV"),
        ("a.tsv", b'text\tlabel\n"a"\t1\n"say ""a"" now"\t1\n', r"a\.tsv, line 3: the text stands in quotes.*as CSV"),
        ("a.jsonl", b'{"text": "Good", "label": "1"}\n{"text": "Go\n', r"a\.jsonl, line 2: not JSON"),
        ("a.jsonl", b"[1]\n", r"a\.jsonl, line 1: not a JSON object"),
        ("a.jsonl", b'{"text": 3, "label": "1"}\n', r"a\.jsonl, line 1: the text is 3\."),
        ("a.jsonl", b'{"text": "\\ud83d", "label": "1"}\n', r"a\.jsonl, line 1: .*surrogates.*Correct the text"),
        ("a.jsonl", b'{"text": "Good", "label": 1.5}\n', r"a\.jsonl, line 1: the label is 1\.5\. .*whole number"),
        ("a.jsonl", b'{"text": "Good", "label": null}\n', r"a\.jsonl, line 1: the label is missing"),
        (
            "a.jsonl",
            b'{"text": "a", "class": 1}\n',
            r"a\.jsonl, line 1: no field called label; fields are: text, class\.",
        ),
        ("a.xlsx", b"PK", r"a\.xlsx: not a kind of file .*\.csv, \.tsv, \.jsonl"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        own_texts((tmp_path / name,))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere\.csv: no such file"):
        own_texts((tmp_path / "nowhere.csv",))
