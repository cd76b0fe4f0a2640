"""Made-up records whose every number follows from a seed and the cell, for the tests of evidence, claims and report."""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import replace

import numpy as np

from harness.record import (
    SCHEMA,
    Cost,
    Environment,
    Epoch,
    Inputs,
    RealisedRates,
    Record,
    Result,
    SplitMetrics,
)
from harness.specification import (
    Arm,
    Cell,
    ClassifierRecipe,
    Dataset,
    Dropouts,
    LanguageModelRecipe,
    ModelSize,
    Recipe,
    ShippedModel,
    cell_id,
)

GROUPS = ("embedding", "lstm-1", "lstm-2", "lstm-3", "head")
RATES = (0.004, 0.008, 0.016)
EPOCHS, STEPS = 4, 80
ITEMS = 1000
DROPOUTS = Dropouts(output=0.2, hidden=0.15, input=0.2, embedding=0.025, weight=0.25)
RECIPE = Recipe(
    name="mini",
    size=ModelSize(embedding=64, hidden=128, layers=3, max_vocabulary=8000),
    general=ShippedModel(name="general", digest="0" * 64),
    target=LanguageModelRecipe(epochs=2, batch_size=16, bptt=70, base_rate=0.004, dropouts=DROPOUTS),
    classifier=ClassifierRecipe(
        epochs=EPOCHS, batch_size=16, bptt=70, max_length=1400, head_hidden=50, head_dropout=0.2, dropouts=DROPOUTS
    ),
)
ENVIRONMENT = Environment(
    commit="0123456789abcdef0123456789abcdef01234567",
    modified=False,
    python="3.11.7",
    torch="2.13.0",
    fastai="2.8.12",
    numpy="2.4.6",
    platform="Linux",
    processor="an <unnamed> processor & more",
    device="cpu",
    precision="float32",
    threads=2,
)


def dataset(name: str) -> Dataset:
    return Dataset(
        name=name,
        title=name.upper(),
        reader="none",
        classes=("negative", "positive"),
        digest=f"{zlib.crc32(name.encode()):064x}",
        licence="made up",
        labels=1000,
        validation=500,
        test=ITEMS,
    )


def cell(name="rt-1k", implementation="torch", decay=2.6, rate=0.008, repetition=0, arm="full+stlr") -> Cell:
    unfreezing = "gradual" if arm.startswith("freez") else "all"
    schedule = "stlr" if arm.endswith("stlr") else "constant"
    return Cell(
        dataset(name), RECIPE, implementation, Arm(arm, unfreezing, schedule, decay, "general"), rate, repetition
    )


def make_record(specification: Cell | None = None, error: float | None = None, seed: int = 0) -> Record:
    """A record of ``specification``; ``error`` sets its test and validation error, else they follow from the cell."""
    specification = specification or cell()
    generator = np.random.default_rng([seed, zlib.crc32(cell_id(specification).encode())])
    expected = _expected_error(specification) if error is None else error
    noise = 0 if error is not None else generator.normal(0, 0.006)
    wrong = int(np.clip(round((expected + noise) * ITEMS), 0, ITEMS))
    right = np.arange(ITEMS) >= wrong
    test = SplitMetrics(ITEMS, wrong / ITEMS, wrong / ITEMS, 0.5, 0.05)
    validation = replace(test, items=500, error=round((expected + noise / 2) * 500) / 500)
    result = Result(
        outcome="completed",
        test=test,
        validation=validation,
        correct=base64.b64encode(np.packbits(right).tobytes()).decode(),
        epochs=_epochs(validation.error, generator),
        rates=_rates(specification),
        displacement=_displacement(specification, generator),
        perplexity=90.0,
    )
    return Record(
        schema=SCHEMA,
        cell=cell_id(specification),
        specification=specification,
        inputs=Inputs("1" * 64, "2" * 64, "3" * 64, "4" * 64, {"order": specification.repetition}),
        result=result,
        cost=Cost(20 + float(generator.normal()), 38.0, 21000.0, 800.0),
        environment=ENVIRONMENT,
        finished="2026-01-02T03:04:05+00:00",
    )


def diverged(record: Record) -> Record:
    """The same cell, with a run that diverged: chance error, no loss."""
    half = SplitMetrics(ITEMS, 0.5, 0.33, None, None)
    epochs = (Epoch(0, None, None, 0.5),)
    return replace(record, result=replace(record.result, outcome="diverged", test=half, validation=half, epochs=epochs))


def study(
    datasets=("rt-1k", "trec6"), decays=(1.0, 2.6), implementations=("torch", "fastai"), finals=5, seed=0
) -> tuple[Record, ...]:
    """Tuning records at all rates, final records at the rate with the lowest validation error."""
    records = []
    for name in datasets:
        for implementation in implementations:
            for decay in decays:
                tuning = {
                    rate: [make_record(cell(name, implementation, decay, rate, r), seed=seed) for r in (100, 101)]
                    for rate in RATES
                }
                best = min(RATES, key=lambda rate: sum(r.result.validation.error for r in tuning[rate]))
                records += [record for rows in tuning.values() for record in rows]
                records += [make_record(cell(name, implementation, decay, best, r), seed=seed) for r in range(finals)]
    return tuple(records)


def _expected_error(specification: Cell) -> float:
    shared = np.random.default_rng([specification.repetition, len(specification.dataset.name)])
    base = {"rt-1k": 0.27, "trec6": 0.14}.get(specification.dataset.name, 0.2)
    decay = 0.008 * math.log2(specification.arm.decay / 2.6) ** 2
    rate = 0.01 * math.log2(specification.base_rate / 0.008) ** 2
    return base + decay + rate + float(shared.normal(0, 0.01))


def _epochs(final: float, generator: np.random.Generator) -> tuple[Epoch, ...]:
    return tuple(
        Epoch(
            epoch=number - 1,
            training_loss=0.65 * 0.75**number + float(generator.normal(0, 0.01)),
            validation_loss=0.5,
            validation_error=final + 0.12 * 0.4**number * (number < EPOCHS),
        )
        for number in range(1, EPOCHS + 1)
    )


def _rates(specification: Cell) -> RealisedRates:
    ladder = [specification.base_rate / specification.arm.decay ** (len(GROUPS) - 1 - k) for k in range(len(GROUPS))]
    trace = []
    for step in range(0, STEPS, 2):
        epoch, height = step * EPOCHS // STEPS, min(1.0, (step + 1) / 8) * (1 - step / STEPS) + 0.03
        thawed = len(GROUPS) if specification.arm.unfreezing == "all" else 1 + epoch
        active = [height * rate * (k >= len(GROUPS) - thawed) for k, rate in enumerate(ladder)]
        trace.append((float(step), *active))
    return RealisedRates(GROUPS, STEPS, tuple(ladder), tuple(trace), 0.0)


def _displacement(specification: Cell, generator: np.random.Generator) -> dict[str, float]:
    return {
        group: 0.4 / specification.arm.decay ** (len(GROUPS) - 1 - k) * float(np.exp(generator.normal(0, 0.05)))
        for k, group in enumerate(GROUPS)
    }
