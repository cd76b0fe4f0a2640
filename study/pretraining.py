"""The general language models, those that ship with the repository among them, and how they are trained."""

from __future__ import annotations

from dataclasses import replace

from harness.general.recipe import PretrainingRecipe
from harness.specification import Dropouts, Optimization
from study.corpora import WIKIPEDIA
from study.recipes import SHIPPED_SIZE

# Less than one pass over the text leaves nothing to learn by heart, so of dropout there is only a tenth of what
# fine-tuning uses. Weight decay and activation penalties keep the weights at the scale that fine-tuning's rates expect.
FORWARD = PretrainingRecipe(
    name="wikipedia-forward",
    corpus=WIKIPEDIA,
    size=SHIPPED_SIZE,
    direction="forward",
    steps=11_000,
    shards=2,
    rows=64,
    bptt=70,
    base_rate=0.004,
    candidates=1500,
    largest_norm=1.0,
    dropouts=Dropouts(output=0.01, hidden=0.015, input=0.025, embedding=0.002, weight=0.02),
    optimization=Optimization(
        weight_decay=0.1, beta1=0.9, beta2=0.99, epsilon=1e-8, activation_penalty=2.0, temporal_penalty=1.0
    ),
)
BACKWARD = replace(FORWARD, name="wikipedia-backward", direction="backward")

# Fewer tokens, each with a schedule of its own: what more of them are worth. The weights stay out of the repository.
SHORTER = tuple(
    replace(FORWARD, name=f"{FORWARD.name}-{name}", steps=FORWARD.steps // parts)
    for name, parts in (("sixteenth", 16), ("quarter", 4))
)

UNSHIPPED = frozenset(recipe.name for recipe in SHORTER)
PRETRAINING = {recipe.name: recipe for recipe in (FORWARD, BACKWARD, *SHORTER)}
