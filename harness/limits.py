"""How near training comes to the machine: its time against that of its matrix products alone.

The limit of a stage is the time that plain products of the same shapes and precision take here, three of each
(forward, and backward by inputs and by weights). The share is that limit over the measured time, both measured
in turn in one run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from harness.precision import prepare, products_in
from harness.scratch.awd_lstm import AwdLstm
from harness.scratch.models import LanguageModel
from harness.scratch.optimizer import adamw
from harness.specification import Hardware, ModelSize, Optimization, Recipe

PRODUCTS = 3  # forward, gradient by inputs, gradient by weights
LEAST_SECONDS = 0.3


@dataclass(frozen=True)
class Product:
    """A matrix product (rows × inner) · (inner × columns), done ``times`` times."""

    rows: int
    inner: int
    columns: int
    times: int = 1

    @property
    def operations(self) -> int:
        """Floating-point operations of all repetitions."""
        return 2 * self.rows * self.inner * self.columns * self.times


def lstm_products(size: ModelSize, batch: int, time_steps: int) -> list[Product]:
    """The forward products of the LSTM stack: inputs for all time steps at once, hidden states step by step."""
    widths = [size.embedding] + [size.hidden] * (size.layers - 1) + [size.embedding]
    products = []
    for inputs, units in pairwise(widths):
        products += [
            Product(batch * time_steps, inputs, 4 * units),
            Product(batch, units, 4 * units, times=time_steps),
        ]
    return products


def decoder_product(size: ModelSize, batch: int, time_steps: int) -> Product:
    """The forward product of the tied decoder."""
    return Product(batch * time_steps, size.embedding, size.max_vocabulary)


def show_limits(recipe: Recipe, rounds: int, hardware: Hardware, console: Console) -> None:
    """Print GFLOP/s reached and the share of the limit, of the LSTM stack and of a whole language model step."""
    prepare(hardware)
    size, batch, steps = recipe.size, recipe.target.batch_size, recipe.target.bptt
    stack = lstm_products(size, batch, steps)
    rows = {
        "LSTM stack, forward and backward": (stack, _stack(recipe, hardware)),
        "language model step": ([*stack, decoder_product(size, batch, steps)], _language_model_step(recipe, hardware)),
    }
    work_and_place = f"recipe {recipe.name}, {batch} × {steps} tokens, {hardware.device}, {hardware.precision}"
    table = Table(title=f"distance from the limit, {work_and_place}")
    for heading in ("work", "GFLOP/s", "products alone", "share of the limit"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    for name, (products, work) in rows.items():
        operations = PRODUCTS * sum(product.operations for product in products)
        pairs = [(_seconds(work), PRODUCTS * _products_alone(products, hardware)) for _ in range(rounds)]
        reached = median(operations / spent / 1e9 for spent, _ in pairs)
        limit = median(operations / alone / 1e9 for _, alone in pairs)
        table.add_row(name, f"{reached:.1f}", f"{limit:.1f}", f"{median(alone / spent for spent, alone in pairs):.0%}")
    console.print(table)


def _products_alone(products: list[Product], hardware: Hardware) -> float:
    return sum(product.times * _seconds(_product(product, hardware)) for product in products)


def _product(product: Product, hardware: Hardware) -> Callable[[], object]:
    like = torch.empty(0, dtype=getattr(torch, hardware.precision), device=hardware.device)
    left = like.new_empty(product.rows, product.inner).uniform_()
    right = like.new_empty(product.columns, product.inner).uniform_().t()  # laid out as a weight
    into = like.new_empty(product.rows, product.columns)
    return lambda: torch.mm(left, right, out=into)


def _stack(recipe: Recipe, hardware: Hardware) -> Callable[[], object]:
    model, generator = _on_device(AwdLstm(8, recipe.size, recipe.target.dropouts), hardware.device)
    assert isinstance(model, AwdLstm)
    tokens = torch.full((recipe.target.batch_size, recipe.target.bptt), 2, device=hardware.device)
    state = model.initial_state(recipe.target.batch_size)

    def work() -> None:
        with products_in(hardware):
            output, _ = model(tokens, state, generator)
        torch.autograd.backward(output.sum())

    return work


def _language_model_step(recipe: Recipe, hardware: Hardware) -> Callable[[], object]:
    size, target = recipe.size, recipe.target
    model, generator = _on_device(LanguageModel(size.max_vocabulary, size, target.dropouts), hardware.device)
    assert isinstance(model, LanguageModel)
    optimizer = adamw(Optimization())([{"params": list(model.parameters())}])
    tokens = torch.randint(9, size.max_vocabulary, (target.batch_size, target.bptt), device=hardware.device)
    state = model.encoder.initial_state(target.batch_size)

    def work() -> None:
        with products_in(hardware):
            loss, _, _, _ = model.loss(tokens, tokens, state, generator)
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()

    return work


def _on_device(model: torch.nn.Module, device: str) -> tuple[torch.nn.Module, torch.Generator]:
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, -0.1, 0.1)
    return model.to(device).train(), torch.Generator(device).manual_seed(0)


def _seconds(work: Callable[[], object]) -> float:
    """Mean time of one call, after one to warm up, over at least ``LEAST_SECONDS``."""
    work()
    _finish()
    started, calls = time.perf_counter(), 0
    while calls < 1 or time.perf_counter() - started < LEAST_SECONDS:
        work()
        calls += 1
        _finish()
    return (time.perf_counter() - started) / calls


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
