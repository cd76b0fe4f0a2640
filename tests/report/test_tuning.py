from __future__ import annotations

import pytest
from matplotlib.patches import Rectangle
from report.synthetic import RATES, cell, make_record, study

from harness.claims import Protocol
from harness.report.appearance import svg_bytes
from harness.report.robustness import areas, areas_table
from harness.report.summaries import summarise
from harness.report.tuning import sensitivity, tuning_heat_map
from harness.statistics import area_under_error

PROTOCOL = Protocol((100, 101), (0, 1), 0.005)
SUMMARIES = summarise(study(("rt-1k",), (1.0, 2.6), ("torch",), finals=2), PROTOCOL)


def tuned(errors, **kwargs):
    """Tuning records of one family whose two repetitions differ by 0.02 around each error."""
    return [
        make_record(cell(rate=rate, repetition=100 + r, **kwargs), error=error + (0.01, -0.01)[r])
        for rate, error in errors.items()
        for r in (0, 1)
    ]


def test_a_summary_keeps_the_mean_validation_error_of_each_rate_that_was_tried():
    (summary,) = summarise(tuned({0.02: 0.3, 0.01: 0.2}), PROTOCOL)
    assert summary.tried == (0.01, 0.02)
    assert summary.tuning == pytest.approx((0.2, 0.3))


def test_the_heat_map_states_each_error_in_its_cell_and_frames_the_chosen_rates():
    records = tuned({0.01: 0.2, 0.02: 0.3, 0.04: 0.4}, decay=1.0) + tuned({0.02: 0.35, 0.04: 0.25})
    figure = tuning_heat_map(summarise(records, PROTOCOL))
    assert figure is not None
    (axes,) = figure.axes
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    lower = {(0.5, 0.5): "20.0", (1.5, 0.5): "30.0", (2.5, 0.5): "40.0"}
    assert cells == lower | {(1.5, 1.5): "35.0", (2.5, 1.5): "25.0"}
    frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [(int(frame.get_x()), int(frame.get_y())) for frame in frames] == [(0, 0), (2, 1)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "2.6"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.01", "0.02", "0.04"]


def test_numbers_are_black_on_light_cells_and_white_on_dark_ones():
    figure = tuning_heat_map(summarise(tuned({0.01: 0.2, 0.02: 0.5}), PROTOCOL))
    assert figure is not None
    assert [text.get_color() for text in figure.axes[0].texts] == ["#000000", "white"]


def test_the_same_tuning_gives_the_same_bytes():
    one, two = (tuning_heat_map(SUMMARIES) for _ in range(2))
    assert one is not None
    assert two is not None
    assert svg_bytes(one) == svg_bytes(two)


def test_sensitivity_draws_a_line_for_each_decay_with_uniform_dashed_and_the_choice_ringed():
    figure = sensitivity(SUMMARIES)
    assert figure is not None
    lines = figure.axes[0].get_lines()
    curves = {line.get_label(): line for line in lines[::2]}
    assert {label: line.get_linestyle() for label, line in curves.items()} == {"1": "--", "2.6": "-"}
    for summary, ring in zip(SUMMARIES, lines[1::2], strict=True):
        drawn = curves[f"{summary.family.decay:g}"]
        assert list(drawn.get_xdata()) == list(RATES)
        assert drawn.get_ydata() == pytest.approx([100 * error for error in summary.tuning])
        assert list(ring.get_xdata()) == [summary.rate]


def test_without_tuning_nothing_is_drawn_and_one_rate_makes_no_curve():
    finals = summarise([make_record(cell())], PROTOCOL)
    assert tuning_heat_map(finals) is None
    one = summarise(tuned({0.01: 0.2}), PROTOCOL)
    assert sensitivity(one) is None
    assert tuning_heat_map(one) is not None
    assert areas(one) == ()


def test_areas_are_taken_over_the_rates_that_all_decays_have():
    uniform, other = {0.01: 0.2, 0.02: 0.3, 0.04: 0.3}, {0.02: 0.1, 0.04: 0.3, 0.08: 0.9}
    found = areas(summarise(tuned(uniform, decay=1.0) + tuned(other), PROTOCOL))
    assert [area.rates for area in found] == [(0.02, 0.04)] * 2
    assert [area.error for area in found] == pytest.approx([0.3, 0.2])
    assert [area.difference for area in found] == [None, pytest.approx(-0.1)]


def test_arms_and_implementations_have_common_rates_of_their_own():
    records = tuned({0.01: 0.2, 0.02: 0.3}) + tuned({0.04: 0.2, 0.08: 0.3}, implementation="fastai")
    assert [area.rates for area in areas(summarise(records, PROTOCOL))] == [(0.01, 0.02), (0.04, 0.08)]


def test_the_table_of_areas_states_range_area_and_difference():
    rows = areas_table(SUMMARIES, {"rt-1k": "Tomatoes"}).rows
    expected = [100 * area_under_error(s.tried, s.tuning) for s in SUMMARIES]
    assert rows[0] == ("Tomatoes", "torch", "full+stlr", "1", "3 from 0.004 to 0.016", f"{expected[0]:.2f}", "–")
    assert float(rows[1][6].replace("−", "-")) == pytest.approx(expected[1] - expected[0], abs=0.006)


def test_errors_above_twice_the_lowest_lie_outside_of_the_curves_axis():
    figure = sensitivity(summarise(tuned({0.01: 0.2, 0.02: 0.1, 0.04: 0.75}), PROTOCOL))
    assert figure is not None
    assert figure.axes[0].get_ylim()[1] == pytest.approx(20)
    near = sensitivity(summarise(tuned({0.01: 0.2, 0.02: 0.15, 0.04: 0.25}), PROTOCOL))
    assert near is not None
    assert near.axes[0].get_ylim()[1] > 25
