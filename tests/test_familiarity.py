"""Whether a shipped language model knows the words of a text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_study import RECIPE

from harness.corpus.texts import CorpusError
from harness.familiarity import familiarity, known_share
from harness.specification import ShippedModel

READS = replace(RECIPE, general=ShippedModel("small", "0" * 64))


def models(folder: Path, *words: str) -> Path:
    (folder / "small.vocabulary.json").write_text(json.dumps(["xxunk", "xxpad", "xxbos", "xxmaj", *words]))
    return folder


def test_every_word_and_sign_counts_as_often_as_it_stands_there_and_special_tokens_do_not() -> None:
    assert known_share(["The cat saw the dog.", "A cat"], ["xxbos", "xxmaj", "the", "cat"]) == pytest.approx(4 / 8)
    assert known_share(["这部电影很好看。"], ["xxbos", "the"]) == 0
    assert known_share([], ["the"]) == 0


def test_little_that_is_known_is_warned_of(tmp_path: Path) -> None:
    folder = models(tmp_path, "the", "cat", "saw", ".")
    assert familiarity(READS, ["The cat saw the cat."], folder) == (
        "100 % of the texts' words and signs are known to the language model small",
    )
    share, warning = familiarity(READS, ["The dog saw a cat."], folder)
    assert share.startswith("67 % ")
    assert warning.startswith("it has read English: ")


def test_a_recipe_without_a_shipped_model_has_nothing_to_say_and_a_missing_vocabulary_is_named(tmp_path: Path) -> None:
    assert familiarity(RECIPE, ["The cat"], tmp_path) == ()
    with pytest.raises(CorpusError, match=r"small\.vocabulary\.json: cannot be read"):
        familiarity(READS, ["The cat"], tmp_path)
