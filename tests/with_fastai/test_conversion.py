"""Weights go to fastai's models and back without a changed bit, or are refused."""

from __future__ import annotations

import pytest
import torch
from fastai.text.models.awdlstm import AWD_LSTM
from fastai.text.models.core import get_language_model, get_text_classifier
from parity.small_jobs import (
    BPTT,
    CLASSES,
    NO_DROPOUT,
    SIZE,
    SOME_DROPOUT,
    WORDS,
    classifier_recipe,
    classifier_weights,
    distance,
    documents,
    language_model_weights,
)
from torch import nn

from harness.scratch.batches import whole_chunks
from harness.scratch.models import Classifier, LanguageModel
from harness.specification import Dropouts
from harness.weights import EMBEDDING, Weights, WeightsError
from harness.with_fastai.conversion import fastai_names, load_into, read_from
from harness.with_fastai.training import architecture

DROPOUTS = [pytest.param(NO_DROPOUT, id="without-dropout"), pytest.param(SOME_DROPOUT, id="with-dropout")]


def language_model(dropouts: Dropouts) -> nn.Module:
    config = architecture(SIZE, dropouts) | {"tie_weights": True, "out_bias": True}
    model: nn.Module = get_language_model(AWD_LSTM, WORDS, config=config)
    return model


def classifier(dropouts: Dropouts) -> nn.Module:
    recipe = classifier_recipe(dropouts)
    sizes = {
        "seq_len": BPTT,
        "max_len": recipe.max_length,
        "lin_ftrs": [recipe.head_hidden],
        "ps": [recipe.head_dropout],
    }
    model: nn.Module = get_text_classifier(AWD_LSTM, WORDS, CLASSES, config=architecture(SIZE, dropouts), **sizes)
    return model


def assert_same_bits(left: Weights, right: Weights) -> None:
    assert set(left) == set(right)
    for name, tensor in left.items():
        assert tensor.dtype == right[name].dtype
        assert torch.equal(tensor, right[name]), name


@pytest.mark.parametrize("dropouts", DROPOUTS)
def test_language_model_weights_come_back_unchanged(dropouts: Dropouts) -> None:
    model, weights = language_model(dropouts), language_model_weights()
    load_into(model, weights)
    assert_same_bits(read_from(model), weights)


@pytest.mark.parametrize("dropouts", DROPOUTS)
def test_classifier_weights_come_back_unchanged(dropouts: Dropouts) -> None:
    model, weights = classifier(dropouts), classifier_weights()
    load_into(model, weights)
    assert_same_bits(read_from(model), weights)


@pytest.mark.parametrize("dropouts", DROPOUTS)
@pytest.mark.parametrize("make", [language_model, classifier])
def test_every_entry_of_a_fastai_model_has_exactly_one_of_our_names(make: object, dropouts: Dropouts) -> None:
    model = language_model(dropouts) if make is language_model else classifier(dropouts)
    theirs = [name for names in fastai_names(model).values() for name in names]
    assert sorted(theirs) == sorted(model.state_dict())


def test_a_new_fastai_language_model_gives_the_same_logits_from_scratch() -> None:
    theirs, ours = language_model(SOME_DROPOUT).eval(), LanguageModel(WORDS, SIZE, SOME_DROPOUT).eval()
    ours.load_state_dict(read_from(theirs))
    tokens = torch.randint(9, WORDS, (3, 11), generator=torch.Generator().manual_seed(0))
    theirs.reset()  # type: ignore[operator]
    assert distance(ours(tokens, ours.encoder.initial_state(3))[0], theirs(tokens)[0]) <= 1e-5


def test_a_new_fastai_classifier_gives_the_same_logits_from_scratch() -> None:
    theirs, ours = classifier(SOME_DROPOUT).eval(), Classifier(WORDS, CLASSES, SIZE, classifier_recipe()).eval()
    ours.load_state_dict(read_from(theirs))
    tokens = whole_chunks(documents([21, 14, 3]), BPTT)
    assert distance(ours(tokens)[0], theirs(tokens)[0]) <= 1e-5


def test_the_two_biases_of_a_layer_keep_their_places() -> None:
    """Their sum alone acts in the forward pass, so no comparison of logits would notice an exchange."""
    model, weights = language_model(NO_DROPOUT), language_model_weights()
    load_into(model, weights)
    for name in ("bias_ih", "bias_hh"):
        stored = model.get_parameter(f"0.rnns.1.module.{name}_l0")
        assert torch.equal(stored.detach(), weights[f"encoder.layers.1.{name}"])


def test_what_is_read_is_a_copy_and_what_is_loaded_is_too() -> None:
    model, weights = language_model(NO_DROPOUT), language_model_weights()
    load_into(model, weights)
    read = read_from(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert_same_bits(read, weights)
    assert bool(weights[EMBEDDING].any())


def test_the_loaded_decoder_is_still_tied_to_the_embedding() -> None:
    model = language_model(NO_DROPOUT)
    load_into(model, language_model_weights())
    parameters = dict(model.named_parameters(remove_duplicate=False))
    assert parameters["0.encoder.weight"] is parameters["1.decoder.weight"]
    assert parameters["0.encoder.weight"] is parameters["0.encoder_dp.emb.weight"]


def test_missing_and_unknown_names_are_refused_by_name() -> None:
    weights = language_model_weights()
    del weights["decoder_bias"]
    with pytest.raises(WeightsError, match="decoder_bias"):
        load_into(language_model(NO_DROPOUT), weights)
    with pytest.raises(WeightsError, match=r"head\.surplus"):
        load_into(classifier(NO_DROPOUT), classifier_weights() | {"head.surplus": torch.zeros(1)})


def test_wrong_shapes_are_refused() -> None:
    weights = language_model_weights()
    weights["encoder.layers.1.weight_hh"] = weights["encoder.layers.1.weight_hh"][:, :-1]
    with pytest.raises(WeightsError, match=r"size mismatch for 0\.rnns\.1\.weight_hh_l0_raw"):
        load_into(language_model(NO_DROPOUT), weights)
