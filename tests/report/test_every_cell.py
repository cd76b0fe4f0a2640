"""Every cell's error is in one of two tables, at its family and rate or seed."""

from __future__ import annotations

from report.synthetic import cell, make_record

from harness.claims import Protocol
from harness.report.every_cell import finals_table, tuning_table
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
    (row,) = finals_table(SUMMARIES, PROTOCOL, {}).rows
    assert row == ("rt-1k (mini)", "torch", "full+stlr", "1", "0.004", "20.0", "–", "40.0")
