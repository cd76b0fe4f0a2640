from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_record import RECIPE
from torch import Tensor

from harness.specification import ModelSize
from harness.weights import (
    DECODER_BIAS,
    EMBEDDING,
    Weights,
    WeightsError,
    encoder_only,
    initial_head,
    initial_language_model,
    load,
    match_vocabulary,
    save,
    weights_digest,
)

SETTINGS = settings(derandomize=True, deadline=None, max_examples=20)
SIZE = ModelSize(embedding=20, hidden=40, layers=3, max_vocabulary=100)
WORDS = [f"word-{number}" for number in range(60)]


def a_model(seed: int = 1) -> Weights:
    weights = initial_language_model(len(WORDS), SIZE, seed)
    return weights | {DECODER_BIAS: torch.linspace(-1, 1, len(WORDS))}


def same(left: Weights, right: Weights) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_initial_weights_have_the_shapes_of_the_architecture() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in initial_language_model(60, SIZE, 1).items()}
    assert shapes[EMBEDDING] == (60, 20)
    assert shapes[DECODER_BIAS] == (60,)
    assert shapes["encoder.layers.0.weight_ih"] == (160, 20)
    assert shapes["encoder.layers.1.weight_hh"] == (160, 40)
    assert shapes["encoder.layers.2.weight_ih"] == (80, 40)  # the last layer is as wide as the embedding
    assert shapes["encoder.layers.2.bias_hh"] == (80,)
    assert len(shapes) == 2 + 3 * 4


def test_initial_weights_fill_their_uniform_range_and_no_more() -> None:
    weights = initial_language_model(60, SIZE, 1)
    bounds = {EMBEDDING: 0.1, "encoder.layers.0.weight_ih": 1 / math.sqrt(40), "encoder.layers.2.weight_hh": 20**-0.5}
    for name, bound in bounds.items():
        assert 0.95 * bound < float(weights[name].abs().max()) <= bound
        assert abs(float(weights[name].mean())) < 0.1 * bound
        assert float(weights[name].std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
    assert not weights[DECODER_BIAS].any()


def test_the_initial_head_has_torchs_linear_range_and_fastais_batch_norm() -> None:
    head = initial_head(20, 3, RECIPE.classifier, 1)
    hidden, output = head["head.hidden.weight"], head["head.output.weight"]
    assert (hidden.shape, output.shape) == ((50, 60), (3, 50))
    assert 0.95 / math.sqrt(60) < float(hidden.abs().max()) <= 1 / math.sqrt(60)
    assert float(output.abs().max()) <= 1 / math.sqrt(50)
    assert torch.equal(head["head.norm_pooled.bias"], torch.full((60,), 1e-3))
    assert torch.equal(head["head.norm_hidden.weight"], torch.ones(50))


def test_initial_weights_follow_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first, head = initial_language_model(60, SIZE, 5), initial_head(20, 3, RECIPE.classifier, 5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert same(first, initial_language_model(60, SIZE, 5))
    assert same(head, initial_head(20, 3, RECIPE.classifier, 5))
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(first[EMBEDDING], initial_language_model(60, SIZE, 6)[EMBEDDING])


def test_a_classifier_starts_from_the_encoder_alone() -> None:
    assert set(a_model()) - set(encoder_only(a_model())) == {DECODER_BIAS}


def test_known_words_keep_their_row_and_new_ones_get_the_mean() -> None:
    weights = a_model()
    matched = match_vocabulary(weights, WORDS, ["new", "word-7", "word-0", "other"])
    assert torch.equal(matched[EMBEDDING][1:3], weights[EMBEDDING][[7, 0]])
    assert torch.equal(matched[DECODER_BIAS][1:3], weights[DECODER_BIAS][[7, 0]])
    for row in (0, 3):
        assert torch.equal(matched[EMBEDDING][row], weights[EMBEDDING].mean(dim=0))
        assert torch.equal(matched[DECODER_BIAS][row], weights[DECODER_BIAS].mean())
    untouched = set(weights) - {EMBEDDING, DECODER_BIAS}
    assert all(torch.equal(matched[name], weights[name]) for name in untouched)
    assert len(weights[EMBEDDING]) == 60  # what was given is not changed


def test_the_same_vocabulary_changes_nothing() -> None:
    assert same(match_vocabulary(a_model(), WORDS, WORDS), a_model())


@SETTINGS
@given(st.lists(st.sampled_from([*WORDS, "a", "b", "c"]), min_size=1, max_size=30, unique=True), st.integers(0, 99))
def test_matching_gives_what_fastai_gives(new: list[str], seed: int) -> None:
    from fastai.text.learner import match_embeds  # noqa: PLC0415  (takes seconds)

    ours = a_model(seed)
    theirs = {"0.encoder.weight": ours[EMBEDDING].clone(), "1.decoder.bias": ours[DECODER_BIAS].clone()}
    theirs = match_embeds(theirs, WORDS, new)
    matched = match_vocabulary(ours, WORDS, new)
    assert torch.equal(matched[EMBEDDING], theirs["0.encoder.weight"])
    assert torch.equal(matched[DECODER_BIAS], theirs["1.decoder.bias"])


def test_a_vocabulary_of_another_length_than_the_embedding_is_refused() -> None:
    with pytest.raises(WeightsError, match="the vocabulary has 59 words but the embedding 60 rows"):
        match_vocabulary(a_model(), WORDS[:-1], WORDS)


def test_the_digest_does_not_depend_on_order_or_layout_in_memory() -> None:
    weights = a_model()
    backwards = dict(reversed(weights.items()))
    strided = weights | {EMBEDDING: weights[EMBEDDING].t().contiguous().t()}
    assert not strided[EMBEDDING].is_contiguous()
    assert weights_digest(weights) == weights_digest(backwards) == weights_digest(strided)


@pytest.mark.parametrize(
    "changed",
    [
        {"b": torch.zeros(2, 3)},
        {"a": torch.zeros(3, 2)},
        {"a": torch.zeros(2, 3, dtype=torch.int32)},
        {"a": torch.zeros(2, 3).index_fill(0, torch.tensor([1]), 1e-30)},
        {"a": torch.zeros(2, 3), "b": torch.zeros(0)},
    ],
    ids=["name", "shape", "type", "value", "further tensor"],
)
def test_the_digest_changes_with(changed: dict[str, Tensor]) -> None:
    assert weights_digest(changed) != weights_digest({"a": torch.zeros(2, 3)})


def test_weights_and_facts_come_back_as_they_were_saved(tmp_path: Path) -> None:
    weights = a_model() | initial_head(20, 3, RECIPE.classifier, 1)  # with a 0-dimensional integer
    facts: dict[str, object] = {"perplexity": 71.25, "losses": [4.5, 4.25], "corpus": "ünïcode"}
    save(weights, tmp_path / "model.safetensors", facts)
    found, found_facts = load(tmp_path / "model.safetensors", weights_digest(weights))
    assert same(found, weights)
    assert found_facts == facts


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.safetensors: cannot be read"):
        load(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_truncated_file_is_refused_by_path_and_with_the_remedy(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "model.safetensors"
    save(a_model(), path, {})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"model\.safetensors: cannot be read .* delete it"):
        load(path)


def test_a_file_with_one_changed_byte_is_refused_by_path(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(a_model(), path, {})
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.safetensors: weights have digest \w+, expected \w+; restore"):
        load(path)


def test_other_weights_than_the_ones_asked_for_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(a_model(1), path, {})
    with pytest.raises(WeightsError, match=f"expected {weights_digest(a_model(2))}"):
        load(path, weights_digest(a_model(2)))
