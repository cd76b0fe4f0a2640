"""Measuring with real workers: whatever their number and however often interrupted, the same records come out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tiny_study import MAIN, SCRATCH, Tiny, measured, run_here, tiny

from harness import campaign
from harness.campaign import Selection, SpecificationError, measure, needed_tasks, planned
from harness.corpus.formats import tab_separated
from harness.corpus.texts import content_digest
from harness.plan import UnknownNameError
from harness.record import Record, result_digest
from harness.specification import cell_id
from harness.store import Store
from harness.workplace import Workplace

HERE = Path(__file__).parent
PATIENCE_SECONDS = 60.0
# The command line of the tiny study in the folder that is the first argument. Not a script: workers would import it.
PROGRAM = (
    "import pathlib, sys, tiny_study, harness.command_line; "
    "harness.command_line.main(tiny_study.tiny(pathlib.Path(sys.argv.pop(1))).study)"
)
WIDE = Selection("quick", decays=(1.0, 2.6, 5.0))  # 12 cells: enough to be caught in the middle of


@dataclass(frozen=True)
class Reference:
    """The study, and the records of all its cells made in this process, one after the other."""

    world: Tiny
    place: Workplace

    def digests(self, selection: Selection, known: Iterable[Record] = ()) -> dict[str, str]:
        """Result digest of each cell that is planned when the ``known`` records have chosen the rates."""
        return digests(measured(self.place, *planned(self.world.study, selection, known).cells))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    world = tiny(tmp_path_factory.mktemp("tiny"))
    made = Reference(world, world.place(world.folder / "store"))
    made.digests(WIDE)
    return made


def digests(records: Iterable[Record]) -> dict[str, str]:
    return {record.cell: result_digest(record) for record in records}


def begin(world: Tiny, store: Path) -> subprocess.Popen[str]:
    """Start the command line's ``run`` of ``WIDE`` with two workers in a process of its own."""
    path = os.pathsep.join((str(HERE), str(HERE.parent)))
    environment = os.environ | {"PYTHONPATH": path, "DFT_CACHE": str(world.folder / "cache")}
    decays = [word for decay in WIDE.decays or () for word in ("--decay", str(decay))]
    command = [sys.executable, "-c", PROGRAM, str(world.folder), "run", "--workers", "2", *decays]
    nothing = world.folder / "none"
    nothing.mkdir(exist_ok=True)
    command += ["--store", str(store), "--results", str(nothing), "--data", str(world.folder / "data")]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def interrupt_once_it_has_a_record(process: subprocess.Popen[str], store: Path) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any((store / "records").rglob("*.json")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no record was written"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=PATIENCE_SECONDS)[1]


def written(place: Workplace) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (place.store.root / "records").rglob("*.json")}


def test_an_interrupted_run_goes_on_where_it_was_and_ends_with_the_same_records(
    reference: Reference, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = reference.world.place(tmp_path / "store")
    process = begin(reference.world, place.store.root)
    said = interrupt_once_it_has_a_record(process, place.store.root)
    assert process.returncode == 130, said
    assert "what is done is kept" in said
    assert "Traceback" not in said
    records = place.store.records()
    assert 0 < len(records) < 12
    damaged = place.store.record_path(records[0].cell)
    damaged.write_bytes(damaged.read_bytes()[:200])
    before = written(place)
    outcome = measure(reference.world.study, WIDE, place, 1, ())
    assert (outcome.failed, outcome.stopped) == ({}, None)
    guess, warning = sorted(caplog.messages, key=lambda message: str(damaged) in message)
    assert "nothing has chosen a base rate for 6 families" in guess
    assert str(damaged) in warning
    assert [path.stat().st_size for path in (place.store.root / "broken").rglob("*.json.1")] == [200]
    after = written(place)
    assert [path for path, moment in before.items() if after[path] != moment] == [damaged]
    expected = reference.digests(WIDE)
    assert len(expected) == 12
    assert digests(records).items() < expected.items()  # of two workers
    assert digests(outcome.records) == expected


def test_tuning_comes_first_and_then_the_final_cells_at_the_chosen_rate(
    reference: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "run", run_here)
    study, place = reference.world.study, reference.world.place(tmp_path / "store")
    tuning = planned(study, Selection("full"), ())
    assert [cell.repetition for cell in tuning.cells] == [100] * 4
    assert [family.decay for family in tuning.waiting] == [1.0, 2.6]
    for record in measured(reference.place, *tuning.cells)[:-1]:  # all but one are there already
        place.store.write_record(record)
    before = written(place)
    outcome = measure(study, Selection("full"), place, 1, ())
    assert (outcome.failed, outcome.stopped) == ({}, None)
    assert before.items() < written(place).items()
    assert digests(outcome.records) == reference.digests(Selection("full"), place.store.records())
    for decay in (1.0, 2.6):
        mine = [record for record in outcome.records if record.specification.arm.decay == decay]
        trials = [record for record in mine if record.specification.repetition == 100]
        best = min(record.result.validation.error for record in trials)
        chosen = {record.specification.base_rate for record in mine if record.specification.repetition < 100}
        assert len(chosen) == 1
        assert chosen <= {r.specification.base_rate for r in trials if r.result.validation.error == best}
        assert len(mine) == 4


def test_broken_data_fail_their_own_cells_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "run", run_here)
    world = tiny(tmp_path)
    news = tmp_path / "data/ag_news-10k/dev.tsv"
    news.write_text(news.read_text(encoding="utf-8").replace("king", "queen", 1), encoding="utf-8")
    found = content_digest(tab_separated((news, news.with_name("test.tsv"))))
    outcome = measure(world.study, Selection("quick", decays=(2.6,)), world.place(tmp_path / "store"), 1, ())
    assert [record.specification.dataset.name for record in outcome.records] == ["tiny-questions"] * 2
    assert {name.partition("/")[0] for name in outcome.failed} == {"tiny-news"}
    assert len(outcome.failed) == 2
    for message in outcome.failed.values():
        assert str(news) in message
        assert f"content digest {found}, declared {world.study.datasets['tiny-news'].digest}" in message


def test_final_cells_whose_tuning_failed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "run", run_here)
    world = tiny(tmp_path)
    questions = tmp_path / "data/trec/train_5500.label"
    questions.write_bytes(questions.read_bytes() + questions.read_bytes().splitlines(keepends=True)[0])
    outcome = measure(world.study, Selection("full", decays=(2.6,)), world.place(tmp_path / "store"), 1, ())
    waiting = [name for name, reason in outcome.failed.items() if "wait for tuning" in reason]
    assert len(waiting) == 1
    assert waiting[0].startswith("tiny-questions/")
    assert waiting[0].endswith("/decay-2.6")


def test_a_record_of_another_specification_is_refused_by_path(reference: Reference, tmp_path: Path) -> None:
    world, store = reference.world, Store(tmp_path / "store")
    name = cell_id(world.cell())
    record = reference.place.store.read_record(name)
    other = replace(world.dataset, title="Other questions")
    store.write_record(replace(record, specification=replace(record.specification, dataset=other)))
    with pytest.raises(SpecificationError, match="another specification") as caught:
        measure(world.study, Selection("quick", cells=(name,)), world.place(store.root), 1, ())
    assert str(store.record_path(name)) in str(caught.value)
    assert "--store" in str(caught.value)


def test_a_record_of_another_precision_or_device_is_refused_before_anything_runs(
    reference: Reference, tmp_path: Path
) -> None:
    first = next(iter(reference.place.store.records()))
    for made in ({"precision": "bfloat16"}, {"device": "cuda:0: a card"}):
        store = Store(tmp_path / next(iter(made)))
        store.write_record(replace(first, environment=replace(first.environment, **made)))
        with pytest.raises(SpecificationError, match=r"give its --device and --precision, or another folder") as caught:
            measure(reference.world.study, WIDE, replace(reference.place, store=store), 1, ())
        assert next(iter(made.values())) in str(caught.value)
        assert str(store.record_path(first.cell)) in str(caught.value)
        assert len(tuple(store.records())) == 1


def test_stages_that_only_finished_cells_need_are_left_out(reference: Reference, tmp_path: Path) -> None:
    world, place = reference.world, reference.world.place(tmp_path / "store")
    cells = (world.cell(), world.cell(SCRATCH, dataset=world.study.datasets["tiny-news"]))
    assert len(needed_tasks(cells, place)) == 4
    place.store.write_record(reference.place.store.read_record(cell_id(cells[0])))
    assert [(task.name, task.needs) for task in needed_tasks(cells, place)] == [(cell_id(cell), ()) for cell in cells]


def test_a_selection_takes_that_part_of_the_profile(reference: Reference) -> None:
    study = reference.world.study
    news = planned(study, Selection("quick", datasets=("tiny-news",)), ()).cells
    assert {(cell.dataset.name, cell.arm.name) for cell in news} == {("tiny-news", SCRATCH.name)}
    cell = replace(reference.world.cell(replace(MAIN, decay=1.0)), repetition=1)
    assert planned(study, Selection("quick", cells=(cell_id(cell),)), ()).cells == (cell,)
    alike = planned(study, Selection("quick", cells=(cell_id(cell), "tiny-questions/*/decay-1/*")), ()).cells
    assert alike[0] == cell
    assert [one.repetition for one in alike] == [1, 0]
    added = planned(study, Selection("quick", datasets=("tiny-questions",), decays=(3.3,)), ()).cells
    assert {one.arm.decay for one in added} == {3.3}
    others = planned(study, Selection("quick", arms=("last", "scratch")), ()).cells
    assert {one.arm.name for one in others} == {"last", "scratch"}
    assert {one.arm.decay for one in others} == {1.0, 2.6}


def test_a_data_set_that_the_profile_lacks_is_run_as_its_first(reference: Reference) -> None:
    study = reference.world.study
    own = planned(study, Selection("full"), ()).cells
    other = planned(study, Selection("full", datasets=("tiny-news",)), ()).cells
    assert other == tuple(replace(cell, dataset=study.datasets["tiny-news"]) for cell in own)
    declared = replace(study, datasets={**study.datasets, "more-news": replace(other[0].dataset, name="more-news")})
    more = planned(declared, Selection("quick", datasets=("tiny-news", "more-news")), ()).cells
    assert {(cell.dataset.name, cell.arm.name) for cell in more} == {
        ("tiny-news", SCRATCH.name),
        ("more-news", MAIN.name),
    }


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection("quik"), r"unknown profile 'quik'\. Did you mean 'quick'\? Valid: quick, full"),
        (Selection("full", datasets=("tiny-new",)), r"unknown dataset 'tiny-new'\. Did you mean 'tiny-news'\?"),
        (Selection("quick", implementations=("pytorch",)), r"'pytorch'\. Did you mean 'torch'\? Valid: torch, fastai"),
        (
            Selection("quick", implementations=("fastai",)),
            r"^profile 'quick' has no cells of fastai; it has torch$",
        ),
        (
            Selection("quick", datasets=("tiny-news",), arms=("freez+stlr",)),
            r"of tiny-news and freez\+stlr; it has tiny-questions and freez\+stlr, tiny-news and scratch$",
        ),
        (Selection("quick", decays=(2.6, 2.60000001)), r"^decay 2.60000001: .* six digits of it; give 2\.6$"),
        (Selection("quick", arms=("lost",)), r"unknown arm 'lost'\. Did you mean 'last'\?"),
        (Selection("quick", cells=("tiny-questions/tiny",)), r"unknown cell 'tiny-questions/tiny'\. Did you mean"),
        (Selection("full", cells=("none*",)), r"unknown cell 'none\*'\. Valid: tiny-questions/"),
        (Selection("quick", cells=("*/seed-100",)), r"no cell '\*/seed-100' in .* profile 'quick'; .* --profile full$"),
        (
            Selection("quick", datasets=("tiny-news",), cells=("tiny-questions/*",)),
            r"is in --profile quick, --profile full",
        ),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_and_all_valid_ones(
    reference: Reference, selection: Selection, message: str
) -> None:
    with pytest.raises(UnknownNameError, match=message):
        planned(reference.world.study, selection, ())


def test_committed_records_choose_base_rates_only_where_a_run_does_not_tune(reference: Reference) -> None:
    study, records = reference.world.study, reference.place.store.records()
    assert campaign.choosing(study, Selection("quick"), records) == records
    assert campaign.choosing(study, Selection("quick", cells=("chosen by the records",)), records) == records
    assert campaign.choosing(study, Selection("full"), records) == ()
    assert campaign.choosing(study, Selection("full", cells=("*/seed-0",)), records) == records
    assert campaign.choosing(study, Selection("full", cells=("tiny-questions/*",)), records) == ()
    waiting = planned(study, Selection("full", cells=("*/seed-0",)), ())
    assert waiting.cells == ()
    assert {cell.repetition for cell in waiting.later} == {0}
    everything = planned(study, Selection("full", cells=("*",)), ())
    assert everything == planned(study, Selection("full"), ())
    guessed = planned(study, Selection("quick", cells=("*/decay-1/*",)), ()).guessed
    assert {family.decay for family in guessed} == {1.0}
    with pytest.raises(UnknownNameError, match="unknown profile 'ful'"):
        campaign.choosing(study, Selection("ful"), records)
