from __future__ import annotations

from dataclasses import replace

from report.synthetic import RECIPE, cell, make_record

from harness.report.names import arm_in_words, names_table, recipe_in_words
from harness.specification import ShippedModel
from study.arms import ARMS
from study.recipes import COMPACT_BACKWARD, COMPACT_CROSSED, COMPACT_LONG, MINI


def test_arms_that_differ_in_more_than_their_decay_are_told_apart():
    words = [arm_in_words(arm) for arm in ARMS.values()]
    assert len(set(words)) == len(words)


def test_an_arm_is_told_by_its_layers_its_rates_and_its_language_model():
    assert arm_in_words(ARMS["full+stlr"]) == (
        "all layers from the start, at slanted triangular rates, from the language model fine-tuned on the data set's "
        "text (slanted triangular rates, decay 2.6)"
    )
    assert arm_in_words(ARMS["scratch"]).endswith("from random weights")
    assert arm_in_words(ARMS["lm-tied-low"]).endswith("decay 2.6, the embedding lowest)")


def test_a_recipe_is_told_by_its_language_model_its_size_and_its_epochs():
    assert recipe_in_words(COMPACT_LONG) == (
        "from wikipedia-forward, forward: embedding 256, 3 LSTMs of 256, at most 10,000 words; 1 epoch over the data "
        "set's text, then 6 of the classifier"
    )
    assert recipe_in_words(MINI).startswith("from a language model of the data set's own text, forward: embedding 64")
    assert ", backward: " in recipe_in_words(COMPACT_BACKWARD)
    assert recipe_in_words(COMPACT_CROSSED).endswith("crossed with data orders")


def test_each_arm_and_recipe_of_the_records_has_a_row():
    one = make_record(cell())
    recipe = replace(RECIPE, name="other", general=ShippedModel("model", "0"))
    other = replace(one, specification=replace(one.specification, recipe=recipe, arm=ARMS["scratch"]))
    rows = names_table((one, other, one)).rows
    assert [row[:2] for row in rows] == [
        (one.specification.arm.name, "an arm"),
        ("scratch", "an arm"),
        (RECIPE.name, "a recipe"),
        ("other", "a recipe"),
    ]
