"""Model sizes and training recipes: everything that is the same for all arms of a profile."""

from __future__ import annotations

from dataclasses import replace

from harness.claims import backward_of
from harness.specification import (
    ClassifierRecipe,
    Dropouts,
    LanguageModelRecipe,
    ModelSize,
    Recipe,
    ShippedModel,
)

# fastai's AWD-LSTM probabilities; the classifier's are multiplied by its default drop_mult of 0.5.
LANGUAGE_MODEL_DROPOUTS = Dropouts(output=0.1, hidden=0.15, input=0.25, embedding=0.02, weight=0.2)
CLASSIFIER_DROPOUTS = Dropouts(output=0.2, hidden=0.15, input=0.2, embedding=0.025, weight=0.25)

CLASSIFIER = ClassifierRecipe(
    epochs=6, batch_size=32, bptt=72, max_length=1440, head_hidden=50, head_dropout=0.1, dropouts=CLASSIFIER_DROPOUTS
)

# The shipped models' vocabulary is larger than a data set's; words they share keep their embedding.
SHIPPED_SIZE = ModelSize(embedding=256, hidden=256, layers=3, max_vocabulary=30_000)

MINI = Recipe(
    name="mini",
    size=ModelSize(embedding=64, hidden=128, layers=3, max_vocabulary=4000),
    general=LanguageModelRecipe(epochs=10, batch_size=16, bptt=36, base_rate=0.01, dropouts=LANGUAGE_MODEL_DROPOUTS),
    target=LanguageModelRecipe(epochs=1, batch_size=16, bptt=36, base_rate=0.004, dropouts=LANGUAGE_MODEL_DROPOUTS),
    classifier=CLASSIFIER,
)

FORWARD = ShippedModel("wikipedia-forward", digest="0585f07024edfbe9d6483916f41353e36da7e4049b15db964dcdcc325258883d")

COMPACT = Recipe(
    name="compact",
    size=replace(SHIPPED_SIZE, max_vocabulary=10_000),
    general=FORWARD,
    target=LanguageModelRecipe(epochs=4, batch_size=16, bptt=72, base_rate=0.004, dropouts=LANGUAGE_MODEL_DROPOUTS),
    classifier=replace(CLASSIFIER, epochs=12),
)

# From fewer tokens of pre-training; ``study pretrain`` makes these models, which do not ship.
COMPACT_SIXTEENTH, COMPACT_QUARTER = (
    replace(COMPACT, name=f"{COMPACT.name}-{part}", general=ShippedModel(f"{FORWARD.name}-{part}", digest=digest))
    for part, digest in (
        ("sixteenth", "676abab533560cf6a5d209743746a94a8fd07b8708a7146ea06455ee51989831"),
        ("quarter", "8fcb1b5ee4df7bf85e4a0964f1f13d5a6169599b1b44040e103293234dc1f574"),
    )
)

# The same model for documents of hundreds of words, of which fewer epochs are as many steps through the text.
COMPACT_LONG = replace(
    COMPACT,
    name="compact-long",
    target=replace(COMPACT.target, epochs=1),
    classifier=replace(COMPACT.classifier, epochs=6),
)

BACKWARD = ShippedModel("wikipedia-backward", digest="2fe09894f3cc0aafabdac8c3e921e76a7932a847330aefa12c885ef8359e0a29")
COMPACT_BACKWARD, COMPACT_LONG_BACKWARD = (
    replace(recipe, name=backward_of(recipe.name), general=BACKWARD, direction="backward")
    for recipe in (COMPACT, COMPACT_LONG)
)

CROSSING = 5  # initialisations, each with as many data orders, for the variance that either contributes
COMPACT_CROSSED = replace(COMPACT, name="compact-crossed", crossing=CROSSING)

PAPER = Recipe(
    name="paper",
    size=ModelSize(embedding=400, hidden=1152, layers=3, max_vocabulary=60_000),
    general=LanguageModelRecipe(epochs=10, batch_size=64, bptt=72, base_rate=0.004, dropouts=LANGUAGE_MODEL_DROPOUTS),
    target=LanguageModelRecipe(epochs=10, batch_size=64, bptt=72, base_rate=0.004, dropouts=LANGUAGE_MODEL_DROPOUTS),
    classifier=ClassifierRecipe(
        epochs=50,
        batch_size=64,
        bptt=72,
        max_length=1440,
        head_hidden=50,
        head_dropout=0.1,
        dropouts=CLASSIFIER_DROPOUTS,
    ),
)
