"""Articles of WikiExtractor archives and the parts of WikiText-103, read from small files of the same layout."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from harness.corpus import wikipedia
from harness.corpus.readers import WIKITEXT
from harness.corpus.sources import Sources, find
from harness.corpus.texts import CorpusError
from harness.corpus.wikipedia import Article, articles, wikitext, wikitext_articles

VALIDATION = (
    " \n = Märchen = \n \n A well @-@ known <unk> of 1 @,@ 000 @.@ 5 pages , re @-@ told \n <unk> – no @ mark \n"
)
TEST = " \n = Other = \n \n Nothing to join \n"


def extracted(page: int, title: str, *lines: str) -> str:
    """An article as WikiExtractor writes it: the first line of its text repeats the title."""
    address = f"https://en.wikipedia.org/wiki?curid={page}"
    return f'<doc id="{page}" url="{address}" title="{title}">\n' + "\n".join((title, "", *lines)) + "\n</doc>\n"


def archive_of(folder: Path, members: dict[str, bytes]) -> tuple[Path]:
    path = folder / "wiki.tar.xz"
    with tarfile.open(path, "w:xz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return (path,)


def test_articles_come_in_the_order_of_their_files_and_of_their_places_there(tmp_path: Path) -> None:
    members = {
        "repo-abc/text/AB/wiki_00": extracted(3, "Third", "c"),
        "repo-abc/text/AA/wiki_10": extracted(9, "Second", "b") + extracted(1, "After the second", "d"),
        "repo-abc/text/AA/wiki_02": extracted(5, "First", "a"),
    }
    found = articles(archive_of(tmp_path, {name: text.encode() for name, text in members.items()}))
    assert [(article.page, article.text) for article in found] == [(5, "a"), (9, "b"), (1, "d"), (3, "c")]


def test_only_the_files_of_the_extractor_are_read(tmp_path: Path) -> None:
    unrelated = (
        "repo-abc/README.md",
        "repo-abc/context/AA/wiki_00",
        "repo-abc/text/wiki_00",
        "repo-abc/text/AA/wiki_00.bak",
        "repo-abc/text/aa/wiki_00",
        "repo-abc/text-bad/AA/wiki_00",
    )
    members = dict.fromkeys(unrelated, extracted(7, "Unrelated", "nothing").encode())
    members["repo-abc/text/AA/wiki_00"] = extracted(1, "One", "a").encode()
    members["text-excellent/AB/wiki_07"] = extracted(2, "Two", "b").encode()
    assert [article.page for article in articles(archive_of(tmp_path, members))] == [1, 2]


def test_the_title_is_unescaped_and_no_line_of_the_text(tmp_path: Path) -> None:
    text = extracted(12, "Müller &amp; &quot;Söhne&quot;", "Müller is a firm.", "", "  ", "It makes things.")
    files = archive_of(tmp_path, {"text/AA/wiki_00": text.encode()})
    assert articles(files) == (Article(12, 'Müller & "Söhne"', "Müller is a firm.\nIt makes things.", 0),)


def test_lines_with_leftover_markup_are_dropped_and_counted_for_each_article(tmp_path: Path) -> None:
    residue = ("A <ref>note", "see {{cite web", "| cell", "<br> broken")
    kept = ("first", "1 < 2 and 3 > 2 {so}", "", "last")
    text = extracted(1, "One", kept[0], *residue, *kept[1:]) + extracted(2, "Two", "<table>") + extracted(3, "Three")
    found = articles(archive_of(tmp_path, {"text/AA/wiki_00": text.encode()}))
    assert [(article.text, article.residue) for article in found] == [
        ("first\n1 < 2 and 3 > 2 {so}\nlast", 4),
        ("", 1),
        ("", 0),
    ]


@pytest.mark.parametrize("members", [{"README.md": b"about"}, {"text/AA/wiki_00": b"no article in here\n"}])
def test_an_archive_without_an_article_is_refused_with_the_remedy(tmp_path: Path, members: dict[str, bytes]) -> None:
    with pytest.raises(CorpusError, match=r"wiki\.tar\.xz: no WikiExtractor article.*obtain it again"):
        articles(archive_of(tmp_path, members))


def test_articles_that_are_not_utf8_are_refused_with_the_remedy(tmp_path: Path) -> None:
    latin = extracted(1, "One", "café").encode("latin-1")
    with pytest.raises(CorpusError, match=r"wiki\.tar\.xz: not UTF-8.*obtain it again"):
        articles(archive_of(tmp_path, {"text/AA/wiki_00": latin}))


def two_files(folder: Path, validation: bytes, test: bytes) -> tuple[Path, Path]:
    paths = folder / "wiki.valid.tokens", folder / "wiki.test.tokens"
    for path, content in zip(paths, (validation, test), strict=True):
        path.write_bytes(content)
    return paths


def zip_archive(folder: Path, members: dict[str, bytes]) -> tuple[Path]:
    path = folder / "wikitext-103-v1.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return (path,)


def official_members(validation: bytes, test: bytes) -> dict[str, bytes]:
    """In another order than the parts are asked for, with the training part that is not wanted."""
    names = ("wikitext-103/", "wikitext-103/wiki.test.tokens", "wikitext-103/wiki.valid.tokens")
    return dict(zip(names, (b"", test, validation), strict=True)) | {"wikitext-103/wiki.train.tokens": b"\xff train"}


def test_wikitext_joins_what_it_writes_apart_and_names_the_unknown_word_as_we_do(tmp_path: Path) -> None:
    assert wikitext(two_files(tmp_path, VALIDATION.encode(), TEST.encode())) == {
        "validation": " \n = Märchen = \n \n A well-known xxunk of 1,000.5 pages , re-told \n xxunk – no @ mark \n",
        "test": TEST,
    }


def test_the_official_archive_holds_the_same_texts_as_the_two_files(tmp_path: Path) -> None:
    archive = zip_archive(tmp_path, official_members(VALIDATION.encode(), TEST.encode()))
    assert wikitext(archive) == wikitext(two_files(tmp_path, VALIDATION.encode(), TEST.encode()))


def test_an_archive_without_one_of_the_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"v1\.zip: not the WikiText-103 archive.*wiki\.test\.tokens.*again"):
        wikitext(zip_archive(tmp_path, {"wikitext-103/wiki.valid.tokens": VALIDATION.encode()}))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wikitext-103-v1.zip"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(CorpusError, match=r"v1\.zip: not the WikiText-103 archive"):
        wikitext((path,))


def test_an_archive_with_damaged_content_is_refused(tmp_path: Path) -> None:
    (path,) = zip_archive(tmp_path, official_members(VALIDATION.encode(), TEST.encode()))
    with zipfile.ZipFile(path) as file:
        member = file.getinfo("wikitext-103/wiki.test.tokens")
    content = bytearray(path.read_bytes())
    content[member.header_offset + 30 + len(member.filename)] = 0x07  # a kind of block that deflate does not have
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"v1\.zip: not the WikiText-103 archive"):
        wikitext((path,))


def test_a_part_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zip_archive(tmp_path, official_members(b"short", b"a part that is too large"))
    monkeypatch.setattr(wikipedia, "MAX_PART_BYTES", 10)
    with pytest.raises(CorpusError, match=r"refused, wikitext-103/wiki\.test\.tokens has 24 bytes"):
        wikitext(archive)


@pytest.mark.parametrize("content", [(b"caf\xe9", b"good"), (b"good", b"caf\xe9")])
def test_parts_that_are_not_utf8_are_refused(tmp_path: Path, content: tuple[bytes, bytes]) -> None:
    with pytest.raises(CorpusError, match=r"not UTF-8.*WikiText-103 again"):
        wikitext(two_files(tmp_path, *content))


def test_a_part_is_cut_at_the_titles_of_its_articles_alone() -> None:
    first = " = One = \n \n a = b \n \n = = Section = = \n \n b \n \n = = = Deeper = = = \n \n c \n \n"
    second = " = Two ( film ) = \n \n d \n \n"
    assert wikitext_articles(f" \n{first}{second}") == [first, second]


def test_a_formula_on_a_line_of_its_own_is_no_title() -> None:
    article = " = Filter = \n \n a frequency of ω \n = 1 rad / s and k = \n 1 Ω . \n \n"
    assert wikitext_articles(f" \n{article}") == [article]


@pytest.mark.skipif(not os.environ.get("DFT_DATA"), reason="DFT_DATA names no folder with the real texts")
def test_both_real_parts_are_sixty_articles(tmp_path: Path) -> None:
    folder = Path(os.environ["DFT_DATA"])
    if not any((folder / path).exists() for layout in WIKITEXT.layouts for path in layout):
        pytest.skip(f"{folder} (DFT_DATA) has no WikiText-103")
    parts = WIKITEXT.parse(find("wikitext-103", WIKITEXT, Sources(tmp_path, folder)).files)
    assert {part: len(wikitext_articles(text)) for part, text in parts.items()} == {"validation": 60, "test": 60}
