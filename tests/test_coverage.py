"""Planned and measured cells by profile and data set."""

from __future__ import annotations

from dataclasses import replace

from sample_record import a_record

from harness.baseline_evidence import BaselineRecord
from harness.campaign import Selection, planned
from harness.claims import Family
from harness.coverage import Coverage, Gap, coverage, gaps, plans
from harness.record import Record
from harness.report.listings import coverage_table
from harness.specification import Baseline, Cell, Dataset, cell_id
from study.__main__ import STUDY

PROFILE = STUDY.profiles["agreement"]
SECONDS = a_record().cost.cpu_seconds
SMALL = replace(STUDY, profiles={"agreement": PROFILE})


def measured(cell: Cell) -> Record:
    return replace(a_record(), cell=cell_id(cell), specification=cell)


def of(records: list[Record], dataset: str = "trec6") -> Coverage:
    (row,) = [
        row
        for row in coverage(SMALL, plans(SMALL, records), records, ())
        if (row.profile, row.dataset) == ("agreement", dataset)
    ]
    return row


def test_final_cells_count_as_planned_before_their_rate_is_chosen_and_after() -> None:
    tuning = [cell for cell in planned(SMALL, Selection("agreement"), ()).cells if cell.dataset.name == "trec6"]
    decays = {cell.arm.decay for cell in tuning}
    whole = len(tuning) + len(PROFILE.final_repetitions) * len(decays)
    assert of([]) == Coverage("agreement", "trec6", whole, 0)
    records = [measured(cell) for cell in tuning]
    assert of(records[:3]) == Coverage("agreement", "trec6", whole, 3, 3 * SECONDS)
    assert of(records) == Coverage("agreement", "trec6", whole, len(tuning), len(tuning) * SECONDS)
    finals = [measured(cell) for cell in planned(SMALL, Selection("agreement"), records).cells if cell not in tuning]
    trec = [record for record in finals if record.specification.dataset.name == "trec6"]
    assert of([*records, *trec]) == Coverage("agreement", "trec6", whole, whole, whole * SECONDS)


def test_a_gap_is_a_family_of_which_cells_are_missing() -> None:
    cells = [cell for cell in planned(SMALL, Selection("agreement"), ()).cells if cell.dataset.name == "trec6"]
    uniform = [cell for cell in cells if cell.arm.decay == 1.0]
    finals = len(PROFILE.final_repetitions)
    found = {gap.family.decay: gap for gap in gaps_of([measured(cell) for cell in uniform[:3]], "trec6")}
    whole = len(uniform) + finals
    assert found[1.0] == Gap("agreement", Family("trec6", "compact", "fastai", "full+stlr", 1.0), whole, whole - 3)
    assert found[2.6].missing == found[2.6].planned == whole
    everything = [measured(cell) for cell in cells]
    everything += [measured(c) for c in planned(SMALL, Selection("agreement"), everything).cells if c not in cells]
    assert not gaps_of(everything, "trec6")
    assert gaps_of(everything, "rt-1k")


def gaps_of(records: list[Record], dataset: str) -> list[Gap]:
    return [gap for gap in gaps(plans(SMALL, records), records) if gap.family.dataset == dataset]


def test_the_table_shows_core_hours_where_there_are_any() -> None:
    rows = coverage_table([Coverage("p", "d", 3, 2, 5400.0), Coverage("q", "d", 3, 0)], {"d": "Data"}).rows
    assert rows == (("p", "Data", "3", "2", "1.50"), ("q", "Data", "3", "0", "–"))


def test_a_record_of_another_data_set_or_rate_is_not_counted() -> None:
    cell = next(c for c in planned(SMALL, Selection("agreement"), ()).cells if c.dataset.name == "trec6")
    assert of([measured(replace(cell, base_rate=0.123))]).measured == 0
    assert of([measured(cell)], "rt-1k").measured == 0


def test_every_profile_and_data_set_has_a_row() -> None:
    rows = coverage(STUDY, plans(STUDY, ()), (), ())
    assert {row.profile for row in rows} == {*STUDY.profiles, "baselines"}
    assert all(row.planned > 0 for row in rows)


def test_a_baseline_counts_where_it_was_fitted_as_it_is_declared_now() -> None:
    first, second = STUDY.baselines
    old = replace(second, strengths=(1.0,))
    fitted = [a_baseline(STUDY.datasets["trec6"], baseline) for baseline in (first, old)]
    rows = {row.dataset: row for row in coverage(SMALL, plans(SMALL, ()), (), fitted) if row.profile == "baselines"}
    assert list(rows) == list(STUDY.datasets)
    assert (rows["trec6"].planned, rows["trec6"].measured, rows["rt-1k"].measured) == (2, 1, 0)


def a_baseline(dataset: Dataset, baseline: Baseline) -> BaselineRecord:
    record = a_record()
    return BaselineRecord(dataset, baseline, ((1.0, 0.2),), 1.0, (), "1.0", record.environment, record.finished)
