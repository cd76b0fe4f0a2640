"""The general language models that ship with the repository, and how they were trained."""

from __future__ import annotations

from dataclasses import replace

from harness.general.recipe import PretrainingRecipe
from harness.specification import Dropouts, Optimization
from study.corpora import WIKIPEDIA
from study.recipes import COMPACT_SIZE

# One pass over the text leaves nothing to learn by heart: no penalties, no weight decay, and of dropout a tenth of
# what fine-tuning uses, so that the model has met it.
FORWARD = PretrainingRecipe(
    name="wikipedia-forward",
    corpus=WIKIPEDIA,
    size=COMPACT_SIZE,
    direction="forward",
    steps=25_600,
    shards=2,
    rows=32,
    bptt=70,
    base_rate=0.004,
    candidates=1500,
    largest_norm=1.0,
    dropouts=Dropouts(output=0.01, hidden=0.015, input=0.025, embedding=0.002, weight=0.02),
    optimization=Optimization(
        weight_decay=0.0, beta1=0.9, beta2=0.99, epsilon=1e-8, activation_penalty=0.0, temporal_penalty=0.0
    ),
)
BACKWARD = replace(FORWARD, name="wikipedia-backward", direction="backward")

PRETRAINING = {recipe.name: recipe for recipe in (FORWARD, BACKWARD)}
