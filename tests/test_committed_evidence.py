"""The committed records: readable, complete where the canaries need them, and shown by the committed paper."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from harness import baseline_evidence, claim_history, evidence, language_model_evidence
from harness.campaign import Selection, planned
from harness.claims import Family, chosen_rates
from harness.record import Record
from harness.report.again import paired_with_committed
from harness.report.freshness import stale
from harness.report.inputs import ReportInputs
from harness.report.paper import GENERATED, PDF, WRITTEN, compile_paper
from harness.report.readme import END, README
from harness.report_inputs import report_inputs
from harness.reproduction import compare
from harness.sides import gather, records_of
from harness.specification import cell_id
from study.__main__ import STUDY
from study.profiles import BEST_DECAYS
from study.recipes import COMPACT

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
    assert {cell_id(cell) for cell in cells} <= {record.cell for record in committed}


def test_committed_records_were_made_by_committed_code_from_the_declared_cells(committed: tuple[Record, ...]) -> None:
    cells = [cell for name in STUDY.profiles for cell in planned(STUDY, Selection(name), committed).cells]
    declared = {cell_id(cell): cell for cell in cells}
    for record in committed:
        assert not record.environment.modified
        assert record.specification == declared[record.cell]


def test_all_records_of_a_data_set_and_size_of_vocabulary_are_of_the_same_tokens(committed: tuple[Record, ...]) -> None:
    found: dict[tuple[object, ...], set[tuple[str, str]]] = {}
    for record in committed:
        dataset, size = record.specification.dataset, record.specification.recipe.size
        kind = (replace(dataset, name="", title="", labels=None), size.max_vocabulary, size.min_frequency)
        found.setdefault(kind, set()).add((record.inputs.corpus, record.inputs.vocabulary))
    assert {len(digests) for digests in found.values()} == {1}


def test_every_committed_file_is_what_its_records_are_written_as(committed: tuple[Record, ...]) -> None:
    again = evidence.load_again(ROOT / "results")
    sets = {ROOT / "results": committed} | {ROOT / "results" / evidence.AGAIN / name: again[name] for name in again}
    for folder, records in sets.items():
        for path in folder.glob("*.jsonl"):
            own = [record for record in records if record.specification.dataset.name == path.stem]
            assert path.read_text(encoding="utf-8") == evidence.to_text(own)


def test_the_history_of_the_claims_covers_every_record(committed: tuple[Record, ...]) -> None:
    history = claim_history.read(ROOT / "results" / claim_history.FILE)
    rules = {claim.name: claim_history.rule_digest(claim) for claim in STUDY.claims}
    assert history.rules == rules, "run: python -m study history"
    assert set(history.since) == set(rules), "run: python -m study history"
    assert set(history.standing) == {record.environment.commit for record in committed}, "run: python -m study history"


def test_language_models_are_those_that_records_start_from(committed: tuple[Record, ...]) -> None:
    models = language_model_evidence.read(ROOT / "results" / language_model_evidence.FILE)
    assert len({model.start for model in models}) == len(models) > 0
    for model in models:
        records = [record for record in committed if record.inputs.start == model.start]
        assert {record.result.perplexity for record in records} == {model.perplexity}
        assert {record.specification.arm.start for record in records} == {model.arm}
        assert model.dataset in {record.specification.dataset.name for record in records}


def test_baselines_are_declared_ones_made_by_committed_code_and_written_as_they_are_read(tmp_path: Path) -> None:
    path = ROOT / "results" / baseline_evidence.FILE
    records = baseline_evidence.read(path)
    assert len({(record.dataset.name, record.baseline) for record in records}) == len(records) > 0
    for record in records:
        assert record.dataset == STUDY.datasets[record.dataset.name]
        assert record.baseline in STUDY.baselines
        assert not record.environment.modified
        assert tuple(run.repetition for run in record.runs) == STUDY.protocol.final_repetitions
    baseline_evidence.write(records, tmp_path / path.name)
    assert (tmp_path / path.name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def test_the_readme_says_on_what_devices_records_were_made(committed: tuple[Record, ...]) -> None:
    on_processors = {record.environment.device for record in committed} == {"cpu"}
    assert ("every committed record is a processor's" in (ROOT / README).read_text(encoding="utf-8")) is on_processors
    differences = (ROOT / "paper/differences.md").read_text(encoding="utf-8")
    assert ("Neither has been run on a GPU yet" in differences) is on_processors


def test_cells_measured_again_are_committed_cells_made_by_committed_code(committed: tuple[Record, ...]) -> None:
    again = evidence.load_again(ROOT / "results")
    assert not any(record.environment.modified for records in again.values() for record in records)
    assert paired_with_committed(again, committed)


def test_crossed_repetitions_run_at_the_rate_that_tuning_chose(committed: tuple[Record, ...]) -> None:
    (cell, *_) = planned(STUDY, Selection("seeds"), committed).cells
    chosen = chosen_rates(committed, STUDY.protocol)
    uncrossed = Family(cell.dataset.name, COMPACT.name, cell.implementation, cell.arm.name, cell.arm.decay)
    assert cell.base_rate == chosen[uncrossed]


@pytest.fixture(scope="module")
def inputs(committed: tuple[Record, ...]) -> ReportInputs:
    return report_inputs(STUDY, committed, (), ROOT / "results")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The paper's folder in a copy of what is written, generated and committed."""
    shutil.copy(ROOT / README, tmp_path)
    for pattern in (*WRITTEN, *GENERATED, PDF):
        for path in (ROOT / "paper").glob(pattern):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return tmp_path / "paper"


def test_the_committed_paper_and_readme_show_the_committed_records(inputs: ReportInputs) -> None:
    assert stale(inputs, ROOT / "paper") == (), "not those of the records; run nox -s report and commit what it wrote"


def test_the_papers_body_has_six_to_ten_pages() -> None:
    _, _, pages = compile_paper(ROOT / "paper")
    assert 6 <= pages <= 10


def test_a_changed_line_a_missing_file_and_one_too_many_are_found(inputs: ReportInputs, copy: Path) -> None:
    changed = ["numbers.json", "tables/verdicts.md", "tables/errors.csv", "figures/captions.json", "../README.md"]
    figure = next(path.relative_to(copy).as_posix() for path in sorted(copy.glob("figures/*.svg")))
    for name in [*changed, figure]:
        _change_a_digit(copy / name)
    (copy / "tables/areas.tex").unlink()
    (copy / "figures/old.svg").touch()
    expected = {*changed, figure, "tables/areas.tex", "figures/old.svg", PDF, README} - {"../README.md"}
    assert set(stale(inputs, copy)) == expected


def test_a_pdf_of_other_prose_is_found(inputs: ReportInputs, copy: Path) -> None:
    assert stale(inputs, copy) == ()
    section = copy / "sections" / "abstract.typ"
    section.write_text(section.read_text(encoding="utf-8") + "More.", encoding="utf-8")
    assert stale(inputs, copy) == (PDF,)
    section.write_text(section.read_text(encoding="utf-8").removesuffix("More."), encoding="utf-8")
    (copy / PDF).unlink()
    assert stale(inputs, copy) == (PDF,)


def test_a_changed_record_is_found_in_all_that_shows_it(inputs: ReportInputs) -> None:
    number, record = next(
        (number, record)
        for number, record in enumerate(inputs.records)
        if record.specification.repetition in STUDY.protocol.final_repetitions
        and record.specification.arm.decay == 2.6
        and record.specification.implementation == "fastai"
        # The README tells of a shipped model alone, and only where all pairs have been run.
        and (record.specification.dataset.name, record.specification.recipe.name) == ("rt-1k", "compact")
    )
    test = replace(record.result.test, error=record.result.test.error + 0.05)
    other = replace(record, result=replace(record.result, test=test))
    records = (*inputs.records[:number], other, *inputs.records[number + 1 :])
    found = stale(replace(inputs, records=records), ROOT / "paper")
    assert {README, "numbers.json", "tables/errors.md", "tables/verdicts.md"} <= set(found)
    assert any(name.startswith("figures/error-against-decay") for name in found)


def _change_a_digit(path: Path) -> None:
    """Change the last digit that the file has, in the README the last one of its generated part."""
    text = path.read_text(encoding="utf-8")
    place = max(text.rfind(digit, 0, text.find(END) if END in text else None) for digit in "0123456789")
    path.write_text(f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}", encoding="utf-8")


def test_fastai_repeats_the_decay_that_the_sweep_of_torch_found_best(committed: tuple[Record, ...]) -> None:
    (claim,) = [claim for claim in STUDY.claims if claim.name == "the-factor-is-near-the-best-fastai"]
    best_of_torch = replace(claim.right, implementation="torch", chosen_with=None)
    read_at = partial(records_of, best_of_torch, evidence=gather(committed, STUDY.protocol), protocol=STUDY.protocol)
    chosen = (record for place in claim.places or () for record in read_at(place).values())
    best = {record.specification.dataset.name: record.specification.arm.decay for record in chosen}
    assert best == BEST_DECAYS
    declared = {sweep.dataset.name: sweep.decays for sweep in STUDY.profiles["agreement"].sweeps}
    assert all(decay in declared[dataset] for dataset, decay in best.items())
