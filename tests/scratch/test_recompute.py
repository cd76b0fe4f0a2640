"""Long documents whose chunks are encoded twice: less is kept, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from parity.small_jobs import (
    BPTT,
    CLASSES,
    SIZE,
    SOME_DROPOUT,
    WORDS,
    classifier_recipe,
    classifier_weights,
    documents,
)
from torch import Tensor

from harness.scratch import recompute
from harness.scratch.awd_lstm import AwdLstm
from harness.scratch.batches import whole_chunks
from harness.scratch.models import Classifier
from harness.scratch.recompute import chunks_to_forget
from harness.specification import ClassifierRecipe
from study.recipes import COMPACT, PAPER

LENGTHS = (6 * BPTT, 4 * BPTT, 3 * BPTT - 2, 5)  # the rows of six chunks: 1, 1, 2, 3, 3, 4; the last four are pooled
Step = tuple[dict[str, Tensor], Tensor, list[int]]


def classifier() -> Classifier:
    model = Classifier(WORDS, CLASSES, SIZE, classifier_recipe(SOME_DROPOUT))
    model.load_state_dict(classifier_weights())
    return model.train()


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Step]:
    """One training step that keeps so many tokens: gradients, the generator's state, the rows that were encoded."""

    def take(kept: int, training: bool = True) -> Step:
        encoded: list[int] = []
        plain = AwdLstm.forward

        def counted(self: AwdLstm, tokens: Tensor, *others: object) -> object:
            encoded.append(len(tokens))
            return plain(self, tokens, *others)  # type: ignore[arg-type]

        model, generator = classifier().train(training), torch.Generator().manual_seed(3)
        with monkeypatch.context() as patched:
            patched.setattr(recompute, "KEPT_TOKENS", kept)
            patched.setattr(AwdLstm, "forward", counted)
            logits, outputs = model(whole_chunks(documents(LENGTHS), BPTT), generator)
            torch.autograd.backward(logits.logsumexp(1).sum() + outputs.square().sum())
        gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
        return gradients, generator.get_state(), encoded

    return take


def test_a_step_that_keeps_little_has_the_gradients_of_one_that_keeps_all(step: Callable[..., Step]) -> None:
    whole, drawn, once = step(10_000)
    assert once == [1, 1, 2, 3, 3, 4]
    for kept, again in ((7 * BPTT, [3, 2]), (0, [3, 3, 2])):  # backwards, and only what is pooled has gradients
        gradients, state, encoded = step(kept)
        assert encoded == once + again
        assert torch.equal(state, drawn), "a later step would draw other masks"
        assert gradients.keys() == whole.keys()
        assert all(torch.equal(gradients[name], whole[name]) for name in whole)


def test_nothing_is_encoded_twice_in_evaluation(step: Callable[..., Step]) -> None:
    assert step(0, training=False)[2] == [1, 1, 2, 3, 3, 4]


def test_training_without_a_generator_is_refused_where_chunks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompute, "KEPT_TOKENS", 0)
    with pytest.raises(ValueError, match="needs a torch"):
        classifier()(whole_chunks(documents(LENGTHS), BPTT))


@pytest.mark.parametrize(("kept", "forgotten"), [(0, 2), (15, 2), (16, 1), (19, 1), (20, 0)])
def test_the_last_chunks_are_kept_as_far_as_there_is_room(
    kept: int, forgotten: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recompute, "KEPT_TOKENS", kept)
    assert chunks_to_forget((1, 2, 2), bptt=4) == forgotten


@pytest.mark.parametrize("recipe", [COMPACT.classifier, PAPER.classifier])
def test_a_batch_of_short_texts_is_kept_whole(recipe: ClassifierRecipe) -> None:
    assert chunks_to_forget((recipe.batch_size,), recipe.bptt) == 0
