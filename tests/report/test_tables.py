from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from report.synthetic import cell, diverged, make_record

from harness.baseline_evidence import BaselineRecord, BaselineRun
from harness.claim_history import Ages
from harness.claims import PRIMARY, Protocol
from harness.evidence import Place
from harness.report.baselines import baselines_table
from harness.report.comma_separated import to_csv
from harness.report.listings import cells_table, environments_table, resolution_note, verdicts_table
from harness.report.summaries import summarise
from harness.report.tables import (
    Column,
    Table,
    bracketed,
    errors_table,
    percent,
    points,
    to_latex,
    to_markdown,
)
from harness.specification import Baseline
from harness.verdicts import evaluate
from study.claims import CLAIMS

PROTOCOL = Protocol((100, 101), (0, 1), 0.005)
TRICKY = Table("Caption.", (Column("a_b"), Column("%", numeric=True)), (("50 % & $x$ | {y}\\", "−0.10 – ±"),))


def main_table(records, titles=None):
    table = errors_table(summarise(records, PROTOCOL), titles or {})
    headings = [column.heading.replace("\N{NO-BREAK SPACE}", " ") for column in table.columns]
    return [dict(zip(headings, row, strict=True)) for row in table.rows]


def test_fractions_are_shown_in_percent_with_two_decimals():
    assert (percent(0.12345), percent(1.0), percent(None)) == ("12.35", "100.00", "–")
    assert (points(-0.0123), points(0.0123), points(None)) == ("−1.23", "+1.23", "–")
    assert bracketed((-0.01, 0.02), signed=True) == "[−1.00, +2.00]"
    assert bracketed(None) == "–"


def test_a_row_of_the_main_table_states_error_and_paired_difference():
    records = [make_record(cell(repetition=n, decay=d), error=e) for n, d, e in ((0, 1.0, 0.3), (1, 1.0, 0.2))]
    records += [make_record(cell(repetition=n), error=e) for n, e in ((0, 0.28), (1, 0.18))]
    uniform, discriminative = main_table(records, {"rt-1k": "Rotten Tomatoes"})
    assert discriminative["Dataset"] == "Rotten Tomatoes"
    assert discriminative["Difference to uniform [95 %]"] == "−2.00 [−2.00, −2.00]"
    assert discriminative["Test error % [95 %]"].startswith("23.00 [")
    assert uniform["Difference to uniform [95 %]"] == "–"


def test_a_difference_of_runs_in_two_precisions_is_marked():
    uniform, discriminative = (make_record(cell(decay=d), error=0.25) for d in (1.0, 2.6))
    half = replace(discriminative, environment=replace(discriminative.environment, precision="bfloat16"))
    shown = [row["Difference to uniform [95 %]"] for row in main_table([uniform, half])]
    assert shown == ["–", "+0.00 –§"]
    missing = replace(half, specification=replace(half.specification, repetition=1))
    assert [row["Difference to uniform [95 %]"] for row in main_table([uniform, missing])] == ["–", "–"]


def test_few_and_diverged_seeds_are_shown():
    (row,) = main_table([diverged(make_record(cell()))])
    assert row["Seeds"] == "1 of 2 (1 diverged)"
    assert row["Test error % [95 %]"] == "50.00 –"


def test_a_rate_on_the_edge_of_the_grid_is_marked():
    records = [
        make_record(cell(rate=rate, repetition=n), error=rate * 10) for rate in (0.004, 0.008) for n in (100, 101)
    ]
    (row,) = main_table(records)
    assert (row["Base rate"], row["Test error % [95 %]"]) == ("0.004†", "–")


def test_latex_escapes_every_special_character():
    lines = to_latex(TRICKY).splitlines()
    assert lines[1] == r"\begin{tabular}{lr}"
    assert lines[3] == r"a\_b & \% \\"
    assert lines[5] == r"50 \% \& \$x\$ \textbar{} \{y\}\textbackslash{} & $-$0.10 -- $\pm$ \\"


def test_latex_of_the_main_table_is_ascii_with_balanced_braces():
    body = "\n".join(to_latex(errors_table(summarise([make_record()], PROTOCOL), {"rt-1k": "A_b"})).splitlines()[1:])
    assert body.isascii()
    assert body.count("{") == body.count("}")
    assert [rule for rule in (r"\toprule", r"\midrule", r"\bottomrule") if rule not in body] == []


def test_markdown_rows_have_as_many_cells_as_there_are_columns():
    header, alignment, row, *_ = to_markdown(TRICKY).splitlines()
    assert alignment == "| --- | ---: |"
    assert len(row.replace(r"\|", "").split("|")) == len(header.split("|")) == 4


def as_csv(headings, *rows):
    """What a program reads of a table of numeric columns."""
    table = Table("Left out.", tuple(Column(heading, numeric=True) for heading in headings), rows)
    return list(csv.reader(to_csv(table).splitlines()))


def test_csv_holds_the_same_cells_in_plain_signs_and_without_the_caption():
    table = Table(
        "Left out.", (Column("Text"), Column("b")), (("−1.20 [−2, 3]", "–"), ('a, "b"', "x\N{NO-BREAK SPACE}y"))
    )
    rows = list(csv.reader(to_csv(table).splitlines()))
    assert rows == [["Text", "b"], ["-1.20 [-2, 3]", ""], ['a, "b"', "x y"]]


def test_csv_has_a_column_for_each_number_that_a_cell_shows():
    rows = as_csv(
        ["Error\N{NO-BREAK SPACE}% [95\N{NO-BREAK SPACE}%]", "Interval", "Base rate", "n"],
        ("−1.20 [−2.00, +0.10]†", "[1, 2]", "0.000625", "10"),
        ("3.1 [3.0, 3.2]", "–", "0.005†‡", "–"),
        ("–", "–", "0.01", "8"),
    )
    error = ("Error %", "Error %, 95 % low", "Error %, 95 % high", "Error %, marks")
    assert rows == [
        [*error, "Interval, low", "Interval, high", "Base rate", "Base rate, marks", "n"],
        ["-1.20", "-2.00", "+0.10", "†", "1", "2", "0.000625", "", "10"],
        ["3.1", "3.0", "3.2", "", "", "", "0.005", "†‡", ""],
        ["", "", "", "", "", "", "0.01", "", "8"],
    ]


@pytest.mark.parametrize("cell", ["not chosen", "13.5 / 14.6", "9 of 10", "<0.001", "1 [2, 3", "[1; 2]"])
def test_csv_keeps_whole_what_is_no_number_with_bounds_or_marks(cell):
    rows = as_csv(["a [95 %]", "b"], ("1.0 [0.5, 1.5]", "6.25e-05†"), (cell, cell))
    assert rows[0] == ["a", "a, 95 % low", "a, 95 % high", "b", "b, marks"]
    assert rows[1:] == [["1.0", "0.5", "1.5", "6.25e-05", "†"], [cell, "", "", cell, ""]]


def test_csv_of_a_column_without_any_value_keeps_it_and_the_bounds_that_its_heading_names():
    assert as_csv(["a", "b [9]"], ("–", "–")) == [["a", "b", "b, 9 low", "b, 9 high"], ["", "", "", ""]]


def test_verdicts_name_the_pairs_that_are_missing():
    records = [make_record(cell(repetition=0, decay=decay)) for decay in (1.0, 2.6)]
    verdicts = evaluate(CLAIMS, records, PROTOCOL)
    rows = verdicts_table([(verdict, Ages(2, 1), "") for verdict in verdicts], {}, planned=2).rows
    assert {row[-1] for row in rows} == {"1 of 2"}
    assert {row[2] for row in rows} == {"undecided", "no data"}
    assert {row[7] for row in rows} == {"0 of 2", "1 of 2"}


def test_a_verdict_states_its_marks_and_how_often_a_run_of_the_first_side_is_lower():
    errors = {2.6: (0.1, 0.3), 1.0: (0.2, 0.4)}  # of four pairs three are won
    records = [make_record(cell(decay=d, repetition=n), error=e) for d in errors for n, e in enumerate(errors[d])]
    claim = next(claim for claim in CLAIMS if claim.name == "discriminative-beats-uniform-torch")
    verdicts = evaluate([claim], records, PROTOCOL)
    table = verdicts_table([(verdict, Ages(4, 4), "†¶") for verdict in verdicts], {}, planned=2)
    assert table.rows[0][6] == "0.75"
    assert table.rows[0][3] == "−10.00†¶"
    shown, *_ = csv.DictReader(to_csv(table).splitlines())
    assert (shown["Difference"], shown["Difference, marks"]) == ("-10.00", "†¶")


@pytest.mark.parametrize(("planned", "possible"), [(6, False), (7, True)])
def test_the_page_says_when_no_claim_of_superiority_can_be_held(planned, possible):
    protocol = Protocol((100,), tuple(range(planned)), 0.005)
    records = [make_record(cell(repetition=n, decay=decay)) for n in range(planned) for decay in (1.0, 2.6)]
    three = [replace(claim, places=None) for claim in CLAIMS if claim.question == PRIMARY]  # of one place
    assert len(three) == 3
    note = resolution_note(evaluate(three, records, protocol), protocol)
    assert (note is None) is possible


def test_every_record_has_its_row_and_equal_environments_share_one():
    records = [make_record(cell(repetition=n)) for n in (10, 2)]
    rows = cells_table(records, {records[0].cell: Place(Path("results/rt-1k.jsonl"), 7)}).rows
    assert [(row[0][-6:], row[5]) for row in rows] == [("seed-2", "–"), ("eed-10", "results/rt-1k.jsonl:7")]
    ((*_, count),) = environments_table(records).rows
    assert count == "2"


def baseline_record(strength: float) -> BaselineRecord:
    record = make_record()
    return BaselineRecord(
        dataset=record.specification.dataset,
        baseline=Baseline("lr", "Logistic regression", "logistic-regression", (0.1, 1.0, 10.0)),
        tuning=((0.1, 0.3), (1.0, 0.2), (10.0, 0.25)),
        strength=strength,
        runs=(BaselineRun(0, 0.2, 0.3, ""), BaselineRun(1, 0.22, 0.32, "")),
        scikit_learn="1.0",
        environment=record.environment,
        finished="2020-01-01T00:00:00+00:00",
    )


def test_a_baseline_states_its_mean_errors_its_strength_and_whether_that_lies_on_the_edge():
    inside, edge = baselines_table([baseline_record(1.0), baseline_record(10.0)]).rows
    assert inside[1:5] == ("Logistic regression", "1", "2", "21.00")
    assert inside[5] == "31.00 [18.29, 43.71]"  # t(0.975; 1) = 12.7062 times 0.01
    assert edge[2] == "10†"
