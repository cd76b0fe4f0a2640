"""Every cell's error is in one of three tables, at its family and rate or seed."""

from __future__ import annotations

from dataclasses import replace

from report.synthetic import RECIPE, cell, make_record

from harness.claims import Protocol
from harness.report.every_cell import crossed_table, finals_table, tuning_table
from harness.report.summaries import summarise

PROTOCOL = Protocol(tuning_repetitions=(100, 101), final_repetitions=(0, 1, 2), margin=0.005)
TUNING = [
    make_record(cell(decay=decay, rate=rate, repetition=n), error=decay / 10 + rate + (n - 100) / 100)
    for decay, rates in ((1.0, (0.004, 0.008)), (2.6, (0.008, 0.016)))
    for rate in rates
    for n in (100, 101)
]
FINALS = [make_record(cell(decay=1.0, rate=0.004, repetition=n), error=0.2 + n / 10) for n in (0, 2)]
SUMMARIES = summarise([*TUNING, *FINALS], PROTOCOL)


def test_tuning_cells_stand_by_base_rate_both_repetitions_together():
    table = tuning_table(SUMMARIES, [*TUNING, *FINALS], PROTOCOL, {"rt-1k": "Tomatoes"})
    assert [column.heading for column in table.columns[4:]] == ["0.004", "0.008", "0.016"]
    assert table.rows == (
        ("Tomatoes (mini)", "torch", "full+stlr", "1", "10.4 / 11.4", "10.8 / 11.8", "–"),
        ("Tomatoes (mini)", "torch", "full+stlr", "2.6", "–", "26.8 / 27.8", "27.6 / 28.6"),
    )


def test_final_cells_stand_by_seed_and_a_missing_one_is_a_dash():
    (row,) = finals_table(SUMMARIES, [*TUNING, *FINALS], PROTOCOL, {}).rows
    assert row == ("rt-1k (mini)", "torch", "full+stlr", "1", "0.004*", "20.0", "–", "40.0")


def test_final_cells_at_rates_that_tuning_did_not_choose_have_rows_of_their_own():
    others = [make_record(cell(decay=1.0, rate=0.008, repetition=1), error=0.5)]
    records = [*TUNING, *FINALS, *others]
    rows = finals_table(summarise(records, PROTOCOL), records, PROTOCOL, {}).rows
    assert [row[4:] for row in rows] == [("0.004*", "20.0", "–", "40.0"), ("0.008", "–", "50.0", "–")]


def test_crossed_cells_stand_by_initialisation_and_order():
    small = crossed([0.1, 0.2, 0.3, 0.4], size=2, rate=0.004)
    large = crossed([0.5] * 8 + [0.9], size=3, rate=0.008)
    table = crossed_table([*FINALS, *small, *large], {"rt-1k": "Tomatoes"})
    assert [column.heading for column in table.columns[4:]] == ["Base rate", "Initialisation", "0", "1", "2"]
    assert table.rows[0] == ("Tomatoes (crossed)", "torch", "full+stlr", "2.6", "0.004", "0", "10.0", "20.0", "–")
    assert [row[5:] for row in table.rows[1:]] == [
        ("1", "30.0", "40.0", "–"),
        ("0", "50.0", "50.0", "50.0"),
        ("1", "50.0", "50.0", "50.0"),
        ("2", "50.0", "50.0", "90.0"),
    ]
    assert crossed_table(FINALS, {}).rows == ()


def crossed(errors, *, size, rate):
    recipe = replace(RECIPE, name="crossed", crossing=size)
    cells = (replace(cell(rate=rate, repetition=n), recipe=recipe) for n in range(size * size))
    return [make_record(one, error=error) for one, error in zip(cells, errors, strict=True)]
