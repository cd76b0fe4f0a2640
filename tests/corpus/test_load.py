from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from corpus_samples import SmallCorpus

from harness.corpus.formats import tab_separated
from harness.corpus.load import load
from harness.corpus.sources import Sources
from harness.corpus.texts import CorpusError, content_digest


def kept_file(corpus: SmallCorpus) -> Path:
    return corpus.sources.cache / "texts" / f"{corpus.dataset.digest}.jsonl.gz"


def test_texts_are_served_from_the_cache_once_they_were_parsed(small_corpus: SmallCorpus) -> None:
    first = load(small_corpus.dataset, small_corpus.sources)
    shutil.rmtree(small_corpus.files[0].parent)
    assert load(small_corpus.dataset, small_corpus.sources) == first


def test_a_changed_byte_is_refused_with_both_digests_and_the_remedy(small_corpus: SmallCorpus) -> None:
    path = small_corpus.files[1]
    path.write_bytes(path.read_bytes().replace(b"report 3", b"report 9", 1))
    with pytest.raises(CorpusError, match="Remedy: replace the files") as caught:
        load(small_corpus.dataset, small_corpus.sources)
    for part in (str(path), small_corpus.dataset.digest, content_digest(tab_separated(small_corpus.files))):
        assert part in str(caught.value)
    assert not kept_file(small_corpus).exists()


@pytest.mark.parametrize("damage", ["truncated", "other texts", "not gzip"])
def test_damaged_cached_texts_are_set_aside_and_read_anew(
    small_corpus: SmallCorpus, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    first = load(small_corpus.dataset, small_corpus.sources)
    path = kept_file(small_corpus)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "not gzip":
        path.write_bytes(b"nonsense")
    else:
        files = (small_corpus.files[1], small_corpus.files[1])
        other = replace(small_corpus.dataset, digest=content_digest(tab_separated(files)))
        folder = path.parent / "other/ag_news-10k"
        folder.mkdir(parents=True)
        for name in ("dev.tsv", "test.tsv"):
            shutil.copy(small_corpus.files[1], folder / name)
        load(other, Sources(small_corpus.sources.cache, folder.parent))
        shutil.copy(path.with_name(f"{other.digest}.jsonl.gz"), path)
    damaged = path.read_bytes()
    with caplog.at_level(logging.WARNING):
        assert load(small_corpus.dataset, small_corpus.sources) == first
    assert path.with_name(path.name + ".damaged-1").read_bytes() == damaged
    assert str(path) in caplog.text


def test_an_unknown_reader_is_named_with_those_there_are(small_corpus: SmallCorpus) -> None:
    with pytest.raises(CorpusError, match="unknown reader 'agnews'; there are imdb, "):
        load(replace(small_corpus.dataset, reader="agnews"), small_corpus.sources)


def test_a_class_that_is_not_declared_is_named(small_corpus: SmallCorpus) -> None:
    with pytest.raises(CorpusError, match="texts of class Sports, declared are World, Business, Sci/Tech"):
        load(replace(small_corpus.dataset, classes=("World", "Business", "Sci/Tech")), small_corpus.sources)


def test_a_cache_that_cannot_be_used_is_named(small_corpus: SmallCorpus, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"cache folder cannot be used.*DFT_CACHE"):
        load(small_corpus.dataset, Sources(tmp_path / "file", small_corpus.sources.folder))
