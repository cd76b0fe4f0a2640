from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from harness.corpus import formats
from harness.corpus.texts import CorpusError, RawTexts

REVIEWS = {
    "train/pos/10_8.txt": "later positive",
    "train/pos/2_9.txt": "sooner positive",
    "train/neg/0_1.txt": "negative",
    "train/unsup/1_0.txt": "neither",
    "test/neg/0_2.txt": "test negative",
    "test/pos/0_10.txt": "test positive, naïve",
}
EXPECTED = RawTexts(
    (("negative", "negative"), ("sooner positive", "positive"), ("later positive", "positive")),
    (("test negative", "negative"), ("test positive, naïve", "positive")),
    ("neither",),
)


def review_archive(path: Path, reviews: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:xz") as tar:
        for name, content in reviews.items():
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def encoded(reviews: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in reviews.items()}


def test_the_review_archive_is_read_in_the_order_of_class_and_number(tmp_path: Path) -> None:
    members = {"README": b"about", "train/labeledBow.feat": b"0:1"} | encoded(REVIEWS)
    assert formats.imdb((review_archive(tmp_path / "a.tar.xz", members),)) == EXPECTED


def test_the_unpacked_review_folder_holds_the_same_texts(tmp_path: Path) -> None:
    for name, text in REVIEWS.items():
        path = tmp_path / "aclImdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert formats.imdb((tmp_path / "aclImdb",)) == EXPECTED


def test_the_labelled_halves_come_without_the_unlabelled_reviews(tmp_path: Path) -> None:
    raw = formats.imdb_labelled((review_archive(tmp_path / "a.tar.xz", encoded(REVIEWS)),))
    assert raw == RawTexts(EXPECTED.train, EXPECTED.test, ())


def test_a_review_that_is_not_named_by_number_and_stars_is_refused(tmp_path: Path) -> None:
    path = review_archive(tmp_path / "a.tar.xz", encoded(REVIEWS) | {"train/pos/copy of 3_7.txt": b"odd"})
    with pytest.raises(CorpusError, match=r"copy of 3_7\.txt' is not named ID_STARS\.txt"):
        formats.imdb((path,))


def test_an_archive_without_one_class_is_refused(tmp_path: Path) -> None:
    reviews = {name: text for name, text in REVIEWS.items() if not name.startswith("test/pos")}
    with pytest.raises(CorpusError, match="no reviews in aclImdb/test/pos"):
        formats.imdb((review_archive(tmp_path / "a.tar.xz", encoded(reviews)),))


def test_a_review_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = review_archive(tmp_path / "a.tar.xz", encoded(REVIEWS) | {"train/pos/3_7.txt": b"caf\xe9"})
    with pytest.raises(CorpusError, match=r"member aclImdb/train/pos/3_7\.txt: not UTF-8"):
        formats.imdb((path,))


def review_table(path: Path, content: str) -> tuple[Path]:
    path.write_text(content, encoding="utf-8", newline="")
    return (path,)


def test_rows_of_the_named_source_are_read_with_quotes_and_line_breaks(tmp_path: Path) -> None:
    table = 'text,label,source\n"a ""good"" one,\nreally",1,imdb\nbad,0,rotten_tomatoes\nworse,0,imdb\n'
    raw = formats.movie_reviews(review_table(tmp_path / "r.csv", table), "imdb")
    assert raw == RawTexts((('a "good" one,\nreally', "positive"), ("worse", "negative")), None)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("text,label\ngood,1\n", "line 1: columns"),
        ("", "line 1: columns"),
        ("text,label,source\ngood,1,imdb\nbad,0\n", "line 3: 2 columns"),
        ("text,label,source\ngood,2,imdb\n", "line 2: label '2'"),
        ('text,label,source\n"cut off', "near line 2"),
    ],
)
def test_a_faulty_table_is_named_with_its_line(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(CorpusError, match=rf"r\.csv, {message}.*Replace the file"):
        formats.movie_reviews(review_table(tmp_path / "r.csv", table), "imdb")


def two_files(folder: Path, train: bytes, test: bytes) -> tuple[Path, Path]:
    (folder / "train").write_bytes(train)
    (folder / "test").write_bytes(test)
    return folder / "train", folder / "test"


def test_questions_are_read_as_latin1_and_keep_their_coarse_class(tmp_path: Path) -> None:
    files = two_files(tmp_path, b"HUM:ind Who is Andr\xe9 ?\nNUM:date When\x85 ?\n", b"LOC:city Where ?\r\n")
    expected = RawTexts((("Who is André ?", "HUM"), ("When\x85 ?", "NUM")), (("Where ?", "LOC"),))
    assert formats.trec(files) == expected


@pytest.mark.parametrize("line", [b"HUM Who ?", b"HUM:ind", b"", b"HUM:ind  ", b"XYZ:ind Who ?"])
def test_a_faulty_question_is_named_with_its_line(tmp_path: Path, line: bytes) -> None:
    files = two_files(tmp_path, b"HUM:ind Who ?\n" + line + b"\nHUM:ind Who else ?\n", b"HUM:ind Who ?\n")
    with pytest.raises(CorpusError, match=r"train, line 2: .*replace the file"):
        formats.trec(files)


def test_tab_separated_rows_are_read(tmp_path: Path) -> None:
    files = two_files(tmp_path, "A café opens\tBusiness\n".encode(), b"They won\tSports\nThey lost\tSports")
    raw = formats.tab_separated(files)
    assert raw == RawTexts((("A café opens", "Business"),), (("They won", "Sports"), ("They lost", "Sports")))


@pytest.mark.parametrize("line", [b"no class", b"text\tWeather", b"\tSports", b"text\tmore\tSports"])
def test_a_faulty_row_is_named_with_its_line(tmp_path: Path, line: bytes) -> None:
    files = two_files(tmp_path, b"They won\tSports\n", b"They won\tSports\n" + line + b"\n")
    with pytest.raises(CorpusError, match=r"test, line 2: .*replace the file"):
        formats.tab_separated(files)


def test_rows_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="train: not utf-8"):
        formats.tab_separated(two_files(tmp_path, b"caf\xe9\tSports\n", b"They won\tSports\n"))
