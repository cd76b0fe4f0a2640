"""bfloat16 products: where they are chosen, what they leave in float32, and how little they change."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from parity.small_jobs import SOME_DROPOUT, classifier_job, distance, language_model_job, precision, silent
from torch import Tensor, nn

from harness import environment as environment_module
from harness import precision as precision_module
from harness.environment import best_precision, vector_units
from harness.general.sampling import SampledSoftmax
from harness.jobs import ImplementationModule
from harness.precision import (
    deterministic_kernels,
    full_precision,
    lstm,
    packed_lstm,
    prepare,
    product_dtype,
    products_in,
)
from harness.scratch import training as scratch
from harness.specification import CPU, Hardware
from harness.with_fastai import training as with_fastai

LOW = Hardware("cpu", "bfloat16")
NATIVE = "avx512_bf16" in vector_units() or "amx_bf16" in vector_units()

needs_units = pytest.mark.skipif(not NATIVE, reason="this processor has no bfloat16 units, and no bfloat16 LSTM")
both = pytest.mark.parametrize("module", [scratch, with_fastai], ids=["torch", "fastai"])


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ((), "float32"),
        (("avx2", "avx512f"), "float32"),
        (("avx2", "avx512f", "avx512_bf16"), "bfloat16"),
        (("amx_bf16",), "bfloat16"),
    ],
)
def test_the_best_precision_is_what_the_processor_has_units_for(
    monkeypatch: pytest.MonkeyPatch, units: tuple[str, ...], expected: str
) -> None:
    monkeypatch.setattr(environment_module, "vector_units", lambda: units)
    assert best_precision("cpu") == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_the_best_precision_of_a_gpu_is_what_that_gpu_has_units_for(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    of = {"cuda:1": capability, "cuda": (0, 0)}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: of[device or "cuda"])
    assert best_precision("cuda:1") == expected


def test_the_best_precision_without_the_gpu_that_is_named_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_precision("cuda") == "float32"


@pytest.fixture
def cuda_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The devices that were made current; what else was set for CUDA is put back."""
    matmul, cudnn, current = torch.backends.cuda.matmul, torch.backends.cudnn, list[int]()
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    before = matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction, cudnn.allow_tf32
    yield current
    matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction, cudnn.allow_tf32 = before


@pytest.mark.parametrize(
    ("hardware", "device", "lstms_in_tf32"),
    [(Hardware("cuda"), 0, False), (Hardware("cuda:1"), 1, False), (Hardware("cuda:1", "bfloat16"), 1, True)],
)
def test_a_gpu_computes_in_no_less_than_what_is_asked_for(
    cuda_settings: list[int], hardware: Hardware, device: int, lstms_in_tf32: bool
) -> None:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    matmul.allow_tf32 = matmul.allow_bf16_reduced_precision_reduction = True
    cudnn.allow_tf32 = not lstms_in_tf32
    prepare(hardware)
    assert cuda_settings == [device]
    assert not matmul.allow_tf32
    assert not matmul.allow_bf16_reduced_precision_reduction
    assert cudnn.allow_tf32 == lstms_in_tf32


def test_on_a_processor_nothing_is_set_for_cuda(cuda_settings: list[int]) -> None:
    before = torch.backends.cudnn.allow_tf32
    prepare(LOW)
    assert (cuda_settings, torch.backends.cudnn.allow_tf32) == ([], before)


@pytest.mark.parametrize(("asked", "found"), [(None, ":4096:8"), (":16:8", ":16:8")])
def test_deterministic_kernels_tell_cublas_its_workspaces_unless_that_is_done(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, found: str
) -> None:
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda _on: None)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    monkeypatch.setattr(os, "environ", {} if asked is None else {"CUBLAS_WORKSPACE_CONFIG": asked})
    deterministic_kernels()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == found


LstmLayer = Callable[[Tensor, tuple[Tensor, Tensor], list[Tensor], bool], tuple[Tensor, Tensor, Tensor]]
each_precision = pytest.mark.parametrize("hardware", [CPU, pytest.param(LOW, marks=needs_units)], ids=str)


def lstm_step(layer: LstmLayer, hardware: Hardware) -> list[Tensor]:
    """Outputs and states of one layer, and the gradients of all that went in."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((4, 9, 16), (1, 4, 24), (1, 4, 24), (96, 16), (96, 24), (96,), (96,))
    leaves = [torch.randn(shape, generator=generator).mul_(0.3).requires_grad_() for shape in shapes]
    x, hidden, cell, *weights = leaves
    with products_in(hardware):
        after = layer(x, (hidden, cell), weights, True)
    loss = sum((part.float().pow(2).sum() for part in after), torch.zeros(()))
    return [*after, *torch.autograd.grad(loss, leaves)]


def assert_same_bits(found: list[Tensor], expected: list[Tensor]) -> None:
    for left, right in zip(found, expected, strict=True):
        assert left.dtype == right.dtype
        assert torch.equal(left, right)


@each_precision
def test_what_a_gpu_is_given_to_compute_an_lstm_is_what_a_processor_computes_to_the_bit(hardware: Hardware) -> None:
    outputs, *rest = lstm_step(packed_lstm, hardware)
    assert outputs.dtype == getattr(torch, hardware.precision)
    assert_same_bits([outputs, *rest], lstm_step(lstm, hardware))


def test_an_lstm_on_a_gpu_is_computed_without_autocast_and_from_weights_in_one_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[Tensor, Tensor, *tuple[Tensor, ...]]] = []

    def kernel(x: Tensor, state: list[Tensor], weights: list[Tensor], *_: object) -> tuple[Tensor, ...]:
        assert not torch.is_autocast_enabled("cpu")
        seen.append((x, *state, *weights))
        return x, *state

    monkeypatch.setattr(torch, "lstm", kernel)
    state = (torch.zeros(1, 2, 3), torch.zeros(1, 2, 3))
    weights = [torch.randn(shape) for shape in ((12, 5), (12, 3), (12,), (12,))]
    with products_in(LOW):
        packed_lstm(torch.zeros(2, 4, 5), state, weights, True)
    (given,) = seen
    assert {tensor.dtype for tensor in given} == {torch.bfloat16}
    first, *others = given[3:]
    place = first.data_ptr() + first.numel() * 2
    for weight in others:  # without a gap, in the order that cuDNN wants
        assert weight.data_ptr() == place
        place += weight.numel() * 2


@pytest.mark.parametrize(("device", "packed"), [("cpu", False), ("meta", False), ("cuda:1", True)])
def test_the_device_decides_how_an_lstm_is_computed(monkeypatch: pytest.MonkeyPatch, device: str, packed: bool) -> None:
    monkeypatch.setattr(precision_module, "packed_lstm", lambda *_: True)
    monkeypatch.setattr(torch, "lstm", lambda *_: False)
    x: Any = SimpleNamespace(device=torch.device(device))
    assert lstm(x, (x, x), [], True) is packed


@pytest.mark.parametrize(
    ("hardware", "replaced"),
    [
        (CPU, False),
        (LOW, False),
        (Hardware("cuda"), False),
        (Hardware("cuda", "bfloat16"), True),
        (Hardware("cuda:1", "bfloat16"), True),
    ],
    ids=str,
)
def test_fastais_lstms_are_replaced_where_autocast_would_compute_them_in_float16(
    hardware: Hardware, replaced: bool
) -> None:
    module = nn.Sequential(nn.Sequential(nn.LSTM(3, 3, batch_first=True)), nn.Linear(3, 3))
    with_fastai.compute_in(hardware, module)
    changed = {name for name, part in module.named_modules() if name and "forward" in vars(part)}
    assert changed == ({"0.0"} if replaced else set())


@each_precision
def test_a_replaced_lstm_of_fastai_computes_what_its_own_does_to_the_bit(
    hardware: Hardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = torch.randint(9, 60, (4, 8), generator=torch.Generator().manual_seed(1))

    def step(*, replaced: bool) -> list[Tensor]:
        model = with_fastai.language_model(replace(language_model_job(SOME_DROPOUT), hardware=hardware)).model
        layers = [part for part in model.modules() if isinstance(part, nn.LSTM)]
        assert len(layers) == 3
        for layer in layers if replaced else ():
            monkeypatch.setattr(layer, "forward", partial(with_fastai.lstm_forward, layer))
        torch.manual_seed(5)
        model.train()
        model.reset()
        for _ in range(2):  # the second starts from the state of the first
            logits, raw, _ = model(tokens)
        loss = logits.pow(2).mean() + raw.pow(2).mean()
        return [logits, raw, *torch.autograd.grad(loss, list(model.parameters()))]

    expected = step(replaced=False)
    monkeypatch.setattr(with_fastai, "lstm", packed_lstm)
    assert_same_bits(step(replaced=True), expected)


def test_products_are_low_only_inside_and_not_where_full_precision_is_asked_for() -> None:
    matrix = torch.ones(2, 2)
    assert product_dtype(matrix) == torch.float32
    with products_in(CPU):
        assert (matrix @ matrix).dtype == product_dtype(matrix) == torch.float32
    with products_in(LOW):
        assert (matrix @ matrix).dtype == product_dtype(matrix) == torch.bfloat16
        with full_precision(matrix):
            assert (matrix @ matrix).dtype == product_dtype(matrix) == torch.float32


@needs_units
@both
def test_a_language_model_trained_in_bfloat16_is_kept_in_float32_and_hardly_differs(
    module: ImplementationModule,
) -> None:
    job = language_model_job()
    with precision(torch.float32), warnings.catch_warnings():
        full = module.fine_tune_language_model(job, silent)
        low = module.fine_tune_language_model(replace(job, hardware=LOW), silent)
    for name, weight in low.weights.items():
        assert weight.dtype == torch.float32
        assert 0 < distance(weight, full.weights[name]) < 0.1, name
    assert low.losses != full.losses
    assert low.losses == pytest.approx(full.losses, rel=0.02)


@needs_units
@both
def test_a_classifier_trained_in_bfloat16_is_kept_in_float32_and_hardly_differs(module: ImplementationModule) -> None:
    job = classifier_job()
    with precision(torch.float32):
        full = module.fine_tune_classifier(job, silent)
        low = module.fine_tune_classifier(replace(job, hardware=LOW), silent)
    assert {weight.dtype for weight in low.weights.values() if weight.is_floating_point()} == {torch.float32}
    assert distance(low.weights["encoder.embedding.weight"], full.weights["encoder.embedding.weight"]) < 0.1
    change = abs(low.test_logits - full.test_logits).max()
    assert 0 < change < 0.25 * abs(full.test_logits).max()
    rounded = torch.from_numpy(low.test_logits).bfloat16().float().numpy()
    assert (rounded != low.test_logits).any(), "the head must not round its logits"


def test_the_sampled_softmax_multiplies_in_low_precision_and_sums_in_full() -> None:
    generator = torch.Generator().manual_seed(0)
    leaves = [torch.randn(shape, generator=generator).requires_grad_() for shape in ((30, 8), (20, 8), (20,))]
    targets = torch.randint(20, (30,), generator=generator)
    softmax = SampledSoftmax(torch.full((20,), 0.5))

    def measured() -> tuple[torch.Tensor, ...]:
        loss = softmax(*leaves, targets, torch.Generator().manual_seed(1))
        return loss, *torch.autograd.grad(loss, leaves)

    full = measured()
    with products_in(LOW):
        low = measured()
    for found, expected in zip(low, full, strict=True):
        assert found.dtype == torch.float32
        assert 0 < distance(found, expected) < 0.02


def test_gradients_of_several_uses_of_a_weight_add_up_in_float32() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(8, 8))
    parts = torch.randn(3, 4, 8)

    def gradient(*used: Tensor) -> Tensor:
        weight.grad = None
        with products_in(LOW):
            outputs = [nn.functional.linear(part, weight) for part in used]
        torch.stack(outputs).float().square().sum().backward()
        assert weight.grad is not None
        return weight.grad.clone()

    alone = torch.stack([gradient(part) for part in parts]).sum(0)
    together = gradient(*parts)
    assert torch.equal(together, alone)
    assert not torch.equal(together, together.to(torch.bfloat16).float())
