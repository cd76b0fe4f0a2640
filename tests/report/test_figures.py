from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from report.synthetic import GROUPS, cell, diverged, make_record, study

from harness.claims import Protocol
from harness.record import RealisedRates
from harness.report.agreement import Pairs, agreement, implementation_pairs
from harness.report.appearance import svg_bytes
from harness.report.figures import displacement, error_against_decay, learning_curves, realised_rates
from harness.report.gallery import example_cells, example_rates, gallery
from harness.report.summaries import summarise
from harness.specification import LanguageModelArm, ShippedModel
from study.__main__ import STUDY

PROTOCOL = Protocol((100, 101), (0, 1, 2), 0.005)
SUMMARIES = summarise(study(decays=(0.62, 1.0, 2.6), finals=3), PROTOCOL)
RT = [summary for summary in SUMMARIES if summary.family.dataset == "rt-1k"]


def test_the_sweep_draws_the_mean_errors_of_the_summaries_in_percent():
    figure = error_against_decay(SUMMARIES, {"rt-1k": "Rotten Tomatoes"})
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == ["Rotten Tomatoes", "trec6"]
    drawn = figure.axes[0].containers[0].lines[0].get_ydata()
    assert drawn == pytest.approx([100 * s.test_error for s in RT if s.family.implementation == "torch"])


def test_a_ring_marks_the_lowest_mean_of_each_implementation():
    figure = error_against_decay(RT, {})
    assert figure is not None
    rings = [line for line in figure.axes[0].lines if line.get_fillstyle() == "none"]
    found = [(s.family.implementation, s.test_error) for s in RT]
    lowest = [100 * min(error for name, error in found if name == one) for one in ("torch", "fastai")]
    assert sorted(float(line.get_ydata()[0]) for line in rings) == pytest.approx(sorted(lowest))


def test_means_at_a_rate_on_the_edge_or_chosen_by_a_tie_are_hollow():
    marks = [(False, False), (True, False), (False, True)]
    torch = [s for s in RT if s.family.implementation == "torch"]
    torch = [replace(s, on_edge=edge, tied=tied) for s, (edge, tied) in zip(torch, marks, strict=True)]
    figure = error_against_decay(torch, {})
    assert figure is not None
    (hollow,) = (line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white")
    assert list(hollow.get_ydata()) == pytest.approx([100 * s.test_error for s in torch[1:]])


def test_series_differ_in_colour_and_in_marker():
    figure = error_against_decay(RT, {})
    assert figure is not None
    lines = [container.lines[0] for container in figure.axes[0].containers]
    assert len({to_hex(line.get_color()) for line in lines}) == len({line.get_marker() for line in lines}) == 2


def test_learning_curves_draw_the_mean_over_seeds_of_uniform_and_discriminative_only():
    figure = learning_curves(RT)
    assert figure is not None
    curves = {line.get_label(): line.get_ydata() for line in figure.axes[0].get_lines()}
    assert set(curves) == {"uniform", "decay 2.6"}
    finals = next(s for s in RT if s.family.decay == 2.6 and s.family.implementation == "torch").finals
    expected = np.mean([[100 * epoch.validation_error for epoch in r.result.epochs] for r in finals], axis=0)
    assert curves["decay 2.6"] == pytest.approx(expected)
    assert list(figure.axes[0].get_lines()[0].get_xdata()) == list(range(1, len(finals[0].result.epochs) + 1))


def test_learning_curves_leave_out_the_values_a_diverged_run_does_not_have():
    summaries = summarise([make_record(cell()), diverged(make_record(cell(repetition=1)))], PROTOCOL)
    figure = learning_curves(summaries)
    assert figure is not None
    expected = [epoch.training_loss for epoch in summaries[0].finals[0].result.epochs]
    assert figure.axes[1].get_lines()[0].get_ydata() == pytest.approx(expected)


def test_a_frozen_group_is_not_drawn_on_the_log_axis():
    figure = realised_rates({"gradual": make_record(cell(arm="freez+stlr")).result.rates})
    assert figure is not None
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in figure.axes[0].get_lines()}
    assert list(lines) == list(GROUPS)
    assert np.isnan(lines["embedding"]).all()
    assert not np.isnan(lines["head"]).any()


def test_displacement_draws_one_line_for_each_group():
    figure = displacement([replace(summary, tied=summary.family.decay == 2.6) for summary in RT])
    assert figure is not None
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines if line.get_label() in GROUPS] == list(GROUPS)
    hollow = [line for line in lines if line.get_label() == "_hollow"]
    assert [list(line.get_xdata()) for line in hollow] == [[2.6]] * len(GROUPS)
    assert all(line.get_markerfacecolor() == "white" for line in hollow)


def test_rates_far_below_the_highest_do_not_stretch_the_axis():
    rates = make_record(cell()).result.rates
    rows = [*rates.trace[:-1], (rates.trace[-1][0], *(1e-12 for _ in GROUPS))]
    figure = realised_rates({"one": replace(rates, trace=tuple(rows))})
    assert figure is not None
    assert figure.axes[0].get_ylim()[0] == pytest.approx(1e-5 * max(rate for _, *row in rows for rate in row))


def test_every_group_that_is_not_frozen_throughout_shows_its_marker():
    starts = [11 - 2 * index for index in range(len(GROUPS))]
    trace = tuple((float(step), *(0.01 if step >= start else 0.0 for start in starts)) for step in range(12))
    figure = realised_rates({"late": replace(make_record(cell()).result.rates, trace=trace)})
    assert figure is not None
    for line in figure.axes[0].get_lines():
        marked = np.asarray(line.get_ydata())[line.get_markevery()]
        assert len(marked) > 0
        assert not np.isnan(marked).any()


@pytest.mark.parametrize("factor", [1.0, 1e-2, 1e-4])
def test_displacement_has_labelled_ticks_however_far_layers_moved(factor):
    records = [
        replace(record, result=replace(record.result, displacement={"embedding": factor * 0.3 / decay, "head": 0.7}))
        for decay in (1.0, 2.6)
        for record in [make_record(cell(decay=decay))]
    ]
    figure = displacement(summarise(records, PROTOCOL))
    assert figure is not None
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    assert sum(low <= tick <= high for tick in axes.get_yticks()) >= 2


def test_pairs_of_implementations_share_dataset_arm_decay_and_seed():
    records = [make_record(cell(repetition=n), error=0.1 * (n + 1)) for n in range(3)]
    records += [make_record(cell(implementation="fastai", repetition=n), error=0.1 * n) for n in (2, 1)]
    records += [make_record(cell(implementation="fastai", decay=1.0), error=0.9)]
    (pairs,) = implementation_pairs(summarise(records, PROTOCOL))
    assert pairs.torch == pytest.approx((0.2, 0.3))
    assert pairs.fastai == pytest.approx((0.1, 0.2))


def test_each_decay_has_its_own_mean_and_limits_of_agreement_at_196_standard_deviations():
    pairs = implementation_pairs(RT)
    assert [one.decay for one in pairs] == [0.62, 1.0, 2.6]
    figure = agreement(pairs, 0.005, {})
    assert figure is not None
    lines = iter(figure.axes[0].get_lines()[1:])  # after that at 0
    for one in pairs:
        points, *levels = (next(lines) for _ in range(4))
        differences = 100 * np.subtract(one.torch, one.fastai)
        assert points.get_ydata() == pytest.approx(differences)
        half = 1.96 * differences.std(ddof=1)
        heights = [line.get_ydata()[0] for line in levels]
        assert heights == pytest.approx([differences.mean(), differences.mean() - half, differences.mean() + half])


def test_data_sets_have_an_axis_each_for_the_mean_and_share_that_of_the_difference():
    pairs = [Pairs("trec-6", 1.0, (0.05, 0.06), (0.06, 0.05)), Pairs("b", 1.0, (0.3, 0.32), (0.31, 0.3))]
    figure = agreement(pairs, 0.005, {})
    assert figure is not None
    (left, right), (legend,) = figure.axes, figure.legends
    assert left.get_xlim()[1] < right.get_xlim()[0]
    assert left.get_ylim() == right.get_ylim()
    shown = [text.get_text() for text in legend.get_texts()]
    assert shown == ["margin ±0.5", "trec-6, 1: +0.00 ± 2.77", "b, 1: +0.50 ± 4.16"]


def test_examples_show_each_arm_once_and_the_swept_arm_also_uniform():
    other = [make_record(cell("trec6", decay=1.0, arm="last", repetition=n)) for n in range(3)]
    chosen = [record.specification.arm for record in example_cells(summarise([*study(finals=3), *other], PROTOCOL))]
    assert [(arm.name, arm.decay) for arm in chosen] == [("full+stlr", 1.0), ("full+stlr", 2.6), ("last", 1.0)]


def with_language_model(name, schedule, decay, embedding_group="top"):
    """A final record whose classifier is that of freez+stlr, after another fine-tuning of the language model."""
    specification = cell(arm="freez+stlr")
    start = LanguageModelArm(name, schedule, decay, embedding_group)
    record = make_record(replace(specification, arm=replace(specification.arm, name=name, start=start)))
    rates = RealisedRates(("lstm-1", "embedding+decoder"), 4, (decay, 1.0), ((0.0, decay, 1.0),), 0.0)
    return replace(record, inputs=replace(record.inputs, language_model_rates=rates))


def test_classifiers_alike_are_shown_once_and_language_models_by_schedule_and_place_of_the_embedding():
    stages = (("a", "stlr", 1.0), ("b", "stlr", 2.6), ("c", "constant", 1.0), ("d", "stlr", 2.6, "bottom"))
    found = example_rates([make_record(cell(arm="freez+stlr")), *(with_language_model(*stage) for stage in stages)])
    assert list(found) == [
        "freez+stlr, decay 2.6",
        "language model, stlr,\ndecay 2.6",
        "language model, constant,\ndecay 1",
        "language model, stlr,\ndecay 2.6, embedding lowest",
    ]
    assert found["language model, stlr,\ndecay 2.6"].peaks == (2.6, 1.0)
    figure = realised_rates(found)
    assert figure is not None
    looks = {
        (line.get_label(), to_hex(line.get_color()), line.get_marker()) for axes in figure.axes for line in axes.lines
    }
    assert len(looks) == len({label for label, *_ in looks}) == len(GROUPS) + 1


def test_the_agreement_of_the_whole_study_can_be_told_apart_in_colour_and_in_grey():
    places = {
        (sweep.recipe.name, sweep.dataset.name, decay)
        for profile in STUDY.profiles.values()
        for sweep in profile.sweeps
        if sweep.implementation == "fastai"
        for decay in sweep.decays
    }
    recipes = {recipe for recipe, *_ in places}
    assert len(recipes) > 1
    for recipe in recipes:
        own = [Pairs(name, decay, (0.2, 0.21), (0.205, 0.207)) for one, name, decay in places if one == recipe]
        figure = agreement(own, 0.005, {})
        assert figure is not None
        series = [line for axes in figure.axes for line in axes.lines if line.get_linestyle() == "None"]
        assert len({(to_hex(line.get_color()), line.get_marker()) for line in series}) == len(series) == len(own)


def test_the_same_data_give_the_same_bytes():
    one, two = (error_against_decay(SUMMARIES, {}) for _ in range(2))
    assert one is not None
    assert two is not None
    assert svg_bytes(one) == svg_bytes(two)
    assert b"<dc:date>" not in svg_bytes(one)


def test_without_records_no_figure_is_drawn_and_each_is_named():
    plates = gallery((), PROTOCOL, {}, (), (), {})
    assert [plate.name for plate in plates] == [
        "error-against-decay",
        "differences-to-uniform",
        "low-shot",
        "agreement",
        "realised-rates",
        "every-rate",
        "error-against-tokens",
        "published-contrasts",
    ]
    assert all(plate.figure is None and plate.needs for plate in plates)


@pytest.mark.parametrize("decays", [(2.6,), (1.0,), (4.19,)])
def test_a_single_decay_and_seed_can_be_drawn(decays):
    for plate in gallery(
        summarise(study(("rt-1k",), decays, ("torch",), finals=1), PROTOCOL), PROTOCOL, {}, (), (), {}
    ):
        if plate.figure is not None:
            assert svg_bytes(plate.figure).startswith(b"<?xml")


def test_figures_of_two_recipes_have_names_of_their_own():
    records = study(finals=1, implementations=("torch",))
    recipe = records[0].specification.recipe
    recipe = replace(recipe, name="paper", size=replace(recipe.size, hidden=1152))
    again = [replace(r, specification=replace(r.specification, recipe=recipe), cell="other") for r in records]
    names = [plate.name for plate in gallery(summarise([*records, *again], PROTOCOL), PROTOCOL, {}, (), (), {})]
    assert len(set(names)) == len(names)
    assert {"error-against-decay-mini", "learning-curves-rt-1k-paper", "tuning-rt-1k-paper"} <= set(names)


def test_a_recipe_of_another_language_model_alone_has_no_figures_of_its_own():
    records = study(finals=1, implementations=("torch",))
    recipe = replace(records[0].specification.recipe, name="other", general=ShippedModel("other", "1" * 64))
    again = [replace(r, specification=replace(r.specification, recipe=recipe), cell="other") for r in records]
    once = gallery(summarise(records, PROTOCOL), PROTOCOL, {}, (), (), {})
    assert [plate.name for plate in gallery(summarise([*records, *again], PROTOCOL), PROTOCOL, {}, (), (), {})] == [
        plate.name for plate in once
    ]


def test_what_processors_differ_in_by_the_last_bit_does_not_change_a_vector_figure():
    def drawn(left):
        figure = Figure()
        figure.add_axes((left, 0.1, 0.8, 0.8)).plot([1, 2, 4], marker="o")
        return svg_bytes(figure)

    assert drawn(0.1) == drawn(np.nextafter(0.1, 1))
    assert drawn(0.1) != drawn(0.1001)


def test_a_displacement_that_is_not_finite_is_left_out_of_the_mean():
    records = [make_record(cell(repetition=n)) for n in range(2)]
    gone = dict.fromkeys(GROUPS, None)
    records[1] = replace(records[1], result=replace(records[1].result, displacement=gone))
    figure = displacement(summarise(records, PROTOCOL))
    assert figure is not None
    drawn = [line.get_ydata()[0] for line in figure.axes[0].get_lines()[:5]]
    assert drawn == pytest.approx(list(records[0].result.displacement.values()))


def test_a_family_that_lacks_final_repetitions_is_not_drawn_beside_whole_ones():
    records = [record for record in study(decays=(1.0, 2.6), finals=3) if record.cell.split("/")[-1] != "seed-2"]
    whole = study(("rt-1k",), decays=(1.0, 2.6), finals=3)
    partly = [record for record in records if record.specification.dataset.name == "trec6"]

    def drawn(*records):
        plates = gallery(summarise(records, PROTOCOL), PROTOCOL, {}, (), (), {})
        return {plate.name for plate in plates if plate.figure is not None}

    titles = [axes.get_title() for axes in _sweep(*whole, *partly).axes]
    assert titles == ["rt-1k"]
    assert [axes.get_title() for axes in _sweep(*partly).axes] == ["trec6"]
    assert "displacement-trec6" not in drawn(*whole, *partly)
    assert {"displacement-rt-1k", "tuning-trec6"} <= drawn(*whole, *partly)


def _sweep(*records):
    plates = gallery(summarise(records, PROTOCOL), PROTOCOL, {}, (), (), {})
    (figure,) = (plate.figure for plate in plates if plate.name == "error-against-decay")
    return figure
