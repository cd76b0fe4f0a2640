from __future__ import annotations

from dataclasses import replace

import pytest
from report.synthetic import cell, make_record

from harness.claims import Protocol
from harness.published import Published, PublishedArm, PublishedContrast
from harness.report.beside_figure import beside_published
from harness.report.beside_published import Repeated, contrasts_table, published_table, repeat_contrasts
from harness.report.summaries import summarise
from harness.statistics import paired_difference
from study.__main__ import STUDY

PROTOCOL = Protocol((100,), (0, 1), 0.005)
PLAIN = PublishedArm("7", "full", "full+stlr", 1.0, {"rt-1k": 6.86, "trec6": 5.0})
DISCR = PublishedArm("7", "full + discr", "full+stlr", 2.6, {"rt-1k": 6.21, "trec6": 5.0})
ABSENT = PublishedArm("7", "cos", None, 1.0, {"rt-1k": 7.0, "trec6": 6.0})
PAPER = Published(
    (PLAIN, DISCR, ABSENT),
    (PublishedContrast(PLAIN, DISCR), PublishedContrast(PLAIN, ABSENT)),
    {"rt-1k": "RT", "trec6": "TREC-6"},
)


def summaries(plain=(0.3, 0.2), discr=(0.28, 0.16), **kwargs):
    sides = ((1.0, plain), (2.6, discr))
    records = [make_record(cell(decay=d, repetition=n, **kwargs), error=e) for d, es in sides for n, e in enumerate(es)]
    return summarise(map(with_other_test_error, records), PROTOCOL)


def with_other_test_error(record):
    """The same validation error beside a test error that says the opposite; the paper states validation errors."""
    test = replace(record.result.test, error=1 - record.result.test.error)
    return replace(record, result=replace(record.result, test=test))


def test_the_same_sign_is_found_by_pairs_of_validation_errors():
    first, *_ = repeat_contrasts(PAPER, summaries())
    assert first.published == pytest.approx(-0.0065)
    assert first.ours is not None
    assert (first.ours.mean, first.ours.n) == (pytest.approx(-0.03), 2)
    assert (first.sign, first.way) == ("same", ("mini", "torch"))


@pytest.mark.parametrize(
    ("dataset", "discr", "sign"),
    [("rt-1k", (0.4, 0.4), "opposite"), ("rt-1k", (0.3, 0.2), "no sign"), ("trec6", (0.1, 0.1), "no sign")],
)
def test_other_signs(dataset, discr, sign):
    rows = repeat_contrasts(PAPER, summaries(discr=discr, name=dataset))
    assert {row.sign for row in rows if row.way} == {sign}


def test_what_was_not_measured_is_listed_once_and_says_so():
    rows = contrasts_table(repeat_contrasts(PAPER, ()), {}, 10).rows
    assert [row[:4] for row in rows[:2]] == [
        ("7", "full → full + discr", "rt-1k", "−0.65"),
        ("7", "full → full + discr", "trec6", "+0.00"),
    ]
    assert [row[4:] for row in rows] == [("–", "–", "–", "–", "not measured", "–", "–")] * 4


def test_each_implementation_with_both_sides_has_a_row():
    rows = repeat_contrasts(PAPER, (*summaries(), *summaries(implementation="fastai")))
    assert [row.way[1] for row in rows if row.way] == ["torch", "fastai"]
    half = [summary for summary in summaries() if summary.family.decay == 1.0]
    assert {row.sign for row in repeat_contrasts(PAPER, half)} == {"not measured"}


def test_published_and_own_errors_stand_side_by_side():
    table = published_table(PAPER, summaries(), {"rt-1k": "Tomatoes"})
    assert [c.heading for c in table.columns[4:]] == ["Paper: RT", "Ours: Tomatoes", "Paper: TREC-6", "Ours: trec6"]
    assert table.rows == (
        ("7", "full", "mini", "torch", "6.86", "25.00", "5.00", "–"),
        ("7", "full + discr", "mini", "torch", "6.21", "22.00", "5.00", "–"),
        ("7", "cos", "–", "–", "7.00", "–", "6.00", "–"),
    )


@pytest.mark.parametrize(("difference", "verdict"), [(-0.02, "kept"), (0.02, "reversed"), (-0.0005, "undecided")])
def test_a_sign_is_kept_or_reversed_where_ten_pairs_tell(difference, verdict):
    protocol = replace(PROTOCOL, final_repetitions=tuple(range(10)))
    errors = [0.3 + 0.001 * (n % 3) for n in range(10)]
    sides = ((1.0, errors), (2.6, [error + difference + 0.002 * (n % 2) for n, error in enumerate(errors)]))
    records = [make_record(cell(decay=d, repetition=n), error=e) for d, es in sides for n, e in enumerate(es)]
    (row,) = [row for row in repeat_contrasts(PAPER, summarise(records, protocol)) if row.way]
    assert row.verdict(10) == verdict
    assert row.verdict(11) == "undecided"  # a pair is missing


def test_p_values_are_adjusted_over_the_contrasts_of_a_table_and_data_set_measured_or_not():
    once = replace(PAPER, contrasts=(PublishedContrast(PLAIN, DISCR),))
    assert [row.p for row in repeat_contrasts(once, summaries()) if row.way] == pytest.approx([0.5])
    assert [row.p for row in repeat_contrasts(PAPER, summaries()) if row.way] == pytest.approx([1.0])
    unsigned = replace(once, contrasts=(*once.contrasts, PublishedContrast(DISCR, DISCR)))
    assert min(row.p for row in repeat_contrasts(unsigned, summaries()) if row.way) == pytest.approx(0.5)


def test_an_arm_tuned_at_fewer_rates_than_another_is_not_set_beside_it():
    sides = ((1.0, (0.004, 0.008)), (2.6, (0.008,)))
    tuning = [make_record(cell(decay=d, rate=r, repetition=100), error=0.3) for d, rates in sides for r in rates]
    finals = [make_record(cell(decay=d, rate=rates[0], repetition=n), error=0.3) for d, rates in sides for n in (0, 1)]
    assert {row.sign for row in repeat_contrasts(PAPER, summarise([*tuning, *finals], PROTOCOL))} == {"not measured"}


def test_the_figure_has_a_point_of_the_paper_and_one_of_ours_for_each_measured_contrast():
    figure = beside_published(repeat_contrasts(PAPER, summaries()), {"rt-1k": "Tomatoes, 1,000 labels"})
    (axes,) = figure.axes
    found = {line.get_marker(): float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata()) == 1}
    assert found == pytest.approx({"o": -3.0, "D": -0.65})
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["Paper’s Table 7", "full → full + discr"]
    assert axes.get_title() == "Tomatoes, 1,000 labels"
    assert beside_published(repeat_contrasts(PAPER, ()), {}) is None


def test_all_contrasts_of_the_paper_on_all_its_data_sets_fit_on_a_page():
    pair = paired_difference([0.3, 0.2], [0.28, 0.16])
    rows = [
        Repeated(contrast, dataset, contrast.difference(dataset) / 100, ("compact", "torch"), pair)
        for contrast in STUDY.published.contrasts
        for dataset in STUDY.published.datasets
    ]
    figure = beside_published(rows, {})
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == list(STUDY.published.datasets)
    assert all(
        len([line for line in axes.lines if line.get_marker() == "o"]) == len(STUDY.published.contrasts)
        for axes in figure.axes
    )
    assert figure.get_figheight() < 6


def test_a_contrast_of_runs_in_two_precisions_is_marked():
    def shown(precision):
        records = [make_record(cell(decay=d, repetition=n), error=0.3) for d in (1.0, 2.6) for n in (0, 1)]
        environment = replace(records[-1].environment, precision=precision)
        records[-1] = replace(records[-1], environment=environment)
        rows = contrasts_table(repeat_contrasts(PAPER, summarise(records, PROTOCOL)), {}, 2).rows
        return next(row[6] for row in rows if row[5] == "torch")

    assert shown("bfloat16") == "+0.00 [+0.00, +0.00]§"
    assert shown("float32") == "+0.00 [+0.00, +0.00]"
