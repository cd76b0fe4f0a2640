"""A general corpus of thirty short articles in two archives: which of them are kept, where, and as which ids."""

from __future__ import annotations

import io
import itertools
import shutil
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from harness.corpus import general
from harness.corpus.general import GeneralCorpus, GeneralText, general_text
from harness.corpus.readers import ENCYCLOPAEDIAS, WIKITEXT
from harness.corpus.sources import Sources
from harness.corpus.texts import CorpusError
from harness.corpus.vocabulary import SPECIAL_TOKENS

Ids = npt.NDArray[np.uint16]

ARCHIVES = ("enwiki-featured-good", "enwiki-2015-first")
CORPUS = GeneralCorpus("small", "Small", ARCHIVES, held_out=5, licence="none")
WORDS = 64  # more than the corpus has
BEGIN = 2  # the id of xxbos
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

# 48 made-up words for each part of WikiText; an article shares seven sequences fewer than it borrows words.
VALIDATION = [
    f"{a}{b}{c}" for a in ("bel", "dor", "fen", "gam") for b in ("ak", "ep", "ir") for c in ("a", "e", "i", "o")
]
TEST = VALIDATION[::-1]
BORROWED = {3: VALIDATION[:32], 4: VALIDATION[:31], 22: TEST[:40]}

FIRST = dict.fromkeys(range(1, 17), "first")
SECOND = dict.fromkeys((5, *range(17, 31), 16), "second")
CONDEMNED = (3, 22)
EMPTY = (10, 25)
HELD_OUT = (1, 7, 13, 18, 24, 30)  # every fifth that is neither empty nor condemned
TRAINING = tuple(page for page in range(1, 31) if page not in {*CONDEMNED, *EMPTY, *HELD_OUT})


def article(page: int, archive: str) -> str:
    """An article that says three times where it is from."""
    where = f"this page is from the {archive} archive , tens {DIGITS[page // 10]} , ones {DIGITS[page % 10]} ."
    lines = [] if page in EMPTY else [where] * 3
    if page in BORROWED:
        lines.append(" ".join(BORROWED[page]))
    if page in HELD_OUT:
        lines.append("onlyheld and onlyheld and onlyheld")
    if page == 2:
        lines.append("thrice or twice or thrice or twice or thrice")
    if page in {2, 20, 25}:
        lines.append("a | cell")
    text = "\n\n".join(lines)
    return f'<doc id="{page}" url="u" title="Page {page}">\nPage {page}\n\n{text}\n</doc>\n'


def write_archive(path: Path, pages: dict[int, str]) -> None:
    """Write the articles in the given order, spread over three files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = -(-len(pages) // 3)
    with tarfile.open(path, "w:xz") as tar:
        for number in range(3):
            some = itertools.islice(pages.items(), number * size, (number + 1) * size)
            content = "".join(article(page, archive) for page, archive in some).encode()
            member = tarfile.TarInfo(f"repo/text/AA/wiki_{number:02}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def write_archives(folder: Path) -> Path:
    for name, pages in zip(ARCHIVES, (FIRST, SECOND), strict=True):
        write_archive(folder / ENCYCLOPAEDIAS[name].layouts[0][0], pages)
    return folder


def write_wikitext(folder: Path) -> None:
    (folder / "wikitext-103").mkdir()
    validation = f" \n = Borrowed = \n \n {' , '.join(VALIDATION).title()} . \n \n"
    test = f" \n = Page = \n \n this page <unk> onlyheld \n \n = Borrowed = \n \n {' '.join(TEST)} \n"
    for part, text in (("valid", validation), ("test", test)):
        (folder / f"wikitext-103/wiki.{part}.tokens").write_text(text, encoding="utf-8", newline="\n")


class InThisProcess(ThreadPoolExecutor):
    """One worker that need not import the tokeniser again."""

    def __init__(
        self, workers: int, _context: object, initializer: Callable[[str], None], initargs: tuple[str]
    ) -> None:
        super().__init__(workers, initializer=initializer, initargs=initargs)


@dataclass(frozen=True)
class Built:
    """The text as one worker makes it of a single task and two processes of seven, and the progress told of each."""

    text: GeneralText
    by_two: GeneralText
    sources: Sources
    progress: list[float]
    progress_by_two: list[float]


@pytest.fixture(scope="module", autouse=True)
def _undeclared_content() -> Iterator[None]:
    """Let the archives hold other texts than the published ones."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ARCHIVES:
            patch.setitem(general.ENCYCLOPAEDIAS, name, replace(ENCYCLOPAEDIAS[name], digest=None))
        patch.setattr(general, "WIKITEXT", replace(WIKITEXT, digest=None))
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built from a folder that is gone afterwards, so that nothing but the kept file can serve a later call."""
    folder = tmp_path_factory.mktemp("general")
    data = write_archives(folder / "data")
    write_wikitext(data)
    sources = Sources(folder / "cache", data)
    progress: list[float] = []
    progress_by_two: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(general, "ARTICLES_A_TASK", 4)
        by_two = general_text(CORPUS, WORDS, Sources(folder / "other", data), 2, progress_by_two.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(general, "ProcessPoolExecutor", InThisProcess)
        patch.setattr(general, "_evaluation", [])
        text = general_text(CORPUS, WORDS, sources, 1, progress.append)
    shutil.rmtree(data)
    return Built(text, by_two, sources, progress, progress_by_two)


def kept(built: Built, words: int) -> GeneralText:
    def refuse(_fraction: float) -> None:
        raise AssertionError("built anew")

    return general_text(CORPUS, words, built.sources, 1, refuse)


def documents(text: GeneralText, ids: Ids) -> list[list[str]]:
    """The tokens of each document, without the token that begins it."""
    parts = np.split(ids, np.flatnonzero(ids == BEGIN))[1:]
    return [[text.vocabulary[number] for number in part[1:]] for part in parts]


def places(text: GeneralText, ids: Ids) -> list[tuple[int, str]]:
    """The page and the archive that each document names."""
    found = []
    for tokens in documents(text, ids):
        tens, ones = (DIGITS.index(tokens[tokens.index(name) + 1]) for name in ("tens", "ones"))
        found.append((tens * 10 + ones, tokens[tokens.index("archive") - 1]))
    return found


def archive_of(page: int) -> str:
    return FIRST.get(page) or SECOND[page]


def test_training_has_every_other_page_once_and_from_the_first_archive_that_has_it(built: Built) -> None:
    assert places(built.text, built.text.training) == [(page, archive_of(page)) for page in TRAINING]


def test_every_fifth_article_that_is_left_is_held_out(built: Built) -> None:
    held_out = built.text.evaluation["wikipedia"]
    assert places(built.text, held_out) == [(page, archive_of(page)) for page in HELD_OUT]


def test_what_was_left_out_is_counted_by_reason(built: Built) -> None:
    assert built.text.dropped == {
        "same page again": 2,
        "no text": 2,
        "lines of markup": 3,
        "shares text with WikiText": 2,
    }


def test_twenty_four_sequences_in_common_with_wikitext_are_tolerated(built: Built) -> None:
    lengths = {
        page: len(tokens) for page, tokens in zip(TRAINING, documents(built.text, built.text.training), strict=True)
    }
    assert lengths[4] - lengths[6] == 31 + 1  # the borrowed words and the line break before them


def test_offsets_delimit_the_training_documents(built: Built) -> None:
    training, offsets = built.text.training, built.text.offsets
    assert len(offsets) == len(TRAINING) + 1
    assert (offsets[0], offsets[-1]) == (0, len(training))
    assert np.flatnonzero(training == BEGIN).tolist() == offsets[:-1].tolist()


def test_each_article_of_wikitext_begins_a_document_and_has_the_same_ids_as_training(built: Built) -> None:
    validation = documents(built.text, built.text.evaluation["wikitext-validation"])
    test = documents(built.text, built.text.evaluation["wikitext-test"])
    assert (len(validation), len(test)) == (1, 2)
    assert "this page xxunk xxunk" in " ".join(test[0])
    assert validation[0].count(",") == len(VALIDATION) - 1


def test_the_vocabulary_counts_training_articles_alone_by_falling_frequency(built: Built) -> None:
    words = [token for token in built.text.vocabulary if token not in {*SPECIAL_TOKENS, "xxfake"}]
    assert "thrice" in words
    assert not {"twice", "onlyheld", VALIDATION[0]} & set(words)
    assert set(DIGITS) <= set(words)
    counts = np.bincount(built.text.training)[len(SPECIAL_TOKENS) :].tolist()
    assert len(counts) == len(words)
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("words", [9, 16, 25])
def test_words_beyond_a_smaller_vocabulary_are_unknown_and_others_keep_their_ids(built: Built, words: int) -> None:
    smaller = kept(built, words)
    assert smaller.vocabulary == built.text.vocabulary[:words]
    assert smaller.offsets.tolist() == built.text.offsets.tolist()
    pairs = [(smaller.training, built.text.training)]
    pairs += [(ids, built.text.evaluation[part]) for part, ids in smaller.evaluation.items()]
    for ids, all_ids in pairs:
        assert ids.dtype == np.uint16
        assert ids.tolist() == [number if number < words else 0 for number in all_ids.tolist()]
    assert built.text.training.max() >= words


def test_later_calls_read_the_kept_file(built: Built) -> None:
    again = kept(built, WORDS)
    assert again.digest == built.text.digest
    assert again.vocabulary == built.text.vocabulary
    assert again.training.tolist() == built.text.training.tolist()
    assert kept(built, general.MOST_WORDS).vocabulary == built.text.vocabulary


@pytest.mark.parametrize("corpus", [replace(CORPUS, held_out=6), replace(CORPUS, archives=ARCHIVES[::-1])])
def test_the_kept_file_serves_no_other_corpus(built: Built, corpus: GeneralCorpus) -> None:
    with pytest.raises(CorpusError, match="the data folder does not exist"):
        general_text(corpus, WORDS, built.sources, 1, lambda _fraction: None)


def test_workers_and_tasks_change_nothing(built: Built) -> None:
    assert built.by_two.digest == built.text.digest
    assert built.by_two.training.tolist() == built.text.training.tolist()
    assert built.by_two.vocabulary == built.text.vocabulary


def test_progress_counts_the_articles_done(built: Built) -> None:
    assert built.progress == [1.0]
    assert built.progress_by_two == [done / 28 for done in range(4, 29, 4)]


def test_more_words_than_are_kept_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="60001 entries is more than the 60000"):
        general_text(CORPUS, general.MOST_WORDS + 1, Sources(tmp_path / "cache", tmp_path), 1, lambda _fraction: None)
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("no_network")
def test_nothing_is_built_without_the_text_to_compare_with(tmp_path: Path) -> None:
    sources = Sources(tmp_path / "cache", write_archives(tmp_path / "data"))
    with pytest.raises(CorpusError, match="wikitext-103: no source has the texts"):
        general_text(CORPUS, WORDS, sources, 1, lambda _fraction: None)
    assert not list(sources.cache.rglob("*.npz"))


def test_an_archive_of_other_articles_than_the_declared_ones_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_archives(tmp_path / "data")
    write_wikitext(data)
    name = ARCHIVES[1]
    monkeypatch.setitem(general.ENCYCLOPAEDIAS, name, replace(ENCYCLOPAEDIAS[name], digest="0" * 64))
    with pytest.raises(CorpusError, match=rf"{name}\.tar\.xz: content digest [0-9a-f]{{64}}, declared 0{{64}}"):
        general_text(CORPUS, WORDS, Sources(tmp_path / "cache", data), 1, lambda _fraction: None)
