from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_samples import SmallCorpus
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.corpus import encoding
from harness.corpus.encoding import encode, summary
from harness.corpus.formats import AG_NEWS_CLASSES
from harness.corpus.kept_arrays import arrays_digest, pack, unpack
from harness.corpus.load import load
from harness.corpus.splits import split
from harness.corpus.tokens import tokenise
from harness.corpus.vocabulary import ids_of
from harness.specification import ModelSize

SIZE = ModelSize(embedding=8, hidden=8, layers=2, max_vocabulary=64, min_frequency=3)
AWKWARD_TEXTS = [
    "I LOVED it!!!!! So so so so good... <br /><br />A 10/10 film &amp; more #39; \\n @-@",
    "plain",
    "  The  'Café' isn't U.S.A.-made;  see http://x.org/#a  ",
    "",
    "xxunk xxfake <unk> ALLCAPS mIxEd 1,000.50 \t tabs\nand lines",
    "日本語 and 👍🏽 emoji, e\u0301 and \x85 breaks",
]


def token_files(corpus: SmallCorpus) -> list[Path]:
    return sorted((corpus.sources.cache / "tokens").glob("*.npz"))


def test_tokens_and_numbers_are_those_of_fastai() -> None:
    from fastai.text.core import SpacyTokenizer, Tokenizer  # noqa: PLC0415
    from fastai.text.data import Numericalize  # noqa: PLC0415

    tokenised = tokenise(AWKWARD_TEXTS)
    vocabulary = ["xxunk", "xxpad", "xxbos", *sorted(tokenised.tokens)[::2]]
    ids = ids_of(tokenised.tokens, vocabulary)
    tokenizer, numericalize = Tokenizer(SpacyTokenizer()), Numericalize(vocabulary)
    for text, document in zip(AWKWARD_TEXTS, tokenised.documents, strict=True):
        theirs = list(tokenizer(text))
        # Tokenizer() leaves out the rule that writes a blank inside a token as a line; data blocks apply it.
        assert [tokenised.tokens[number] for number in document] == [token.replace(" ", "▁") for token in theirs]
        assert ids[document].tolist() == numericalize([token.replace(" ", "▁") for token in theirs]).tolist()


def test_every_part_reads_back_as_its_texts(small_corpus: SmallCorpus) -> None:
    corpus = encode(small_corpus.dataset, SIZE, small_corpus.sources)
    parts = split(small_corpus.dataset, load(small_corpus.dataset, small_corpus.sources))
    for part in ("train", "validation", "test"):
        documents, pairs = getattr(corpus, part), getattr(parts, part)
        assert [small_corpus.dataset.classes[label] for label in documents.labels] == [label for _, label in pairs]
        tokenised = tokenise([text for text, _ in pairs])
        for ids, numbers in zip(documents.documents, tokenised.documents, strict=True):
            tokens = [tokenised.tokens[number] for number in numbers]
            assert [corpus.vocabulary[number] for number in ids] == [
                token if token in corpus.vocabulary else "xxunk" for token in tokens
            ]
            assert (ids != 0).sum() >= 3
    assert len(corpus.language_model) == len(parts.language_model)
    assert len(corpus.language_model_validation) == len(parts.language_model_validation)


def test_a_word_that_only_test_texts_hold_is_unknown(small_corpus: SmallCorpus) -> None:
    corpus = encode(small_corpus.dataset, SIZE, small_corpus.sources)
    assert "onlytest" not in corpus.vocabulary
    assert "story" in corpus.vocabulary
    assert all((document == 0).sum() >= 3 for document in corpus.test.documents)


def test_each_training_text_counts_once_for_the_vocabulary(small_corpus: SmallCorpus) -> None:
    left = 80 - small_corpus.dataset.validation  # "ended" occurs once in each of these
    kept = encode(small_corpus.dataset, replace(SIZE, min_frequency=left), small_corpus.sources)
    fewer = encode(small_corpus.dataset, replace(SIZE, min_frequency=left + 1), small_corpus.sources)
    assert "ended" in kept.vocabulary
    assert "ended" not in fewer.vocabulary


def test_the_cache_gives_the_same_corpus_without_tokenising(
    small_corpus: SmallCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = encode(small_corpus.dataset, SIZE, small_corpus.sources)
    monkeypatch.setattr(encoding, "tokenise", pytest.fail)
    second = encode(replace(small_corpus.dataset, name="same", labels=4), SIZE, small_corpus.sources)
    assert second.digest == first.digest
    assert second.vocabulary == first.vocabulary
    assert second.dropped == first.dropped
    for ours, theirs in zip(first.test.documents, second.test.documents, strict=True):
        assert ours.dtype == theirs.dtype == np.int64
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    "change",
    [
        {"validation": 11},
        {"test": 4},
        {"language_model_documents": 30},
        {"training_documents": 20},
        {"classes": AG_NEWS_CLASSES[::-1]},
        {"digest": "0" * 64},
        {"max_vocabulary": 20},
        {"min_frequency": 4},
    ],
)
def test_another_split_class_text_or_size_is_another_cached_file(
    small_corpus: SmallCorpus, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    encode(small_corpus.dataset, SIZE, small_corpus.sources)
    of_size = {name: change[name] for name in ("max_vocabulary", "min_frequency") if name in change}
    dataset = small_corpus.dataset if of_size else replace(small_corpus.dataset, **change)
    monkeypatch.setattr(encoding, "load", lambda *_: load(small_corpus.dataset, small_corpus.sources))
    encode(dataset, replace(SIZE, **of_size), small_corpus.sources)
    assert len(token_files(small_corpus)) == 2


def test_another_tokenizer_is_another_cached_file(small_corpus: SmallCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    encode(small_corpus.dataset, SIZE, small_corpus.sources)
    monkeypatch.setattr(encoding, "tokenizer_version", lambda: "another")
    encode(small_corpus.dataset, SIZE, small_corpus.sources)
    assert len(token_files(small_corpus)) == 2


@pytest.mark.parametrize("damage", ["truncated", "changed byte", "nonsense"])
def test_a_damaged_cached_file_is_set_aside_and_built_anew(
    small_corpus: SmallCorpus, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    first = encode(small_corpus.dataset, SIZE, small_corpus.sources)
    (path,) = token_files(small_corpus)
    content = bytearray(path.read_bytes())
    if damage == "changed byte":
        content[len(content) // 3] ^= 1
    path.write_bytes({"truncated": bytes(content[: len(content) // 2]), "nonsense": b"x"}.get(damage, bytes(content)))
    with caplog.at_level(logging.WARNING):
        assert encode(small_corpus.dataset, SIZE, small_corpus.sources).digest == first.digest
    assert str(path) in caplog.text
    assert path.with_name(path.name + ".damaged-1").exists()


def test_a_file_whose_arrays_were_exchanged_is_set_aside(small_corpus: SmallCorpus) -> None:
    first = encode(small_corpus.dataset, SIZE, small_corpus.sources)
    (path,) = token_files(small_corpus)
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    arrays["test.labels"] = arrays["test.labels"][::-1]
    np.savez(path, **arrays)
    assert encode(small_corpus.dataset, SIZE, small_corpus.sources).digest == first.digest
    assert path.with_name(path.name + ".damaged-1").exists()


PROGRAM = """
import sys
from pathlib import Path
from harness.corpus.encoding import encode
from harness.corpus.sources import Sources
from harness.specification import Dataset, ModelSize
dataset, size = eval(sys.argv[1]), eval(sys.argv[2])
print(encode(dataset, size, Sources(Path(sys.argv[3]), Path(sys.argv[4]))).digest)
print([name for name in ("torch", "fastai", "spacy") if name in sys.modules])
"""


def command(corpus: SmallCorpus) -> list[str]:
    values = (corpus.dataset, SIZE, corpus.sources.cache, corpus.sources.folder)
    return [sys.executable, "-c", PROGRAM, *map(str, values)]


def test_a_cached_corpus_imports_neither_torch_nor_fastai(small_corpus: SmallCorpus) -> None:
    digest = encode(small_corpus.dataset, SIZE, small_corpus.sources).digest
    done = subprocess.run(command(small_corpus), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split("\n")[:2] == [digest, "[]"]


def test_two_processes_at_once_build_one_whole_file(small_corpus: SmallCorpus) -> None:
    running = [subprocess.Popen(command(small_corpus), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    results = [process.communicate(timeout=120)[0].split("\n") for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert results[0][0] == results[1][0] == encode(small_corpus.dataset, SIZE, small_corpus.sources).digest
    assert sorted(result[1] for result in results) == ["['torch', 'fastai', 'spacy']", "[]"]  # one built, one read


def test_the_summary_counts_what_is_there(small_corpus: SmallCorpus) -> None:
    corpus = encode(small_corpus.dataset, SIZE, small_corpus.sources)
    counts = summary(corpus)
    assert counts["train_documents"] == 68
    assert counts["language_model_documents"] + counts["language_model_validation_documents"] == 68
    assert counts["test_tokens"] == sum(len(document) for document in corpus.test.documents) > 12 * 7
    assert counts["vocabulary"] == len(corpus.vocabulary)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=5), max_size=5))
def test_documents_survive_packing(values: list[list[int]]) -> None:
    documents = [np.array(value, dtype=np.int64) for value in values]
    assert [document.tolist() for document in unpack(*pack(documents))] == values


def test_the_digest_of_arrays_tells_names_types_and_shapes_apart() -> None:
    values = np.arange(4, dtype=np.int64)
    variants = [{"a": values}, {"b": values}, {"a": values.astype(np.int32)}, {"a": values.reshape(2, 2)}]
    assert len({arrays_digest(variant) for variant in variants}) == 4
