"""What pre-training is worth is told of full ULMFiT alone, against scratch on the same data set."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from report.synthetic import RECIPE, cell, make_record

from harness.claims import Protocol
from harness.report.pretraining import (
    Product,
    error_against_tokens,
    pretraining_numbers,
    pretraining_table,
    read_products,
    starts,
    tokens_table,
)
from harness.report.summaries import summarise
from harness.specification import LanguageModelArm, ShippedModel, cell_id

PROTOCOL = Protocol(tuning_repetitions=(100, 101), final_repetitions=tuple(range(4)), margin=0.005)
PRODUCTS = {
    "a" * 64: Product("long", 80_000_000, {"wikitext-validation": 50.0}),
    "b" * 64: Product("short", 10_000_000, {"wikitext-validation": 90.0}),
}


def finals(errors, arm, digest, recipe="mini", start=None, direction="forward", **of_cell):
    """Final records of an arm in a recipe that starts from the model of this digest."""
    start = start or LanguageModelArm("full+discr+stlr", "stlr", 2.6)
    used = replace(RECIPE, name=recipe, general=ShippedModel("general", digest), direction=direction)
    records = []
    for n, error in enumerate(errors):
        made = make_record(cell(arm=arm, repetition=n, **of_cell), error=error)
        other = replace(made.specification, recipe=used, arm=replace(made.specification.arm, start=start))
        records.append(replace(made, specification=other, cell=cell_id(other)))
    return records


SCRATCH = finals([0.30, 0.32, 0.34, 0.36], "scratch", "a" * 64, start="random", decay=1.0)
LONG = finals([0.20, 0.23, 0.24, 0.25], "freez+stlr", "a" * 64)
SHORT = finals([0.28, 0.30, 0.30, 0.36], "freez+stlr", "b" * 64, recipe="short")


def found(*records):
    return starts(summarise([record for group in records for record in group], PROTOCOL), PRODUCTS)


def test_each_model_is_set_against_scratch_from_the_fewest_tokens():
    short, long = found(SCRATCH, LONG, SHORT)
    assert [short.product.name, long.product.name] == ["short", "long"]
    assert long.difference.mean == pytest.approx(-0.1)
    assert short.difference.mean == pytest.approx(-0.02)
    first, second = pretraining_table((short, long), {}).rows
    assert first[1:4] == ("short", "10.0", "90.0")
    assert second[-1].startswith("−10.00 [")


def test_the_most_tokens_of_any_model_are_told():
    assert pretraining_numbers(found(SCRATCH, LONG, SHORT)) == {"pretraining/rows": 2, "pretraining/tokens": "80.0"}
    assert pretraining_numbers(()) == {"pretraining/rows": 0, "pretraining/tokens": "–"}


def test_other_arms_other_decays_and_unknown_models_are_not_full_ulmfit():
    others = (
        finals([0.2], "freez+stlr", "a" * 64, decay=1.0),
        finals([0.2], "freez+stlr", "c" * 64),
        finals([0.2], "general", "a" * 64, start="general"),
        finals([0.2], "freez+stlr", "a" * 64, start=LanguageModelArm("full+discr", "constant", 2.6)),
        finals([0.2], "freez+stlr", "a" * 64, start=LanguageModelArm("low", "stlr", 2.6, "bottom")),
    )
    for other in others:
        assert found(SCRATCH, other) == ()


def test_scratch_of_the_same_direction_is_compared_before_that_of_the_other():
    backward = finals([0.5] * 4, "scratch", "b" * 64, "mini-backward", "random", "backward", decay=1.0)
    towards = finals([0.2] * 4, "freez+stlr", "b" * 64, "mini-backward", direction="backward")
    (start,) = found(SCRATCH, towards)
    assert start.difference.mean == pytest.approx(-0.13)
    (start,) = found(SCRATCH, backward, towards)
    assert start.difference.mean == pytest.approx(-0.3)


def test_scratch_of_another_recipe_or_data_set_is_not_compared():
    elsewhere = finals([0.3] * 4, "scratch", "a" * 64, start="random", decay=1.0, name="trec6")
    other = [
        replace(r, specification=replace(r.specification, recipe=replace(r.specification.recipe, size=larger)))
        for r in SCRATCH
        for larger in [replace(RECIPE.size, hidden=999)]
    ]
    (start,) = found(elsewhere, other, LONG)
    assert start.scratch is None
    assert pretraining_table((start,), {}).rows[0][-1] == "–"


def test_the_figure_needs_two_forward_models():
    backward = finals([0.2] * 4, "freez+stlr", "b" * 64, recipe="mini-backward", direction="backward")
    assert error_against_tokens(found(SCRATCH, LONG), {}) is None
    assert error_against_tokens(found(SCRATCH, LONG, backward), {}) is None
    (axes,) = error_against_tokens(found(SCRATCH, LONG, SHORT), {"rt-1k": "Films"}).axes
    (line,) = (container.lines[0] for container in axes.containers)
    assert list(line.get_xdata()) == [10.0, 80.0]
    assert list(line.get_ydata()) == pytest.approx([31.0, 23.0])
    assert axes.get_title().startswith("Films")


def test_neighbours_on_the_curve_tell_what_a_doubling_is_worth():
    assert tokens_table(found(SCRATCH, LONG), {}).rows == ()
    (row,) = tokens_table(found(SCRATCH, LONG, SHORT), {"rt-1k": "Films"}).rows
    assert row[:5] == ("Films", "torch", "10.0", "80.0", "4")
    assert row[5].startswith("−8.00 [")
    assert row[6] == "−2.67"  # three doublings


def test_models_are_known_by_the_digests_that_their_records_tell(tmp_path):
    facts = {"digest": "a" * 64, "tokens": 5, "perplexity": {"wikipedia": 40.0}, "recipe": {"name": "long"}}
    (tmp_path / "long.json").write_text(json.dumps(facts))
    (tmp_path / "long.vocabulary.json").write_text('["the"]')
    assert read_products(tmp_path) == {"a" * 64: Product("long", 5, {"wikipedia": 40.0})}
