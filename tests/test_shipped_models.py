"""The language models in the repository are what the study declares, whole, small, and told of truly."""

from __future__ import annotations

import hashlib
import json

import pytest

from harness.campaign import MODELS
from harness.language_models import shipped_model
from harness.specification import Recipe, ShippedModel
from harness.weights import EMBEDDING
from study.__main__ import STUDY
from study.pretraining import SHORTER

MOST_BYTES = 12 * 2**20
WORDS = "76a0c26983ceac9ef62508680c7fd6c5561438b5ee25da114ee7e4c858028e52"  # SHA-256 of the words, a line each
RECIPES = {sweep.recipe.name: sweep.recipe for profile in STUDY.profiles.values() for sweep in profile.sweeps}
PRETRAINED = [recipe for recipe in RECIPES.values() if isinstance(recipe.general, ShippedModel)]


def shipped(recipe: Recipe) -> ShippedModel:
    assert isinstance(recipe.general, ShippedModel)
    return recipe.general


SHIPPING = [recipe for recipe in PRETRAINED if shipped(recipe).name not in {shorter.name for shorter in SHORTER}]


def test_recipes_start_from_shipped_models_of_both_directions() -> None:
    assert {recipe.direction for recipe in SHIPPING} == {"forward", "backward"}


@pytest.mark.parametrize("recipe", SHIPPING, ids=lambda recipe: recipe.name)
def test_the_model_is_there_with_the_declared_digest_and_size(recipe: Recipe) -> None:
    model = shipped(recipe)
    weights = shipped_model(model, ("xxunk", "xxpad", "xxbos", "the", "film"), MODELS)
    assert weights[EMBEDDING].shape == (5, recipe.size.embedding)
    layers = [weights[f"encoder.layers.{layer}.weight_hh"].shape for layer in range(recipe.size.layers)]
    units = [recipe.size.hidden] * (recipe.size.layers - 1) + [recipe.size.embedding]
    assert layers == [(4 * width, width) for width in units]
    assert (MODELS / f"{model.name}.safetensors").stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("recipe", SHIPPING, ids=lambda recipe: recipe.name)
def test_the_words_beside_it_are_those_it_was_trained_with_in_their_order(recipe: Recipe) -> None:
    words = json.loads((MODELS / f"{shipped(recipe).name}.vocabulary.json").read_text(encoding="utf-8"))
    assert hashlib.sha256("\n".join(words).encode()).hexdigest() == WORDS


@pytest.mark.parametrize("recipe", PRETRAINED, ids=lambda recipe: recipe.name)
def test_its_record_tells_of_these_weights_and_of_the_declared_pre_training(recipe: Recipe) -> None:
    model = shipped(recipe)
    record = json.loads((MODELS / f"{model.name}.json").read_text(encoding="utf-8"))
    assert record["digest"] == model.digest
    assert record["recipe"] == json.loads(json.dumps(STUDY.pretraining[model.name].facts()))
    assert record["recipe"]["direction"] == recipe.direction
    assert record["tokens"] == record["steps"] * STUDY.pretraining[model.name].step_tokens
    assert not record["environment"]["modified"]
