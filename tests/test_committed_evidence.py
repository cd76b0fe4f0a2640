"""The committed records: readable, complete where the canaries need them, and shown by the committed paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import baseline_evidence, evidence
from harness.campaign import Selection, planned
from harness.record import Record
from harness.report.page import ReportInputs
from harness.report.paper import texts
from harness.reproduction import compare
from harness.specification import cell_id
from study.__main__ import STUDY

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def committed() -> tuple[Record, ...]:
    return evidence.load(ROOT / "results")


def test_every_canary_has_a_band_to_be_judged_by(committed: tuple[Record, ...]) -> None:
    by_cell = {record.cell: record for record in committed}
    cells = [cell_id(cell) for cell in planned(STUDY, Selection("canary"), committed).cells]
    assert {cell.split("/")[2] for cell in cells} == {"torch", "fastai"}
    for comparison in compare([by_cell[cell] for cell in cells], committed):
        assert comparison.agreement == "identical"
        assert comparison.interval is not None
        assert comparison.interval[1] - comparison.interval[0] < 0.25


def test_the_quick_profile_is_a_sample_of_the_committed_cells(committed: tuple[Record, ...]) -> None:
    cells = planned(STUDY, Selection("quick"), committed).cells
    assert evidence.missing(cells, committed) == ()


def test_committed_records_were_made_by_committed_code_from_the_declared_cells(committed: tuple[Record, ...]) -> None:
    cells = [cell for name in STUDY.profiles for cell in planned(STUDY, Selection(name), committed).cells]
    declared = {cell_id(cell): cell for cell in cells}
    for record in committed:
        assert not record.environment.modified
        assert record.specification == declared[record.cell]


def test_the_committed_numbers_and_tables_of_the_paper_show_the_committed_records(
    committed: tuple[Record, ...],
) -> None:
    inputs = ReportInputs(
        records=committed,
        comparison=(),
        claims=STUDY.claims,
        protocol=STUDY.protocol,
        missing=(),
        titles={key: dataset.title for key, dataset in STUDY.datasets.items()},
        baselines=baseline_evidence.read(ROOT / "results" / baseline_evidence.FILE),
        published=STUDY.published,
    )
    fresh = texts(inputs)
    stale = [name for name, text in fresh.items() if (ROOT / "paper" / name).read_text(encoding="utf-8") != text]
    assert stale == [], "the paper is not that of the records; run nox -s report and commit paper/"
    tables = {f"tables/{path.name}" for path in (ROOT / "paper/tables").iterdir()}
    assert tables == {name for name in fresh if name.startswith("tables/")}
