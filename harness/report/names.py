"""What the names of arms and recipes stand for, in words, from what the records repeat of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.record import Record
from harness.report.tables import Column, Table
from harness.specification import Arm, LanguageModelArm, Recipe, Schedule, ShippedModel, Unfreezing

_LAYERS: Mapping[Unfreezing, str] = {
    "all": "all layers from the start",
    "last": "the head alone",
    "gradual": "layer groups unfrozen one by one from the head down",
    "chain-thaw": "the head, then each lower group alone from the lowest up, then all",
}
_RATES: Mapping[Schedule, str] = {
    "stlr": "slanted triangular rates",
    "constant": "constant rates",
    "cosine": "rates that fall as a cosine",
    "one-cycle": "one-cycle rates",
}


def names_table(records: Iterable[Record]) -> Table:
    """Build one row for each arm, then for each recipe, in the order in which the records name them."""
    arms: dict[str, str] = {}
    recipes: dict[str, str] = {}
    for specification in (record.specification for record in records):
        arms.setdefault(specification.arm.name, arm_in_words(specification.arm))
        recipes.setdefault(specification.recipe.name, recipe_in_words(specification.recipe))
    caption = (
        "A family of cells has a data set, a recipe (all that arms share), an implementation, an arm (a way to "
        "fine-tune) and a decay factor (1 is a uniform rate); its cells differ in base rate and repetition."
    )
    columns = (Column("Name"), Column("Names"), Column("Meaning"))
    rows = [(name, "an arm", words) for name, words in sorted(arms.items())]
    rows += [(name, "a recipe", words) for name, words in sorted(recipes.items())]
    return Table(caption, columns, tuple(rows))


def arm_in_words(arm: Arm) -> str:
    """Say which layers are trained, at what rates, and from which language model; the decay is told apart."""
    return f"{_LAYERS[arm.unfreezing]}, at {_RATES[arm.schedule]}, from {_start(arm)}"


def recipe_in_words(recipe: Recipe) -> str:
    """Say from which general language model, of what size, and for how many epochs of both stages."""
    general, size = recipe.general, recipe.size
    model = general.name if isinstance(general, ShippedModel) else "a language model of the data set's own text"
    crossed = ", initial weights crossed with data orders" if recipe.crossing else ""
    return (
        f"from {model}, {recipe.direction}: embedding {size.embedding}, {size.layers} LSTMs of {size.hidden}, at most "
        f"{size.max_vocabulary:,} words; {_epochs(recipe.target.epochs)} over the data set's text, then "
        f"{recipe.classifier.epochs} of the classifier{crossed}"
    )


def _start(arm: Arm) -> str:
    if isinstance(arm.start, LanguageModelArm):
        place = ", the embedding lowest" if arm.start.embedding_group == "bottom" else ""
        rates = f"{_RATES[arm.start.schedule]}, decay {arm.start.decay:g}{place}"
        return f"the language model fine-tuned on the data set's text ({rates})"
    return "random weights" if arm.start == "random" else "the general language model, not fine-tuned"


def _epochs(count: int) -> str:
    return f"{count} epoch{'' if count == 1 else 's'}"
