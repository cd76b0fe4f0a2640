from __future__ import annotations

from dataclasses import replace

import pytest
from report.synthetic import cell, make_record

from harness.claims import Protocol
from harness.report.low_shot import label_budgets, low_shot
from harness.report.summaries import summarise

PROTOCOL = Protocol((100,), (0, 1), 0.005)
TITLES = {"rt-1k": "Tomatoes, 1,000 labels", "rt-200": "Tomatoes, 200 labels"}


def records(name, labels, errors, *, validation=500, **kwargs):
    """Final records on one corpus, with ``labels`` of it."""
    specification = cell(name, **kwargs)
    dataset = replace(specification.dataset, digest="0" * 64, labels=labels, validation=validation)
    cells = [replace(specification, dataset=dataset, repetition=n) for n in range(len(errors))]
    return [make_record(one, error=error) for one, error in zip(cells, errors, strict=True)]


def budgets(*found):
    return label_budgets(summarise([record for group in found for record in group], PROTOCOL), TITLES)


def test_datasets_that_differ_only_in_labels_make_one_panel_with_a_line_for_each_arm():
    uniform = records("rt-200", 200, (0.4,), decay=1.0), records("rt-1k", 1000, (0.3,), decay=1.0)
    found = budgets(records("rt-1k", 1000, (0.1, 0.3)), records("rt-200", 200, (0.3, 0.3)), *uniform)
    figure = low_shot(found)
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_title() == "Tomatoes, torch"
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["200", "1,000"]
    drawn = {container.get_label(): container.lines[0] for container in axes.containers}
    assert set(drawn) == {"full+stlr, uniform", "full+stlr, decay 2.6"}
    assert drawn["full+stlr, decay 2.6"].get_ydata() == pytest.approx([30, 20])
    assert drawn["full+stlr, uniform"].get_ydata() == pytest.approx([40, 30])
    assert drawn["full+stlr, decay 2.6"].get_xdata() == pytest.approx([200, 1000], rel=0.1)


def test_one_budget_draws_nothing():
    assert budgets(records("rt-1k", 1000, (0.1,))) == ()
    assert low_shot(()) is None


def test_an_arm_with_one_budget_is_left_out():
    others = [records("rt-1k", 1000, (0.5,), decay=1.0), records("rt-1k", 1000, (0.5,), arm="freez+stlr")]
    (found,) = budgets(records("rt-1k", 1000, (0.1,)), records("rt-200", 200, (0.2,)), *others)
    assert {(summary.family.arm, summary.family.decay) for _, summary in found.points} == {("full+stlr", 2.6)}


def test_a_dataset_that_differs_in_more_than_its_labels_does_not_count():
    assert budgets(records("rt-1k", 1000, (0.1,)), records("rt-200", 200, (0.2,), validation=99)) == ()


def test_other_decays_are_left_out():
    assert budgets(records("rt-1k", 1000, (0.1,)), records("rt-200", 200, (0.2,), decay=4.19)) == ()


def test_all_labels_stand_to_the_right_of_every_number():
    figure = low_shot(
        budgets(records("rt-all", None, (0.1,)), records("rt-1k", 1000, (0.2,)), records("rt-50", 50, (0.3,)))
    )
    assert figure is not None
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["50", "1,000", "all"]
    (line,) = (container.lines[0] for container in axes.containers)
    assert line.get_ydata() == pytest.approx([30, 20, 10])
    assert list(line.get_xdata()) == sorted(line.get_xdata())


def test_implementations_have_panels_of_their_own():
    found = budgets(
        *(
            records(n, k, (0.1,), implementation=i)
            for n, k in (("rt-1k", 1000), ("rt-200", 200))
            for i in ("torch", "fastai")
        )
    )
    assert [budget.implementation for budget in found] == ["torch", "fastai"]
    figure = low_shot(found)
    assert figure is not None
    assert len(figure.axes) == 2
