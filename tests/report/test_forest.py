from __future__ import annotations

import pytest
from report.synthetic import cell, make_record, study

from harness.claims import Protocol
from harness.report.forest import contrasts_to_uniform, forest
from harness.report.summaries import summarise

PROTOCOL = Protocol((100, 101), (0, 1, 2), 0.005)
SUMMARIES = summarise(study(decays=(0.62, 1.0, 2.6), finals=3), PROTOCOL)


def labels(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def points(figure):
    """Row, value and whether it is filled, of each point."""
    lines = [line for line in figure.axes[0].get_lines() if line.get_marker() in ("o", "s")]
    return [(line.get_ydata()[0], line.get_xdata()[0], line.get_markerfacecolor() != "white") for line in lines]


def test_each_family_but_the_uniform_ones_has_a_row_below_the_heading_of_its_dataset():
    figure = forest(SUMMARIES, 0.005, {"rt-1k": "Tomatoes"})
    assert figure is not None
    assert (
        labels(figure) == ["", *(f"{decay}, {name}" for name in ("torch", "fastai") for decay in ("0.62", "2.6"))] * 2
    )
    one = forest([s for s in SUMMARIES if s.family.implementation == "torch"], 0.005, {})
    assert labels(one) == ["", "0.62", "2.6"] * 2
    assert [text.get_text() for text in figure.axes[0].texts] == ["Tomatoes", "trec6"]
    assert [row for row, *_ in points(figure)] == [1, 2, 3, 4, 6, 7, 8, 9]


def test_a_row_shows_the_paired_difference_in_points_with_its_interval():
    figure = forest(SUMMARIES, 0.005, {})
    assert figure is not None
    contrasts = contrasts_to_uniform(SUMMARIES)
    assert [value for _, value, _ in points(figure)] == pytest.approx([100 * c.difference.mean for c in contrasts])
    bars = [line for line in figure.axes[0].get_lines()[1:] if line.get_marker() == "None"]
    expected = [100 * bound for contrast in contrasts for bound in contrast.difference.interval]
    assert [bound for bar in bars for bound in bar.get_xdata()] == pytest.approx(expected)


def test_the_band_is_the_equivalence_margin_in_points():
    figure = forest(SUMMARIES, 0.007, {})
    assert figure is not None
    band = figure.axes[0].patches[0].get_extents().transformed(figure.axes[0].transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((-0.7, 0.7))


def test_missing_pairs_are_counted_and_a_single_one_has_no_interval():
    records = [make_record(cell(decay=1.0, repetition=n)) for n in range(3)] + [make_record(cell(repetition=1))]
    figure = forest(summarise(records, PROTOCOL), 0.005, {})
    assert figure is not None
    assert labels(figure) == ["", "2.6, n = 1"]
    assert len(figure.axes[0].get_lines()) == 2  # the line at 0 and the point


def test_a_family_that_chose_from_other_rates_than_its_uniform_is_hollow():
    rates = {1.0: (0.004, 0.008), 2.6: (0.008,)}
    records = [make_record(cell(decay=d, rate=r, repetition=n)) for d in rates for r in rates[d] for n in (100, 101)]
    records += [make_record(cell(decay=d, rate=r, repetition=0)) for d in rates for r in (0.004, 0.008)]
    figure = forest(summarise(records, PROTOCOL), 0.005, {})
    assert figure is not None
    assert [filled for *_, filled in points(figure)] == [False]
    equal = forest(SUMMARIES, 0.005, {})
    assert equal is not None
    assert all(filled for *_, filled in points(equal))


def test_families_at_given_rates_that_nothing_chose_are_hollow():
    records = [
        make_record(cell(decay=d, rate=r, repetition=n)) for d, r in ((1.0, 0.004), (2.6, 0.008)) for n in (0, 1)
    ]
    figure = forest(summarise(records, PROTOCOL), 0.005, {})
    assert figure is not None
    assert [filled for *_, filled in points(figure)] == [False]


def test_arms_are_named_where_there_are_several():
    records = [make_record(cell(arm=arm, decay=d)) for arm in ("freez", "full") for d in (1.0, 2.6)]
    figure = forest(summarise(records, PROTOCOL), 0.005, {})
    assert figure is not None
    assert labels(figure) == ["", "freez, 2.6, n = 1", "full, 2.6, n = 1"]


def test_without_a_uniform_counterpart_there_is_nothing_to_draw():
    assert forest(summarise([make_record(cell())], PROTOCOL), 0.005, {}) is None
