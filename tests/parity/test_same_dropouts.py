"""Each dropout has the same probability, in the same place, in both implementations, and draws from its own seed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from parity.small_jobs import (
    CLASSES,
    SIZE,
    SOME_DROPOUT,
    WORDS,
    classifier_job,
    classifier_recipe,
    language_model_job,
    largest_distance,
    silent,
)
from torch import nn

from harness.scratch.awd_lstm import AwdLstm
from harness.scratch.models import Classifier, LanguageModel
from harness.specification import Dropouts
from harness.with_fastai import training as with_fastai

EACH_ITS_OWN = Dropouts(output=0.11, hidden=0.12, input=0.13, embedding=0.14, weight=0.15)
HEAD = 0.16


def in_our_encoder(encoder: AwdLstm) -> dict[str, float]:
    found = {
        "embedding": encoder.embedding.row_dropout.probability,
        "input": encoder.input_dropout.probability,
        "hidden": encoder.hidden_dropout.probability,
    }
    return found | {f"weight {n}": lstm.weight_dropout.probability for n, lstm in enumerate(encoder.layers)}


def in_their_encoder(encoder: nn.Module) -> dict[str, float]:
    (hidden,) = {dropout.p for dropout in encoder.hidden_dps}
    found = {"embedding": encoder.encoder_dp.embed_p, "input": encoder.input_dp.p, "hidden": hidden}
    return found | {f"weight {n}": lstm.weight_p for n, lstm in enumerate(encoder.rnns)}


def expected(dropouts: Dropouts) -> dict[str, float]:
    found = {"embedding": dropouts.embedding, "input": dropouts.input, "hidden": dropouts.hidden}
    return found | {f"weight {n}": dropouts.weight for n in range(SIZE.layers)}


def test_language_models_drop_the_same_with_the_same_probability() -> None:
    ours = LanguageModel(WORDS, SIZE, EACH_ITS_OWN)
    encoder, decoder = with_fastai.language_model(language_model_job(EACH_ITS_OWN)).model
    assert in_our_encoder(ours.encoder) == in_their_encoder(encoder) == expected(EACH_ITS_OWN)
    assert ours.output_dropout.probability == decoder.output_dp.p == EACH_ITS_OWN.output


def test_classifiers_drop_the_same_with_the_same_probability() -> None:
    recipe = replace(classifier_recipe(EACH_ITS_OWN), head_dropout=HEAD)
    ours = Classifier(WORDS, CLASSES, SIZE, recipe)
    encoder, head = with_fastai.classifier(replace(classifier_job(dropouts=EACH_ITS_OWN), recipe=recipe)).model
    assert in_our_encoder(ours.encoder) == in_their_encoder(encoder.module) == expected(EACH_ITS_OWN)
    theirs = [module.p for module in head.modules() if isinstance(module, nn.Dropout)]
    assert [ours.head.dropout_pooled.probability, ours.head.dropout_hidden.probability] == theirs
    assert theirs == [EACH_ITS_OWN.output, HEAD]


@pytest.mark.parametrize("seeds", [{"order": 1, "dropout": 3}, {"order": 6, "dropout": 2}], ids=["dropout", "order"])
def test_another_seed_gives_another_outcome_with_fastai(seeds: dict[str, int]) -> None:
    language_model, classifier = language_model_job(SOME_DROPOUT), classifier_job(dropouts=SOME_DROPOUT)
    there = with_fastai.fine_tune_language_model(replace(language_model, seeds=seeds), silent).weights
    assert largest_distance(there, with_fastai.fine_tune_language_model(language_model, silent).weights) > 1e-4
    there = with_fastai.fine_tune_classifier(replace(classifier, seeds=seeds), silent).weights
    assert largest_distance(there, with_fastai.fine_tune_classifier(classifier, silent).weights) > 1e-4
