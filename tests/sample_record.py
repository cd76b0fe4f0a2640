"""One small valid record, for tests that store some."""

from __future__ import annotations

from dataclasses import replace

from harness.record import (
    SCHEMA,
    Cost,
    Environment,
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

DROPOUTS = Dropouts(0.4, 0.3, 0.4, 0.05, 0.5)
RECIPE = Recipe(
    "mini",
    ModelSize(8, 16, 3, 100),
    ShippedModel("general", "0" * 64),
    LanguageModelRecipe(1, 4, 8, 0.004, DROPOUTS),
    ClassifierRecipe(1, 4, 8, 64, 50, 0.4, DROPOUTS),
)
DATASET = Dataset("toy", "Toy", "toy", ("no", "yes"), "0" * 64, "none", 10, 10, 10)
METRICS = SplitMetrics(10, 0.2, 0.8, 0.5, 0.1)


def a_record(repetition: int = 0, title: str = "Toy") -> Record:
    arm = Arm("freez+stlr", "gradual", "stlr", 2.6, "general")
    cell = Cell(replace(DATASET, title=title), RECIPE, "torch", arm, 0.008, repetition)
    rates = RealisedRates(("low", "top"), 1, (0.1, 0.26), ((0.0, 0.1, 0.26),), 0.0)
    return Record(
        schema=SCHEMA,
        cell=cell_id(cell),
        specification=cell,
        inputs=Inputs("a", "b", None, "c", {"data": 1}),
        result=Result("completed", METRICS, METRICS, "/wA=", (), rates, {"low": 0.1}, None),
        cost=Cost(1.0, 1.0, 100.0, 10.0),
        environment=Environment("0", False, "3", "2", "2", "2", "linux", "cpu", "cpu", "float32", 1),
        finished="2024-01-01T00:00:00Z",
    )
