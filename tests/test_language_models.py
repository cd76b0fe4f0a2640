"""Stages 1 and 2: what a language model is made from, and where it is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny_study import CODES, LAST, RECIPE, TUNED, Tiny, as_in_a_worker, measured, tiny

from harness import language_models
from harness.corpus.encoding import encode
from harness.corpus.load import load as load_texts
from harness.corpus.splits import split
from harness.engine import Engine
from harness.jobs import LanguageModelJob, LanguageModelOutcome, Report
from harness.language_models import make_product, shipped_model
from harness.scratch import training as scratch
from harness.specification import Hardware, LanguageModelArm, LanguageModelRecipe, Recipe, ShippedModel
from harness.tasks import GeneralModel, TargetModel, product_key
from harness.weights import (
    DECODER_BIAS,
    EMBEDDING,
    WeightsError,
    initial_language_model,
    load,
    save,
    weights_digest,
)
from harness.workplace import Workplace

OLD_WORDS = ("xxunk", "xxpad", "led", "king", "river", "nowhere", "land", "xxbos")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def place(world: Tiny, tmp_path: Path) -> Workplace:
    return replace(world.place(tmp_path / "store"), models=tmp_path)


@pytest.fixture(autouse=True)
def _as_in_a_worker(place: Workplace) -> Iterator[None]:
    with as_in_a_worker(Engine(place)):
        yield


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[LanguageModelJob]:
    """The language model jobs that reach the implementation from scratch."""
    seen: list[LanguageModelJob] = []
    original = scratch.fine_tune_language_model

    def spy(job: LanguageModelJob, report: Report) -> LanguageModelOutcome:
        seen.append(job)
        return original(job, report)

    monkeypatch.setattr(scratch, "fine_tune_language_model", spy)
    return seen


def silent(_fraction: float, _message: str) -> None:
    """Report nothing."""


def target(world: Tiny, repetition: int = 0, recipe: Recipe = RECIPE) -> TargetModel:
    return TargetModel(world.dataset, recipe, "torch", TUNED, repetition)


def ship(folder: Path, name: str = "shipped") -> ShippedModel:
    """Write a small shipped model, with half-precision weights as a repository would keep them."""
    weights = initial_language_model(len(OLD_WORDS), RECIPE.size, seed=7)
    weights[DECODER_BIAS] = torch.arange(len(OLD_WORDS), dtype=torch.float32)
    halves = {key: tensor.half() for key, tensor in weights.items()}
    save(halves, folder / f"{name}.safetensors", {})
    (folder / f"{name}.vocabulary.json").write_text(json.dumps(OLD_WORDS), encoding="utf-8")
    return ShippedModel(name, weights_digest(halves))


def test_a_general_model_is_kept_under_its_key_with_the_facts_of_its_making(world: Tiny, place: Workplace) -> None:
    stage = GeneralModel(world.dataset, RECIPE)
    make_product(stage, place, silent)
    weights, facts = load(place.store.product_path(product_key(stage, Hardware())))
    corpus = encode(world.dataset, RECIPE.size, place.sources)
    assert weights[EMBEDDING].shape == (len(corpus.vocabulary), 8)
    assert (facts["corpus"], facts["vocabulary"]) == (corpus.digest, corpus.vocabulary_digest)
    assert float(str(facts["perplexity"])) < 0.8 * float(str(facts["perplexity_before"]))
    assert float(str(facts["perplexity_before"])) == pytest.approx(len(corpus.vocabulary), rel=0.1)
    assert [loss > 0 for loss in facts["losses"]] == [True] * 3  # type: ignore[attr-defined]


def test_a_target_model_starts_from_the_general_one_and_adds_to_it(
    world: Tiny, place: Workplace, jobs: list[LanguageModelJob]
) -> None:
    general, stage = GeneralModel(world.dataset, RECIPE), target(world)
    make_product(general, place, silent)
    make_product(stage, place, silent)
    before, general_facts = load(place.store.product_path(product_key(general, Hardware())))
    after, facts = load(place.store.product_path(product_key(stage, Hardware())))
    assert weights_digest(jobs[1].start) == weights_digest(before) != weights_digest(after)
    assert facts["perplexity_before"] == general_facts["perplexity"]
    assert (jobs[1].arm, jobs[1].recipe) == (TUNED, RECIPE.target)


def test_a_target_model_without_its_general_one_is_refused_by_path(world: Tiny, place: Workplace) -> None:
    general = place.store.product_path(product_key(GeneralModel(world.dataset, RECIPE), Hardware()))
    with pytest.raises(WeightsError, match=re.escape(str(general))):
        make_product(target(world), place, silent)


def test_a_general_model_that_diverges_is_an_error_and_leaves_no_product(world: Tiny, place: Workplace) -> None:
    assert isinstance(RECIPE.general, LanguageModelRecipe)
    hot = replace(RECIPE, general=replace(RECIPE.general, base_rate=1e30))
    with pytest.raises(FloatingPointError, match=r"diverged.*lower the base rate .* 'tiny'"):
        make_product(GeneralModel(world.dataset, hot), place, silent)
    assert not place.store.has_product(product_key(GeneralModel(world.dataset, hot), Hardware()))


def test_whatever_makes_a_model_is_in_its_key_and_nothing_else(world: Tiny) -> None:
    stage = target(world)
    same = replace(stage, dataset=replace(world.dataset, name="other", title="Other", labels=3))
    assert product_key(same, Hardware("cuda:1")) == product_key(stage, Hardware("cuda:0"))
    others = [
        replace(stage, repetition=1),
        replace(stage, implementation="fastai"),
        replace(stage, arm=LanguageModelArm(TUNED.name, "stlr", 1.0)),
        replace(stage, recipe=replace(RECIPE, direction="backward")),
        replace(stage, recipe=replace(RECIPE, size=replace(RECIPE.size, hidden=13))),
        replace(stage, recipe=replace(RECIPE, general=ShippedModel("shipped", "0" * 64))),
        replace(stage, dataset=replace(world.dataset, digest="0" * 64)),
        replace(stage, dataset=replace(world.dataset, validation=21)),
    ]
    keys = {product_key(one, Hardware()) for one in (stage, *others)}
    assert len(keys) == 1 + len(others)
    assert product_key(stage, Hardware("cuda")) not in keys


def test_no_validation_or_test_text_reaches_the_language_model(
    world: Tiny, place: Workplace, jobs: list[LanguageModelJob]
) -> None:
    for stage in (GeneralModel(world.dataset, RECIPE), target(world)):
        make_product(stage, place, silent)
    vocabulary = encode(world.dataset, RECIPE.size, place.sources).vocabulary
    parts = split(world.dataset, load_texts(world.dataset, place.sources))
    training = [code for text, _ in parts.train for code in CODES if f" {code} " in text]
    assert len(jobs) == 2
    for job in jobs:
        read = [vocabulary[word] for document in (*job.documents, *job.validation) for word in document]
        assert sorted(word for word in read if word in CODES) == sorted(training)
        assert "xxunk" not in read  # as the word of its own of a text that is held out would come out
        assert read.count("xxbos") == len(training) == 70


def test_a_shipped_model_is_carried_over_word_by_word(world: Tiny, place: Workplace) -> None:
    shipped = ship(place.models)
    stage = GeneralModel(world.dataset, replace(RECIPE, general=shipped))
    make_product(stage, place, silent)
    weights, facts = load(place.store.product_path(product_key(stage, Hardware())))
    kept, _ = load(place.models / "shipped.safetensors")
    vocabulary = encode(world.dataset, RECIPE.size, place.sources).vocabulary
    assert facts == {"shipped": "shipped"}
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    for word in ("king", "river", "xxbos"):
        row, old = vocabulary.index(word), OLD_WORDS.index(word)
        assert torch.equal(weights[EMBEDDING][row], kept[EMBEDDING][old].float())
        assert weights[DECODER_BIAS][row] == old
    assert torch.allclose(weights[EMBEDDING][vocabulary.index("who")], kept[EMBEDDING].float().mean(dim=0))
    assert weights[DECODER_BIAS][vocabulary.index("who")] == pytest.approx(3.5)
    assert torch.equal(weights["encoder.layers.0.weight_hh"], kept["encoder.layers.0.weight_hh"].float())


def test_cells_start_from_the_shipped_model(world: Tiny, place: Workplace, jobs: list[LanguageModelJob]) -> None:
    recipe = replace(RECIPE, name="tiny-shipped", general=ship(place.models))
    last, tuned = measured(place, world.cell(LAST, recipe=recipe), world.cell(recipe=recipe))
    general, _ = load(place.store.product_path(product_key(GeneralModel(world.dataset, recipe), Hardware())))
    assert [weights_digest(job.start) for job in jobs] == [weights_digest(general)]  # and none was pre-trained
    assert last.inputs.start != tuned.inputs.start


def test_a_changed_shipped_model_is_refused_with_both_digests(place: Workplace) -> None:
    shipped = ship(place.models)
    path = place.models / "shipped.safetensors"
    weights, _ = load(path)
    weights[DECODER_BIAS][0] = 1
    save(weights, path, {})
    with pytest.raises(WeightsError) as caught:
        shipped_model(shipped, OLD_WORDS, place.models)
    for part in (str(path), weights_digest(weights), shipped.digest):
        assert part in str(caught.value)


def test_a_shipped_model_that_is_not_whole_is_named(place: Workplace) -> None:
    shipped = ship(place.models)
    (place.models / "shipped.vocabulary.json").write_text('["xxunk", ', encoding="utf-8")
    with pytest.raises(WeightsError, match=r"shipped\.vocabulary\.json: cannot be read"):
        shipped_model(shipped, OLD_WORDS, place.models)
    (place.models / "shipped.vocabulary.json").write_text('["xxunk"]', encoding="utf-8")
    with pytest.raises(WeightsError, match="1 words but the embedding 8 rows"):
        shipped_model(shipped, OLD_WORDS, place.models)
    (place.models / "shipped.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"shipped\.safetensors: cannot be read"):
        shipped_model(shipped, OLD_WORDS, place.models)


def test_a_file_without_a_header_is_judged_by_its_declared_digest(place: Workplace) -> None:
    weights = initial_language_model(len(OLD_WORDS), RECIPE.size, seed=7)
    save_file(weights, str(place.models / "plain.safetensors"))
    (place.models / "plain.vocabulary.json").write_text(json.dumps(OLD_WORDS), encoding="utf-8")
    with pytest.raises(WeightsError, match="expected"):
        language_models.shipped_model(ShippedModel("plain", "0" * 64), OLD_WORDS, place.models)
