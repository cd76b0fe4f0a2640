"""What other choices of tuning repetitions would find, on grids small enough to work out by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from report.synthetic import cell, make_record

from harness.claims import Protocol
from harness.report.every_rate import every_rate
from harness.report.tuning_budget import choice_numbers, grids, tuning_budget_table, tuning_choices
from harness.verdicts import evaluate
from study.claims import CLAIMS

PROTOCOL = Protocol(tuning_repetitions=(100, 101), final_repetitions=(0, 1), margin=0.005)
RATES = (0.01, 0.02)
# By decay and base rate, the errors of repetitions 100, 101, 0 and 1.
VALIDATION = {
    (1.0, 0.01): (0.10, 0.20, 0.10, 0.10),
    (1.0, 0.02): (0.15, 0.15, 0.15, 0.15),
    (2.6, 0.01): (0.50, 0.50, 0.50, 0.50),
    (2.6, 0.02): (0.50, 0.50, 0.50, 0.50),
}
TEST = {
    (1.0, 0.01): (0.20, 0.21, 0.22, 0.23),
    (1.0, 0.02): (0.40, 0.41, 0.42, 0.43),
    (2.6, 0.01): (0.30, 0.30, 0.30, 0.30),
    (2.6, 0.02): (0.90, 0.90, 0.90, 0.90),
}


def records(implementation="torch"):
    return [
        with_test_error(
            TEST[decay, rate][index],
            make_record(
                cell(implementation=implementation, decay=decay, rate=rate, repetition=repetition), error=error
            ),
        )
        for (decay, rate), errors in VALIDATION.items()
        for index, (repetition, error) in enumerate(zip((100, 101, 0, 1), errors, strict=True))
    ]


def choices_of(found):
    return tuning_choices(grids(found, PROTOCOL))


def with_test_error(error, record):
    return replace(record, result=replace(record.result, test=replace(record.result.test, error=error)))


def test_each_repetition_alone_chooses_and_the_others_judge():
    one, *_ = choices_of(records())
    assert (one.family.decay, one.repetitions) == (2.6, 1)
    # 101 alone chooses 0.02 for decay 1; a tie at decay 2.6 goes to the lower rate, which is the better one.
    assert one.rates == (Counter({0.01: 3, 0.02: 1}), Counter({0.01: 4}))
    assert one.differences == pytest.approx(
        (0.3 - (0.21 + 0.22 + 0.23) / 3, 0.3 - (0.40 + 0.42 + 0.43) / 3, 0.3 - 0.64 / 3, 0.3 - 0.63 / 3)
    )


def test_as_many_repetitions_choose_as_leave_others_to_judge():
    assert [choices.repetitions for choices in choices_of(records())] == [1, 2, 3]
    two = choices_of(records())[1]
    assert len(two.differences) == 6
    assert two.rates[0] == Counter({0.01: 6})  # 0.1 + 0.2 ties with 0.15 + 0.15: the lower rate


def test_the_choice_that_the_protocol_makes_finds_what_the_verdict_tells():
    (claim,) = [claim for claim in CLAIMS if claim.name == "discriminative-beats-uniform-torch"]
    (verdict,) = evaluate([replace(claim, places=(("rt-1k", "mini"),))], records(), PROTOCOL)
    assert choices_of(records())[1].differences[0] == pytest.approx(verdict.difference)


def test_where_a_repetition_is_missing_at_one_rate_there_is_nothing_to_choose_again():
    for left_out in (0, 3, 5):
        assert choices_of([record for n, record in enumerate(records()) if n != left_out]) == ()
    assert choices_of([record for record in records() if record.specification.base_rate == 0.01]) == ()


def test_final_repetitions_at_a_rate_that_was_not_tuned_do_not_count():
    more = make_record(cell(decay=2.6, rate=0.64, repetition=0), error=0.01)
    assert choices_of([*records(), more]) == choices_of(records())


def test_the_table_tells_rates_mean_percentiles_and_how_often():
    both = [*records(), *records("fastai")]
    table = tuning_budget_table(choices_of(both), PROTOCOL, {"rt-1k": "Tomatoes"})
    assert [row[1] for row in table.rows] == ["torch"] * 3 + ["fastai"] * 3
    first = table.rows[0]
    assert first[:5] == ("Tomatoes (mini)", "torch", "full+stlr", "1", "4")
    assert first[5:8] == ("0.01† (75\N{NO-BREAK SPACE}%; 2)", "0.01† (100\N{NO-BREAK SPACE}%; 1)", "+3.50")
    assert first[8].startswith("[−8.")
    assert first[9] == "25 %"
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_the_prose_is_told_of_as_many_repetitions_as_the_protocol_tunes_with():
    found = choice_numbers(choices_of(records()), PROTOCOL, {"rt-1k": "Tomatoes"})
    key = "choices/rt-1k/mini/torch/full+stlr"
    assert found["choices"] == (key,)
    assert (found[f"{key}/title"], found[f"{key}/count"]) == ("Tomatoes (mini), torch, full+stlr", 6)
    # Rate 0.01 of decay 1 whichever two choose; two others judge, whose mean is 0.205 to 0.225.
    assert (found[f"{key}/mean"], found[f"{key}/lower"]) == ("+8.50", "0")
    assert found[f"{key}/range"].startswith("[+7.6")
    assert choices_of(records())[1].range == pytest.approx((0.07625, 0.09375))
    # 100 and 101 choose; 0 and 1 judge, at the lowest difference of all.
    assert (found[f"{key}/own"], found[f"{key}/as-high"]) == ("+7.50", "100")
    assert choice_numbers((), PROTOCOL, {}) == {"choices": ()}


def test_the_figure_has_a_panel_for_each_arm_and_a_line_for_each_decay():
    figure = every_rate(grids([*records(), *records("fastai")], PROTOCOL), {"rt-1k": "Tomatoes"})
    assert [axes.get_title() for axes in figure.axes] == [
        "Tomatoes\ntorch, full+stlr, mini",
        "Tomatoes\nfastai, full+stlr, mini",
    ]
    lines = [line for line in figure.axes[0].get_lines() if line.get_linestyle() != "None"]
    assert [list(line.get_xdata()) for line in lines] == [[0.01, 0.02]] * 2
    assert list(lines[0].get_ydata()) == pytest.approx([21.5, 41.5])
    assert list(lines[1].get_ydata()) == pytest.approx([30, 90])
    assert every_rate({}, {}) is None
