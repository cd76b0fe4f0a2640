"""bfloat16 products: where they are chosen, what they leave in float32, and how little they change."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from parity.small_jobs import classifier_job, distance, language_model_job, precision, silent

from harness import environment as environment_module
from harness.environment import best_precision, vector_units
from harness.general.sampling import SampledSoftmax
from harness.jobs import ImplementationModule
from harness.precision import full_precision, product_dtype, products_in
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
