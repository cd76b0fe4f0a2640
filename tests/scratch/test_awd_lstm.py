"""The AWD-LSTM's four kinds of dropout, its state, and where its randomness comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from parity.small_jobs import NO_DROPOUT, SIZE, SOME_DROPOUT, WORDS, language_model_weights
from torch import Tensor

from harness.scratch.awd_lstm import AwdLstm, Dropout, EmbeddingWithDropout, WeightDropLstm, dropout_mask
from harness.specification import Dropouts
from harness.weights import encoder_only

KernelWeights = list[Tensor]
WEIGHT_DROP = Dropouts(output=0, hidden=0, input=0, embedding=0, weight=0.4)


def encoder(dropouts: Dropouts) -> AwdLstm:
    model = AwdLstm(WORDS, SIZE, dropouts)
    model.load_state_dict(
        {name.removeprefix("encoder."): tensor for name, tensor in encoder_only(language_model_weights()).items()}
    )
    return model.train()


def tokens(rows: int = 3, width: int = 7) -> Tensor:
    return torch.randint(9, WORDS, (rows, width), generator=torch.Generator().manual_seed(rows + width))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def kernel_weights(monkeypatch: pytest.MonkeyPatch) -> list[KernelWeights]:
    """The weights that each call of the LSTM kernel was given."""
    seen: list[KernelWeights] = []
    kernel: Callable[..., tuple[Tensor, Tensor, Tensor]] = torch.lstm

    def spy(x: Tensor, state: Sequence[Tensor], weights: KernelWeights, *rest: object) -> tuple[Tensor, Tensor, Tensor]:
        seen.append([weight.detach().clone() for weight in weights])
        return kernel(x, state, weights, *rest)

    monkeypatch.setattr(torch, "lstm", spy)
    return seen


def test_weight_drop_removes_its_share_of_hidden_to_hidden_weights_anew_at_each_call(
    kernel_weights: list[KernelWeights],
) -> None:
    layer, generator = WeightDropLstm(10, 50, 0.4).train(), seeded(0)
    for parameter in layer.parameters():
        torch.nn.init.uniform_(parameter, 1, 2, generator=seeded(1))
    state = (torch.zeros(1, 2, 50), torch.zeros(1, 2, 50))
    for _ in range(2):
        layer(torch.ones(2, 3, 10), state, generator)
    (_, first, *_), (_, second, *_) = kernel_weights
    for used in (first, second):
        dropped = used == 0
        assert float(dropped.double().mean()) == pytest.approx(0.4, abs=0.02)  # 10,000 weights: 4 standard errors
        torch.testing.assert_close(used[~dropped], layer.weight_hh.detach()[~dropped] / 0.6)
    assert not torch.equal(first, second)


def test_weight_drop_leaves_the_other_weights_alone(kernel_weights: list[KernelWeights]) -> None:
    model = encoder(WEIGHT_DROP)
    model(tokens(), model.initial_state(3), seeded(0))
    assert len(kernel_weights) == SIZE.layers
    for layer, used in zip(model.layers, kernel_weights, strict=True):
        stored = [layer.get_parameter(name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        assert [torch.equal(left, right) for left, right in zip(used, stored, strict=True)] == [True, False, True, True]


def test_evaluation_uses_the_whole_weights(kernel_weights: list[KernelWeights]) -> None:
    model = encoder(SOME_DROPOUT)
    model(tokens(), model.initial_state(3), seeded(0))
    kernel_weights.clear()
    model.eval()(tokens(), model.initial_state(3))
    for layer, used in zip(model.layers, kernel_weights, strict=True):
        assert torch.equal(used[1], layer.get_parameter("weight_hh"))


def test_the_stored_weights_get_the_gradient_and_evaluation_sees_their_update() -> None:
    model = encoder(WEIGHT_DROP)
    before = model.eval()(tokens(), model.initial_state(3))[0].detach()
    output, _ = model.train()(tokens(), model.initial_state(3), seeded(0))
    torch.autograd.backward(output.pow(2).sum())
    names = [f"layers.{layer}.weight_hh" for layer in range(SIZE.layers)]
    for name in names:
        gradient = model.get_parameter(name).grad
        assert gradient is not None
        assert float((gradient != 0).double().mean()) == pytest.approx(0.6, abs=0.15)  # none where it was dropped
        model.get_parameter(name).data -= 0.1 * gradient
    assert not torch.equal(model.eval()(tokens(), model.initial_state(3))[0], before)


@pytest.mark.parametrize("kind", ["input", "hidden", "embedding", "weight"])
def test_each_dropout_acts_alone_and_follows_its_generator(kind: str) -> None:
    model = encoder(Dropouts(**({"output": 0, "hidden": 0, "input": 0, "embedding": 0, "weight": 0} | {kind: 0.5})))
    first, again, other = (model(tokens(), model.initial_state(3), seeded(seed))[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    whole = model.eval()(tokens(), model.initial_state(3))[0]
    assert not torch.equal(first, whole)


@pytest.mark.parametrize("kind", ["input", "hidden", "embedding", "weight"])
def test_training_without_a_generator_is_refused(kind: str) -> None:
    model = encoder(Dropouts(**({"output": 0, "hidden": 0, "input": 0, "embedding": 0, "weight": 0} | {kind: 0.5})))
    with pytest.raises(ValueError, match=r"needs a torch\.Generator"):
        model(tokens(), model.initial_state(3))


def test_evaluation_draws_nothing() -> None:
    model, generator = encoder(SOME_DROPOUT).eval(), seeded(0)
    before = generator.get_state()
    outputs = [model(tokens(), model.initial_state(3), given)[0] for given in (generator, None)]
    assert torch.equal(*outputs)
    assert torch.equal(generator.get_state(), before)


def test_locked_dropout_has_one_mask_for_all_time_steps() -> None:
    masked = Dropout(0.5, shared=(1,)).train()(torch.ones(40, 9, 50), seeded(0))
    assert torch.equal(masked, masked[:, :1].expand_as(masked))
    assert set(masked.unique().tolist()) == {0.0, 2.0}
    assert float((masked[:, 0] == 0).double().mean()) == pytest.approx(0.5, abs=0.05)
    assert not torch.equal(masked[0], masked[1])


def test_dropout_on_the_input_and_between_layers_is_locked_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs: list[Tensor] = []
    kernel: Callable[..., tuple[Tensor, Tensor, Tensor]] = torch.lstm

    def spy(x: Tensor, *rest: object) -> tuple[Tensor, Tensor, Tensor]:
        inputs.append(x.detach())
        return kernel(x, *rest)

    monkeypatch.setattr(torch, "lstm", spy)
    model = encoder(Dropouts(output=0, hidden=0.5, input=0.5, embedding=0, weight=0))
    output, _ = model(tokens(), model.initial_state(3), seeded(0))
    assert len(inputs) == SIZE.layers
    for x in inputs:
        removed = x == 0
        assert 0 < int(removed[:, 0].sum()) < removed[:, 0].numel()
        assert torch.equal(removed, removed[:, :1].expand_as(removed))
    assert not bool((output == 0).any())


def test_a_mask_keeps_the_mean() -> None:
    mask = dropout_mask((200, 200), 0.3, torch.zeros(1, dtype=torch.float64), seeded(0))
    assert mask.dtype == torch.float64
    assert float(mask.mean()) == pytest.approx(1, abs=0.02)


def test_embedding_dropout_removes_whole_words_everywhere_in_the_batch() -> None:
    embedding = EmbeddingWithDropout(WORDS, 8, 0.5).train()
    torch.nn.init.uniform_(embedding.weight, 1, 2, generator=seeded(1))
    words = torch.arange(2, WORDS).repeat(2, 2)
    embedded = embedding.lookup(words, seeded(0)).detach()
    stored = embedding.weight.detach()
    dropped = {word for word in range(2, WORDS) if not embedded[words == word].any()}
    assert 10 < len(dropped) < 48
    for word in sorted(set(range(2, WORDS)) - dropped):
        torch.testing.assert_close(embedded[words == word], (2 * stored[word]).expand(4, 8))


def test_a_carried_state_continues_the_sequence() -> None:
    model, sequence = encoder(NO_DROPOUT).double().eval(), tokens(width=23)
    whole, last = model(sequence, model.initial_state(3))
    state, pieces = model.initial_state(3), []
    for piece in torch.split(sequence, 5, dim=1):
        output, state = model(piece, state)
        pieces.append(output)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-14)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-14)
    assert not torch.allclose(model(sequence[:, 5:], model.initial_state(3))[0], whole[:, 5:], atol=1e-3)


def test_no_gradient_flows_through_a_carried_state() -> None:
    model = encoder(NO_DROPOUT)
    _, state = model(tokens(), model.initial_state(3), seeded(0))
    assert not any(tensor.requires_grad for pair in state for tensor in pair)
