"""Dividing the texts of a dataset into parts that share no text.

Every choice goes by the SHA-256 of the text, so it depends on neither the order of the files nor a seed.
Texts count as the same when they differ in white space only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from harness.corpus.subsets import stratified_order
from harness.corpus.texts import CorpusError, RawTexts, normalise
from harness.specification import Dataset

HELD_OUT_FRACTION = 0.05  # of the language-model documents, for perplexity only

TRAIN_IN_TEST = "training texts that are also test texts"
TRAIN_REPEATED = "training texts that repeat an earlier one"
TRAIN_CONTRADICTED = "training texts that repeat an earlier one with another label"
UNLABELLED_HELD_OUT = "unlabelled texts that are also test or validation texts"
UNLABELLED_REPEATED = "unlabelled texts that repeat an earlier or a training text"

Labelled = tuple[tuple[str, str], ...]  # (text, class)


@dataclass(frozen=True)
class Splits:
    """The parts of a dataset, and how many texts were left out for which reason.

    No test or validation text is in any other part. ``language_model`` holds training and unlabelled texts,
    in hash order; ``language_model_validation`` those held out of it to measure perplexity.
    """

    train: Labelled
    validation: Labelled
    test: Labelled
    language_model: tuple[str, ...]
    language_model_validation: tuple[str, ...]
    dropped: dict[str, int]


def split(dataset: Dataset, raw: RawTexts) -> Splits:
    """Deduplicate the texts and divide them as the dataset declares.

    Raises:
        CorpusError: when a part would need more texts than there are.
    """
    dropped = dict.fromkeys(
        (TRAIN_IN_TEST, TRAIN_REPEATED, TRAIN_CONTRADICTED, UNLABELLED_HELD_OUT, UNLABELLED_REPEATED), 0
    )
    train = _deduplicated(raw.train, _keys(raw.test or ()), dropped)
    test, train = _test_part(dataset, raw.test, train)
    validation, train = _carve(dataset, train, dataset.validation, "validation")
    if dataset.training_documents is not None:
        train, _ = _carve(dataset, train, dataset.training_documents, "training")
    if not train:
        raise CorpusError(f"{dataset.name}: no training text is left. Lower `validation` or `test`.")
    # All official test texts stay out, also those that a smaller sample leaves unused.
    held_out = _keys(validation) | _keys(test) | _keys(raw.test or ())
    unlabelled = _unlabelled(raw.unlabelled, held_out, _keys(train), dropped)
    documents = _language_model_documents(dataset, [text for text, _ in train] + unlabelled)
    if not held_out.isdisjoint(map(normalise, documents)):
        raise CorpusError(f"{dataset.name}: a test or validation text reached the language model; this is a defect.")
    count = max(1, round(HELD_OUT_FRACTION * len(documents)))
    return Splits(train, validation, test, documents[count:], documents[:count], dropped)


def _keys(pairs: Labelled) -> set[str]:
    return {normalise(text) for text, _ in pairs}


def _rank(purpose: str, text: str) -> str:
    """Hash that orders texts; the purpose makes the choices for different parts independent of each other."""
    return hashlib.sha256(f"{purpose}\0{normalise(text)}".encode("utf-8", "surrogatepass")).hexdigest()


def _deduplicated(pairs: Labelled, test: Collection[str], dropped: dict[str, int]) -> Labelled:
    kept: dict[str, tuple[str, str]] = {}
    for text, label in pairs:
        key = normalise(text)
        if key in test:
            dropped[TRAIN_IN_TEST] += 1
        elif key not in kept:
            kept[key] = (text, label)
        elif kept[key][1] == label:
            dropped[TRAIN_REPEATED] += 1
        else:
            dropped[TRAIN_CONTRADICTED] += 1
    return tuple(kept.values())


def _test_part(dataset: Dataset, official: Labelled | None, train: Labelled) -> tuple[Labelled, Labelled]:
    if official is None:
        if dataset.test is None:
            raise CorpusError(f"{dataset.name}: there is no official test part. Declare a number of `test` documents.")
        return _carve(dataset, train, dataset.test, "test")
    if dataset.test is None:
        return official, train
    return _carve(dataset, official, dataset.test, "test")[0], train


def _carve(dataset: Dataset, pairs: Labelled, count: int, part: str) -> tuple[Labelled, Labelled]:
    """``count`` of the pairs, in proportion to the classes, and the rest; both in their original order."""
    if not 1 <= count <= len(pairs):
        raise CorpusError(f"{dataset.name}: {count} {part} documents declared, {len(pairs)} texts to take them from.")
    labels = np.array([dataset.classes.index(label) for _, label in pairs], dtype=np.int64)
    by_hash = sorted(range(len(pairs)), key=lambda index: (_rank(part, pairs[index][0]), pairs[index][1]))
    chosen = set(stratified_order(labels, by_hash)[:count].tolist())
    taken = tuple(pair for index, pair in enumerate(pairs) if index in chosen)
    return taken, tuple(pair for index, pair in enumerate(pairs) if index not in chosen)


def _unlabelled(
    texts: Sequence[str], held_out: Collection[str], train: Collection[str], dropped: dict[str, int]
) -> list[str]:
    kept: dict[str, str] = {}
    for text in texts:
        key = normalise(text)
        if key in held_out:
            dropped[UNLABELLED_HELD_OUT] += 1
        elif key in kept or key in train:
            dropped[UNLABELLED_REPEATED] += 1
        else:
            kept[key] = text
    return list(kept.values())


def _language_model_documents(dataset: Dataset, texts: Sequence[str]) -> tuple[str, ...]:
    limit = len(texts) if dataset.language_model_documents is None else dataset.language_model_documents
    if not 2 <= limit <= len(texts):
        raise CorpusError(
            f"{dataset.name}: {limit} language-model documents, of {len(texts)} that are not held out; at least 2 are "
            "needed. Correct `language_model_documents`, `validation` or `test`."
        )
    return tuple(sorted(texts, key=lambda text: _rank("language model", text))[:limit])
