"""The corpus as the models read it: arrays of token ids for each part, built once and then read from the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.corpus.cache import exclusive
from harness.corpus.kept_arrays import Arrays, arrays_digest, pack, read_arrays, unpack, write_arrays
from harness.corpus.load import load
from harness.corpus.sources import Sources
from harness.corpus.splits import Labelled, Splits, split
from harness.corpus.subsets import label_subset
from harness.corpus.tokens import tokenise, tokenizer_version
from harness.corpus.vocabulary import build_vocabulary, ids_of
from harness.specification import Dataset, ModelSize

__all__ = ["EncodedCorpus", "LabelledDocuments", "encode", "label_subset", "summary"]

TOKENS_SCHEMA = 1  # raise it whenever splitting, tokenising or the layout of the cached file changes

Ids = npt.NDArray[np.int64]
_LABELLED = ("train", "validation", "test")
_UNLABELLED = ("language_model", "language_model_validation")


@dataclass(frozen=True)
class LabelledDocuments:
    """``documents[i]``: token ids, shape (tokens,); ``labels``: index of the class, shape (documents,)."""

    documents: tuple[Ids, ...]
    labels: Ids


@dataclass(frozen=True)
class EncodedCorpus:
    """All parts as token ids.

    ``digest`` is the SHA-256 of every other field, ``vocabulary_digest`` that of the vocabulary alone;
    ``dropped`` counts the texts left out, by reason (see ``splits``).
    """

    vocabulary: tuple[str, ...]
    train: LabelledDocuments
    validation: LabelledDocuments
    test: LabelledDocuments
    language_model: tuple[Ids, ...]
    language_model_validation: tuple[Ids, ...]
    dropped: dict[str, int]
    vocabulary_digest: str
    digest: str


def encode(dataset: Dataset, size: ModelSize, sources: Sources) -> EncodedCorpus:
    """Split, tokenise and number the texts of a dataset, or read what an earlier call kept.

    Raises:
        CorpusError: when the texts cannot be obtained, are not the declared ones, or are too few.
    """
    path = sources.cache / "tokens" / f"{_cache_key(dataset, size)}.npz"
    with exclusive(path):
        arrays = read_arrays(path, _array_names())
        if arrays is None:
            arrays = _build(split(dataset, load(dataset, sources)), dataset, size)
            write_arrays(path, arrays)
    return _corpus(arrays)


def summary(corpus: EncodedCorpus) -> dict[str, int]:
    """Count documents and tokens of each part, entries of the vocabulary and texts left out."""
    counts = {"vocabulary": len(corpus.vocabulary), "dropped": sum(corpus.dropped.values())}
    parts = {name: getattr(corpus, name).documents for name in _LABELLED}
    parts |= {name: getattr(corpus, name) for name in _UNLABELLED}
    for name, documents in parts.items():
        counts[f"{name}_documents"] = len(documents)
        counts[f"{name}_tokens"] = sum(map(len, documents))
    return counts


def _cache_key(dataset: Dataset, size: ModelSize) -> str:
    parts = {
        "schema": TOKENS_SCHEMA,
        "content": dataset.digest,
        "classes": dataset.classes,
        "validation": dataset.validation,
        "test": dataset.test,
        "training_documents": dataset.training_documents,
        "language_model_documents": dataset.language_model_documents,
        "max_vocabulary": size.max_vocabulary,
        "min_frequency": size.min_frequency,
        "tokenizer": tokenizer_version(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _build(splits: Splits, dataset: Dataset, size: ModelSize) -> Arrays:
    labelled = {name: getattr(splits, name) for name in _LABELLED}
    parts = {name: tuple(text for text, _ in pairs) for name, pairs in labelled.items()}
    parts |= {name: getattr(splits, name) for name in _UNLABELLED}
    # Training texts are in the language model's part too: each is tokenised and counted once.
    training = dict.fromkeys((*parts["train"], *parts["language_model"]))
    texts = tuple(dict.fromkeys((*training, *(text for part in parts.values() for text in part))))
    documents, vocabulary = _numbered(texts, len(training), size)
    document_of = dict(zip(texts, documents, strict=True))
    arrays: Arrays = {"vocabulary": _json_bytes(vocabulary), "dropped": _json_bytes(splits.dropped)}
    for name, part in parts.items():
        arrays[f"{name}.ids"], arrays[f"{name}.offsets"] = pack([document_of[text] for text in part])
    for name, pairs in labelled.items():
        arrays[f"{name}.labels"] = _labels(pairs, dataset.classes)
    return arrays


def _numbered(texts: Sequence[str], training: int, size: ModelSize) -> tuple[list[Ids], tuple[str, ...]]:
    """Token ids of all texts, by a vocabulary that counts the first ``training`` texts alone."""
    tokenised = tokenise(texts)
    counts = np.zeros(len(tokenised.tokens), dtype=np.int64)
    for document in tokenised.documents[:training]:
        np.add.at(counts, document, 1)
    by_token = dict(zip(tokenised.tokens, counts.tolist(), strict=True))
    vocabulary = build_vocabulary(by_token, size.max_vocabulary, size.min_frequency)
    ids = ids_of(tokenised.tokens, vocabulary)
    return [ids[document] for document in tokenised.documents], vocabulary


def _labels(pairs: Labelled, classes: tuple[str, ...]) -> Ids:
    return np.array([classes.index(label) for _, label in pairs], dtype=np.int64)


def _array_names() -> frozenset[str]:
    packed = {f"{name}.{kind}" for name in (*_LABELLED, *_UNLABELLED) for kind in ("ids", "offsets")}
    return frozenset({"vocabulary", "dropped"} | packed | {f"{name}.labels" for name in _LABELLED})


def _corpus(arrays: Arrays) -> EncodedCorpus:
    documents = {name: unpack(arrays[f"{name}.ids"], arrays[f"{name}.offsets"]) for name in (*_LABELLED, *_UNLABELLED)}
    labelled = {name: LabelledDocuments(documents[name], arrays[f"{name}.labels"]) for name in _LABELLED}
    return EncodedCorpus(
        vocabulary=tuple(json.loads(arrays["vocabulary"].tobytes())),
        train=labelled["train"],
        validation=labelled["validation"],
        test=labelled["test"],
        language_model=documents["language_model"],
        language_model_validation=documents["language_model_validation"],
        dropped=json.loads(arrays["dropped"].tobytes()),
        vocabulary_digest=hashlib.sha256(arrays["vocabulary"].tobytes()).hexdigest(),
        digest=arrays_digest(arrays),
    )


def _json_bytes(value: object) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode("ascii"), dtype=np.uint8)
