"""The same weights and the same batch give the same logits, loss and gradients in both implementations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from parity.small_jobs import (
    BPTT,
    CLASSES,
    FIRST_WORD,
    SIZE,
    WORDS,
    classifier_job,
    distance,
    documents,
    language_model_job,
    precision,
)
from torch import Tensor, nn

from harness.scratch.batches import whole_chunks
from harness.scratch.models import Classifier, LanguageModel
from harness.with_fastai.conversion import fastai_names
from harness.with_fastai.training import classifier, language_model

# The longest document has a whole number of chunks, or not; some are longer than the four pooled chunks; in the
# fourth, documents of one chunk stand with longer ones whose last chunk is not full.
BATCHES = [
    (5, 3, 1),
    (BPTT, BPTT, 2),
    (23, 17, 16, 9),
    (19, 14, 10, 2),
    (64, 40, 33, 32, 8, 1),
    (61, 57, 20),
    (47,),
    (1,),
]
TOLERANCES = {torch.float32: (1e-5, 1e-4), torch.float64: (1e-10, 1e-9)}


@pytest.fixture(params=list(TOLERANCES), ids=str)
def dtype(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    with precision(request.param):
        yield request.param


@pytest.fixture
def classifiers(dtype: torch.dtype) -> tuple[Classifier, nn.Module]:
    job = classifier_job()
    ours = Classifier(WORDS, CLASSES, SIZE, job.recipe)
    ours.load_state_dict(job.start)
    assert ours.head.output.weight.dtype == dtype
    return ours, classifier(job).model


@pytest.fixture
def language_models(dtype: torch.dtype) -> tuple[LanguageModel, nn.Module]:
    job = language_model_job()
    ours = LanguageModel(WORDS, SIZE, job.recipe.dropouts)
    ours.load_state_dict(job.start)
    assert ours.decoder_bias.dtype == dtype
    return ours, language_model(job).model


def gradient_distance(ours: nn.Module, theirs: nn.Module) -> float:
    parameters = dict(theirs.named_parameters())
    pairs = [
        (parameter, next(parameters[name] for name in fastai_names(theirs)[ours_name] if name in parameters))
        for ours_name, parameter in ours.named_parameters()
    ]
    gradients = [(left.grad, right.grad) for left, right in pairs]
    return max(distance(left, right) for left, right in gradients if left is not None and right is not None)


def batch_of(lengths: tuple[int, ...], *, backward: bool) -> Tensor:
    texts = documents(lengths, seed=sum(lengths))
    return whole_chunks([text[::-1].copy() if backward else text for text in texts], BPTT)


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("lengths", BATCHES, ids=str)
def test_classifier_logits_and_loss_are_the_same(
    lengths: tuple[int, ...], backward: bool, classifiers: tuple[Classifier, nn.Module], dtype: torch.dtype
) -> None:
    ours, theirs = classifiers[0].eval(), classifiers[1].eval()
    tokens = batch_of(lengths, backward=backward)
    labels = torch.arange(len(lengths)) % CLASSES
    left, right = ours(tokens)[0], theirs(tokens)[0]
    assert left.shape == (len(lengths), CLASSES)
    assert distance(left, right) <= TOLERANCES[dtype][0]
    losses = [nn.functional.cross_entropy(logits, labels) for logits in (left, right)]
    assert distance(*losses) <= TOLERANCES[dtype][0]


@pytest.mark.parametrize("lengths", [batch for batch in BATCHES if len(batch) > 1], ids=str)
def test_classifier_gradients_are_the_same(
    lengths: tuple[int, ...], classifiers: tuple[Classifier, nn.Module], dtype: torch.dtype
) -> None:
    ours, theirs = classifiers[0].train(), classifiers[1].train()
    tokens, labels = batch_of(lengths, backward=False), torch.arange(len(lengths)) % CLASSES
    generator = torch.Generator()
    for logits in (ours(tokens, generator)[0], theirs(tokens)[0]):
        torch.autograd.backward(nn.functional.cross_entropy(logits, labels))
    assert all(parameter.grad is not None for parameter in ours.parameters())
    assert gradient_distance(ours, theirs) <= TOLERANCES[dtype][1]


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (4, BPTT), (7, 19)], ids=str)
def test_language_model_logits_states_and_gradients_are_the_same(
    shape: tuple[int, int], training: bool, language_models: tuple[LanguageModel, nn.Module], dtype: torch.dtype
) -> None:
    ours, theirs = language_models[0].train(training), language_models[1].train(training)
    theirs.reset()  # type: ignore[operator]
    stream = torch.randint(FIRST_WORD, WORDS, (3, *shape), generator=torch.Generator().manual_seed(shape[1]))
    state, generator = ours.encoder.initial_state(shape[0]), torch.Generator()
    for tokens in stream:
        left, raw, dropped, state = ours(tokens, state, generator)
        right, their_raw, their_dropped = theirs(tokens)
        assert distance(left, right) <= TOLERANCES[dtype][0]
        assert distance(raw, their_raw) <= TOLERANCES[dtype][0]
        assert distance(dropped, their_dropped) <= TOLERANCES[dtype][0]
        for logits in (left, right):
            torch.autograd.backward(nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten()))
    assert all(parameter.grad is not None for parameter in ours.parameters())
    assert gradient_distance(ours, theirs) <= TOLERANCES[dtype][1]


def test_a_single_changed_weight_changes_the_logits(classifiers: tuple[Classifier, nn.Module]) -> None:
    ours, theirs = classifiers[0].eval(), classifiers[1].eval()
    tokens = batch_of((23, 17, 9), backward=False)
    with torch.no_grad():
        ours.encoder.get_submodule("layers.1").get_parameter("weight_hh")[3, 5] += 1.0
    assert distance(ours(tokens)[0], theirs(tokens)[0]) > 1e-4
