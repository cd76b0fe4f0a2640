"""The declared digests against real texts: those that pip brings, and those in the folder that DFT_DATA names."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness import evidence, options
from harness.corpus import splits
from harness.corpus.encoding import encode
from harness.corpus.load import load
from harness.corpus.readers import READERS
from harness.corpus.sources import Sources
from harness.corpus.splits import split
from harness.corpus.texts import RawTexts
from harness.specification import Dataset, ModelSize
from study.datasets import DATASETS

TINY = ModelSize(embedding=8, hidden=8, layers=2, max_vocabulary=1000)


def loaded(dataset: Dataset, cache: Path) -> RawTexts:
    folder = os.environ.get("DFT_DATA")
    if READERS[dataset.reader].package is None:
        if not folder:
            pytest.skip("DFT_DATA names no folder with the real texts")
        elif not any((Path(folder) / path).exists() for layout in READERS[dataset.reader].layouts for path in layout):
            pytest.skip(f"{folder} (DFT_DATA) has no texts of {dataset.reader}")
    return load(dataset, Sources(cache, Path(folder) if folder else None))


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_declarations_agree_with_their_key_and_reader(name: str) -> None:
    assert DATASETS[name].name == name
    assert DATASETS[name].reader in READERS
    assert len(DATASETS[name].digest) == 64


def test_fewer_labels_are_the_same_texts_and_splits() -> None:
    one, other = DATASETS["rt-1k"], DATASETS["rt-200"]
    assert replace(other, name=one.name, title=one.title, labels=one.labels) == one


@pytest.mark.parametrize("name", ["rt-1k", "imdb-pip-200", "imdb-1k", "trec6", "ag-1k"])
def test_the_declared_digest_and_splits_hold(name: str, tmp_path: Path) -> None:
    dataset = DATASETS[name]
    raw = loaded(dataset, tmp_path)
    parts = split(dataset, raw)
    assert len(parts.test) == (dataset.test or len(raw.test or ()))
    assert len(parts.validation) == dataset.validation
    assert len(parts.train) >= (dataset.labels or 1)
    assert {label for _, label in parts.train} == set(dataset.classes)


@pytest.mark.parametrize("name", ["rt-1k", "trec6", "ag-1k"])
def test_texts_parts_and_tokens_are_those_of_the_committed_records(name: str, tmp_path: Path) -> None:
    dataset = DATASETS[name]
    loaded(dataset, tmp_path)
    folder = os.environ.get("DFT_DATA")
    committed = evidence.load(options.RESULTS)
    record = next(
        one for one in committed if (one.specification.dataset.name, one.specification.recipe.name) == (name, "mini")
    )
    found = encode(dataset, record.specification.recipe.size, Sources(tmp_path, Path(folder) if folder else None))
    assert (found.digest, found.vocabulary_digest) == (record.inputs.corpus, record.inputs.vocabulary)


def test_texts_shared_by_training_and_test_are_those_known_of_ag_news(tmp_path: Path) -> None:
    raw = loaded(DATASETS["ag-1k"], tmp_path)
    assert split(DATASETS["ag-1k"], raw).dropped[splits.TRAIN_IN_TEST] == 10


def test_a_small_part_of_rotten_tomatoes_is_tokenised(tmp_path: Path) -> None:
    dataset = replace(DATASETS["rt-1k"], validation=8000, test=300, language_model_documents=100)
    corpus = encode(dataset, TINY, Sources(tmp_path))
    assert corpus.train.documents[0][0] == corpus.vocabulary.index("xxbos")
    assert {"the", ".", "film"} <= set(corpus.vocabulary)
    assert 10 < sum(map(len, corpus.test.documents)) / 300 < 40
