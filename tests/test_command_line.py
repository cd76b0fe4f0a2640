"""The command line: what it prints, the exit status, and what it leaves in the folders it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from tiny_study import MAIN, SCRATCH, Tiny, measured, tiny

from harness import evidence, language_model_evidence, measuring, options
from harness.campaign import Measurement, Selection, planned
from harness.command_line import main
from harness.evidence import natural_key
from harness.plan import plan
from harness.record import Record, result_digest
from harness.specification import Cell, cell_id
from harness.store import Store
from harness.study_definition import Study
from study.__main__ import STUDY

ROOT = Path(__file__).parent.parent
REAL_CELL = cell_id(planned(STUDY, Selection("quick"), ()).cells[0])


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A study with some cells measured: all of the news and two of the questions."""
    made = tiny(tmp_path_factory.mktemp("tiny"))
    news = replace(made.cell(SCRATCH), dataset=made.study.datasets["tiny-news"])
    cells = [replace(news, arm=replace(SCRATCH, decay=d), repetition=r) for d in (1.0, 2.6) for r in (0, 1)]
    measured(made.place(made.folder / "store"), *cells, made.cell(), made.cell(repetition=1))
    return made


@pytest.fixture
def command(world: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process, as its own main program would."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("DFT_CACHE", str(world.folder / "cache"))
    monkeypatch.setenv("DFT_DATA", str(world.folder / "data"))

    def run(*arguments: str | Path, study: Study = world.study) -> Said:
        monkeypatch.setattr(sys, "argv", ["study", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(study)
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of evidence without any."""
    return tmp_path_factory.mktemp("empty")


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_the_module_is_a_program_that_names_a_mistake_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "study", "plan", "--profile", "quikc", "--store", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    valid = ", ".join(STUDY.profiles)
    assert done.stderr == f"error: unknown profile 'quikc'. Did you mean 'quick'? Valid: {valid}.\n"


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("option", "wrong", "nearest"),
    [
        ("--profile", "ful", "full'"),
        ("--dataset", "rt-1kk", "rt-1k'"),
        ("--implementation", "pytorch", "torch'"),
        ("--cell", f"{REAL_CELL}9", f"{REAL_CELL}'"),
    ],
)
def test_an_unknown_name_is_one_clear_line(
    command: Command, tmp_path: Path, empty: Path, verb: str, option: str, wrong: str, nearest: str
) -> None:
    said = command(verb, option, wrong, "--store", tmp_path / "s", "--results", empty, study=STUDY)
    assert (said.status, said.err.count("\n"), said.err.startswith("error: unknown")) == (1, 1, True)
    assert f"{wrong!r}. Did you mean '{nearest}" in said.err
    assert "Valid: " in said.err
    assert not any((tmp_path / "s").rglob("*.json"))


def test_the_plan_lists_every_cell_its_state_and_the_missing_time(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    store = Store(world.folder / "store")
    committed = [record for record in store.records() if record.specification.dataset.name == "tiny-news"]
    evidence.export(committed, tmp_path / "results")
    partial = Store(tmp_path / "store")
    partial.write_record(store.read_record(cell_id(world.cell())))
    said = command("plan", "--store", partial.root, "--results", tmp_path / "results")
    *cells, last = said.out.splitlines()
    states = {line.split()[1]: line.split()[0] for line in cells}
    assert said.status == 0
    assert {name for name, state in states.items() if state == "committed"} == {record.cell for record in committed}
    assert [name for name, state in states.items() if state == "stored"] == [cell_id(world.cell())]
    assert len(states) == 8
    assert last.startswith("8 cells, 7 not in the store; core time: about ")
    assert last.endswith(" for 7 cells, 3 language models of unknown cost")


def test_the_plan_counts_language_models_by_those_in_the_store_and_in_the_evidence(
    world: Tiny, command: Command, tmp_path: Path, empty: Path
) -> None:
    made, places = world.folder / "store", ("--store", tmp_path / "store", "--results", tmp_path / "results")
    full = command("plan", "--profile", "full", "--store", made, "--results", empty).out
    # repetition 100 is not made: it costs what repetitions 0 and 1, of which the plan has the former, took
    assert full.endswith(" for 1 language model\n")
    assert command("export", "--store", made, "--results", tmp_path / "results").status == 0
    said = command("plan", "--profile", "full", *places).out
    assert said.endswith(" for 3 language models, 1 language model of unknown cost\n")  # the general one
    elsewhere = ("--store", made, "--results", empty, "--precision", "bfloat16")
    assert ", 4 language models of unknown cost\n" in command("plan", "--profile", "full", *elsewhere).out


def test_the_plan_names_families_that_wait_for_tuning_and_unknown_costs(
    command: Command, tmp_path: Path, empty: Path
) -> None:
    said = command("plan", "--profile", "full", "--store", tmp_path / "s", "--results", empty)
    assert said.out.count("missing") == 4
    assert "waits     tiny-questions/tiny/torch/freez+stlr/decay-2.6: for tuning" in said.out
    line = (
        "4 cells, 4 not in the store, 4 more wait for tuning; core time: 8 cells of unknown cost, 4 language models of "
    )
    assert said.out.endswith(f"{line}unknown cost\n")


def test_the_plan_of_one_cell_is_english_and_that_of_none_missing_has_no_time(
    world: Tiny, command: Command, tmp_path: Path, empty: Path
) -> None:
    where = ("--cell", cell_id(world.cell()), "--results", empty, "--store")
    assert command("plan", *where, tmp_path / "s").out.splitlines()[1].startswith("1 cell, 1 not in the store; core ")
    assert command("plan", *where, world.folder / "store").out.endswith("\n1 cell, 0 not in the store\n")


def test_a_family_that_waits_is_named_in_one_line_however_long(
    world: Tiny, command: Command, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    said = command("plan", "--profile", "full", "--store", empty, "--results", empty)
    assert "waits     tiny-questions/tiny/torch/freez+stlr/decay-2.6: for tuning\n" in said.out


def test_the_plan_counts_waiting_cells_and_takes_a_missing_cost_from_the_other_implementation(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    name = {"full": "tiny-questions", "quick": "tiny-news"}
    first = next(record for record in Store(world.folder / "store").records())
    known = []
    for dataset, implementation, seconds in (
        (name["full"], "fastai", 30.0),
        (name["quick"], "fastai", 90.0),
        (name["quick"], "torch", 60.0),
    ):
        cell = replace(first.specification, dataset=world.study.datasets[dataset], implementation=implementation)
        cell = replace(cell, repetition=77)
        cost = replace(first.cost, cpu_seconds=seconds)
        known.append(replace(first, cell=cell_id(cell), specification=cell, cost=cost))
    evidence.export(known, tmp_path / "r")
    said = command("plan", "--profile", "full", "--store", tmp_path / "s", "--results", tmp_path / "r")
    # 8 cells of torch at 30 · 60 / 90 seconds each
    assert "4 more wait for tuning; core time: about 2:40 for 8 cells, 4 language models of unknown cost" in said.out


def test_the_plan_counts_by_cells_of_the_same_arm_and_at_the_pace_of_this_kind_of_machine(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    first = world.cell()  # of the arm that profile "full" has
    other = replace(first, arm=SCRATCH)
    made = next(record for record in Store(world.folder / "store").records())

    def record(cell: Cell, seconds: float, repetition: int, **environment: str) -> Record:
        cell = replace(cell, repetition=repetition)
        changed = replace(made, cell=cell_id(cell), specification=cell, cost=replace(made.cost, cpu_seconds=seconds))
        return replace(changed, environment=replace(made.environment, **environment))

    def told(*records: Record, precision: str = "float32") -> list[str]:
        evidence.export(records, tmp_path / "r")
        where = ("--store", tmp_path / "s", "--results", tmp_path / "r", "--precision", precision)
        return command("plan", "--profile", "full", *where).out.partition("core time: ")[2].splitlines()

    foreign = "cells at the pace of other machines or precisions: none was measured on this kind and in this one"
    time, pace = told(record(other, 20.0, 71, processor="another"))
    assert (time.partition(",")[0], pace) == ("about 2:40 for 8 cells", foreign)
    time, pace = told(record(first, 30.0, 72, precision="bfloat16"))
    assert (time.partition(",")[0], pace) == ("about 4:00 for 8 cells", foreign)
    time, pace = told(record(other, 50.0, 73))
    assert time.startswith("about 4:00 for 8 cells")  # a pace of another machine is not that of another precision
    assert pace == (
        "core time of cells measured elsewhere or otherwise: on cpu in bfloat16 as they took (no cell here is alike), "
        "on cpu in float32 times 2.5 (as 1 cell alike here took)"
    )
    (time, pace) = told(record(first, 90.0, 74))
    assert time.startswith("about 12:00 for 8 cells")
    assert "bfloat16 times 3 (as 1 cell alike here took), on cpu in float32 times 2.5 (" in pace
    (time, pace) = told(precision="bfloat16")  # now those in float32 are the others
    assert time.startswith("about 4:00 for 8 cells")
    assert pace.endswith("otherwise: on cpu in float32 times 0.33 (as 1 cell alike here took)")


def test_the_plan_says_where_no_cell_of_this_machine_is_like_those_of_others(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    made = next(record for record in Store(world.folder / "store").records())
    other = replace(made, environment=replace(made.environment, processor="another"))
    alone = at(made, repetition=71, arm=replace(SCRATCH, name="a"))
    evidence.export([alone, at(other, repetition=72, arm=replace(SCRATCH, name="b"))], tmp_path / "r")
    where = ("--profile", "full", "--store", tmp_path / "s", "--results")
    assert command("plan", *where, tmp_path / "r").out.endswith(
        "on cpu in float32 as they took (no cell here is alike)\n"
    )
    evidence.export([alone], tmp_path / "own")
    assert "core time of cells" not in command("plan", *where, tmp_path / "own").out


def test_the_plan_does_not_take_one_arms_cells_here_for_all_arms(world: Tiny, command: Command, tmp_path: Path) -> None:
    made = next(record for record in Store(world.folder / "store").records())
    arms = (replace(SCRATCH, name="a"), replace(SCRATCH, name="b"))
    known = []
    for arm, seconds, processor in ((arms[0], 10.0, "another"), (arms[1], 30.0, "another"), (arms[0], 10.0, None)):
        cell = replace(world.cell(), arm=arm, repetition=80 + len(known))
        environment = made.environment if processor is None else replace(made.environment, processor=processor)
        cost = replace(made.cost, cpu_seconds=seconds)
        known.append(replace(made, cell=cell_id(cell), specification=cell, cost=cost, environment=environment))
    evidence.export(known, tmp_path / "r")
    said = command("plan", "--profile", "full", "--store", tmp_path / "s", "--results", tmp_path / "r").out
    assert "core time: about 2:13 for 8 cells" in said  # (10 + 30 + 10) / 3 each, not 10


def test_the_overview_counts_what_is_neither_stored_nor_committed_and_every_cell_once(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    store = Store(world.folder / "store")
    evidence.export([r for r in store.records() if r.specification.dataset.name == "tiny-news"], tmp_path / "r")
    record = store.read_record(cell_id(world.cell()))
    Store(tmp_path / "s").write_record(replace(record, cost=replace(record.cost, cpu_seconds=40.0)))
    said = command("overview", "--store", tmp_path / "s", "--results", tmp_path / "r")
    heading, *lines = (" ".join(line.split()) for line in said.out.splitlines())
    assert heading == "profile data set planned missing core time of unknown cost"
    assert lines == [
        "quick tiny-questions 4 3 2:00 3 language models",
        "quick tiny-news 4 0",
        "full tiny-questions 8 8 5:20 4 language models",  # profile quick has 4, one of them stored
        "all 12 8 5:20 4 language models",
    ]


def test_final_cells_whose_rate_is_open_are_missing_wherever_they_are_shown(
    world: Tiny, command: Command, tmp_path: Path, empty: Path
) -> None:
    """At the middle of the grid, where they stand meanwhile, a cell may be known for another reason."""
    record = Store(world.folder / "store").read_record(cell_id(world.cell()))
    Store(tmp_path / "s").write_record(record)
    full = replace(world.study, profiles={"full": world.study.profiles["full"]})
    said = command("overview", "--store", tmp_path / "s", "--results", empty, study=full)
    assert [line.split()[2:4] for line in said.out.splitlines()[1:2]] == [["8", "8"]]


def test_export_writes_sorted_files_once(world: Tiny, command: Command, tmp_path: Path) -> None:
    where = ("--store", world.folder / "store", "--results", tmp_path / "results")
    assert command("export", *where).status == 0
    before = contents(tmp_path / "results")
    assert sorted(before) == ["language-models.json", "tiny-news.jsonl", "tiny-questions.jsonl"]
    for text in (before[name][0] for name in before if name.endswith(".jsonl")):
        written = map(json.loads, text.decode().splitlines())
        names = [line["cell"] for line in written if "cell" in line]
        assert names == sorted(names, key=natural_key)
    loaded = evidence.load(tmp_path / "results")
    assert {r.cell: result_digest(r) for r in loaded} == {
        r.cell: result_digest(r) for r in Store(world.folder / "store").records()
    }
    assert all(record.probabilities for record in Store(world.folder / "store").records())
    assert not any(record.probabilities for record in loaded)  # no claim of the tiny study averages them
    assert command("export", *where).status == 0
    assert contents(tmp_path / "results") == before


def test_export_refuses_another_result_for_a_committed_cell(world: Tiny, command: Command, tmp_path: Path) -> None:
    record = Store(world.folder / "store").read_record(cell_id(world.cell()))
    evidence.export([replace(record, result=replace(record.result, perplexity=1.0))], tmp_path / "results")
    before = contents(tmp_path / "results")
    where = ("--store", world.folder / "store", "--results", tmp_path / "results")
    said = command("export", *where)
    assert said.status == 1
    assert record.cell in said.err
    assert contents(tmp_path / "results") == before
    assert command("export", *where, "--overwrite").status == 0
    assert evidence.load(tmp_path / "results") != ()
    assert contents(tmp_path / "results") != before


def test_adopt_puts_what_is_committed_into_the_store_and_leaves_what_is_there(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    measured_before = Store(world.folder / "store").records()
    evidence.export(measured_before, tmp_path / "results")
    where = ("--store", tmp_path / "store", "--results", tmp_path / "results")
    said = command("adopt", "--dataset", "tiny-news", *where)
    options = "--device cpu --precision float32"
    assert said.out == f"4 committed records put into {tmp_path / 'store'}; run it with {options}\n"
    store, path = Store(tmp_path / "store"), tmp_path / "store/records"
    expected = [record.cell for record in measured_before if record.specification.dataset.name == "tiny-news"]
    assert [record.cell for record in store.records()] == expected
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*.json")}
    assert command("adopt", *where).out.startswith("2 committed records")
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert command("run", "--dataset", "tiny-news", *where).status == 0
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_adopt_leaves_out_a_record_of_another_specification(
    world: Tiny, command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (Store(world.folder / "store").read_record(cell_id(world.cell(repetition=r))) for r in (0, 1))
    other = replace(first.specification, dataset=replace(first.specification.dataset, title="Other questions"))
    evidence.export([replace(first, specification=other), second], tmp_path / "results")
    said = command("adopt", "--store", tmp_path / "store", "--results", tmp_path / "results")
    assert said.out.startswith("1 committed record put")
    assert [record.cell for record in Store(tmp_path / "store").records()] == [second.cell]
    assert f"1 committed record is of another specification than the study's, first {first.cell};" in caplog.text


def test_adopt_takes_records_of_the_chosen_precision_and_a_run_goes_on_from_them(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    records = Store(world.folder / "store").records()
    low = [record for record in records if record.specification.arm.name == MAIN.name]
    low = [replace(record, environment=replace(record.environment, precision="bfloat16")) for record in low]
    plain = [record for record in records if record.specification.arm.name == SCRATCH.name]
    evidence.export([*low, *plain], tmp_path / "results")
    where = ("--results", tmp_path / "results", "--store")
    said = command("adopt", *where, tmp_path / "store")
    assert (said.status, said.out) == (1, "")
    assert "4 on cpu in float32, 2 on cpu in bfloat16; choose with --device and --precision" in said.err
    assert Store(tmp_path / "store").records() == ()
    said = command("adopt", "--precision", "float32", *where, tmp_path / "store")
    assert said.out.splitlines()[1] == "left out, since they were made otherwise: 2 on cpu in bfloat16"
    assert list(Store(tmp_path / "store").records()) == plain
    assert command("run", "--dataset", "tiny-news", *where, tmp_path / "store").status == 0
    said = command("adopt", "--precision", "bfloat16", *where, tmp_path / "store")
    assert said.status == 1
    assert "made otherwise (4 on cpu in float32) than the committed ones (2 on cpu in bfloat16)" in said.err
    assert list(Store(tmp_path / "store").records()) == plain
    said = command("adopt", "--precision", "bfloat16", "--device", "cpu", *where, tmp_path / "other")
    assert said.out.startswith(f"2 committed records put into {tmp_path / 'other'}; run it with ")
    assert list(Store(tmp_path / "other").records()) == low
    assert command("adopt", "--device", "cuda", *where, tmp_path / "none").out.startswith("0 committed records put")


def test_a_store_of_two_precisions_is_refused_with_both_counts_and_what_helps(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    first, *rest = Store(world.folder / "store").records()
    store = Store(tmp_path / "store")
    for record in (replace(first, environment=replace(first.environment, precision="bfloat16")), *rest):
        store.write_record(record)
    (tmp_path / "results").mkdir()
    said = command("run", "--store", store.root, "--results", tmp_path / "results")
    assert said.status == 1
    assert f"{store.root}: has selected cells of several" in said.err
    assert "5 on cpu in float32, 1 on cpu in bfloat16; give a --store of its own" in said.err
    assert "`adopt` with --device and --precision" in said.err


@pytest.fixture(scope="module")
def tuned(world: Tiny) -> tuple[Record, ...]:
    """Records of the whole profile "full": its tuning cells, and the final ones at the base rates that these choose."""
    full, made = world.study.profiles["full"], Store(world.folder / "store").records()[0]

    def record(cell: Cell) -> Record:
        better = cell.base_rate == 0.05
        validation = replace(made.result.validation, error=0.1 if better else 0.2)
        result = replace(made.result, validation=validation, epochs=())
        return replace(made, cell=cell_id(cell), specification=cell, result=result)

    tuning = tuple(map(record, plan(full, world.study.protocol, ()).cells))
    return tuple(map(record, plan(full, world.study.protocol, tuning).cells))


def at(record: Record, **changes: object) -> Record:
    """The same record of another cell."""
    cell = replace(record.specification, **changes)  # type: ignore[arg-type]
    return replace(record, cell=cell_id(cell), specification=cell)


def test_prune_takes_out_final_cells_that_tuning_no_longer_chooses_and_nothing_else(
    world: Tiny, tuned: tuple[Record, ...], command: Command, tmp_path: Path
) -> None:
    where = ("--results", tmp_path / "results")
    assert command("export", "--store", world.folder / "store", *where).status == 0
    there = {record.cell for record in evidence.load(tmp_path / "results")}
    evidence.export([record for record in tuned if record.cell not in there], tmp_path / "results")
    before = contents(tmp_path / "results")
    assert command("prune", *where).out == ""
    assert contents(tmp_path / "results") == before
    other = at(evidence.load(tmp_path / "results")[0], base_rate=0.123, arm=MAIN, dataset=world.dataset)
    other = replace(other, inputs=replace(other.inputs, start="another"))
    evidence.export([other], tmp_path / "results")
    path = tmp_path / "results" / language_model_evidence.FILE
    models = language_model_evidence.read(path)
    language_model_evidence.write([replace(models[0], start="another")], path, evidence.load(tmp_path / "results"))
    assert len(language_model_evidence.read(path)) == len(models) + 1
    assert command("prune", *where).out == f"taken out: {other.cell}\n"
    assert {name: text for name, (text, _) in contents(tmp_path / "results").items()} == {
        name: text for name, (text, _) in before.items()
    }


def test_prune_keeps_final_cells_of_a_family_whose_tuning_is_not_complete(
    tuned: tuple[Record, ...], command: Command, tmp_path: Path
) -> None:
    final = [record for record in tuned if record.specification.repetition < 100]
    moved = [at(record, base_rate=0.123) for record in final]
    (lost, *rest) = (record for record in tuned if record not in final)
    evidence.export([*rest, *final, *moved], tmp_path)
    said = command("prune", "--results", tmp_path)
    family = lost.cell.partition("/lr-")[0]
    kept = {record.cell for record in moved if record.cell.startswith(f"{family}/")}
    assert len(kept) == 2
    assert said.out.splitlines()[-1] == f"kept: 2 final cells of {family}, whose tuning is not complete"
    assert set(said.out.splitlines()[:-1]) == {
        f"taken out: {record.cell}" for record in moved if record.cell not in kept
    }
    assert {record.cell for record in evidence.load(tmp_path)} == kept | {record.cell for record in [*rest, *final]}


def test_prune_takes_out_no_tuning_cell_and_no_cell_of_a_decay_that_no_profile_has(
    tuned: tuple[Record, ...], command: Command, tmp_path: Path
) -> None:
    tuning = next(record for record in tuned if record.specification.repetition == 100)
    other = [at(record, arm=replace(MAIN, decay=4.0)) for record in tuned if record.specification.arm.decay == 1.0]
    evidence.export([*tuned, *other, at(tuning, base_rate=0.123)], tmp_path)
    before = contents(tmp_path)
    assert command("prune", "--results", tmp_path).out == ""
    assert contents(tmp_path) == before


def test_a_report_without_evidence_says_what_is_missing(world: Tiny, command: Command, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    said = command("report", "--results", tmp_path / "results", "--output", tmp_path / "report")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert said.status == 0
    assert (tmp_path / "report/index.html").as_uri() in said.out
    assert "tiny-questions/tiny/torch/freez+stlr/decay-2.6" in page


def test_a_report_shows_the_evidence_and_nothing_is_rendered_over_other_files(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    evidence.export(Store(world.folder / "store").records(), tmp_path / "results")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/draft.txt").touch()
    said = command("report", "--results", tmp_path / "results", "--output", tmp_path / "letters")
    assert said.status == 1
    assert "letters holds something that is not a report" in said.err
    assert command("report", "--results", tmp_path / "results", "--output", tmp_path / "report").status == 0
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert "Questions" in page
    assert cell_id(world.cell()) in page


def test_a_damaged_line_of_evidence_is_named(world: Tiny, command: Command, tmp_path: Path) -> None:
    evidence.export(Store(world.folder / "store").records(), tmp_path / "results")
    path = tmp_path / "results/tiny-news.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], lines[1][:100], *lines[2:]]), encoding="utf-8")
    said = command("report", "--results", tmp_path / "results", "--output", tmp_path / "report")
    assert said.status == 1
    assert f"{path}:2: not a valid record" in said.err
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (Measurement((), {"cell-1": "CorpusError: file"}, None), "failed: cell-1: CorpusError: file"),
        (Measurement((), {}, "store: no space left"), "stopped: store: no space left"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "reproduce"])
def test_a_run_that_is_not_complete_says_why_and_exits_with_1(
    command: Command,
    tmp_path: Path,
    empty: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    outcome: Measurement,
    line: str,
) -> None:
    monkeypatch.setattr(measuring, "measure", lambda *_: outcome)
    places = ("--store", tmp_path / "store", "--results", empty)
    said = command(verb, *places, *(("--output", tmp_path / "report") if verb == "reproduce" else ()))
    assert said.err == f"{line}\n"
    assert said.status == 1


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((), 5),
        (("--device", "cuda:1"), 1),
        (("--device", "cuda", "--workers", "3"), 3),
        (("--workers", "3"), 3),
    ],
)
@pytest.mark.parametrize("verb", ["run", "reproduce"])
def test_a_gpu_gets_one_worker_unless_more_are_asked_for(
    command: Command,
    tmp_path: Path,
    empty: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    asked: tuple[str, ...],
    expected: int,
) -> None:
    given: list[object] = []
    monkeypatch.setattr(options, "DEFAULT_WORKERS", 5)  # of a machine with five cores

    def measure(_study: Study, _selection: Selection, _place: object, workers: int, _committed: object) -> Measurement:
        given.append(workers)
        return Measurement((), {}, "enough")

    monkeypatch.setattr(measuring, "measure", measure)
    command(verb, *asked, "--store", tmp_path / "store", "--results", empty)
    assert given == [expected]


@pytest.mark.parametrize("there", [0, 1])
@pytest.mark.parametrize("verb", ["run", "reproduce", "own", "bench", "pretrain"])
def test_a_device_that_is_not_there_is_one_clear_line(
    command: Command, tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch, verb: str, there: int
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    places = ("--store", tmp_path / "store", "--results", empty) if verb in ("run", "reproduce") else ()
    places = (tmp_path / "none.csv",) if verb == "own" else places
    precision = () if verb == "bench" else ("--precision", "best")
    said = command(verb, "--device", "cuda:1", *precision, *places)
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert said.err.startswith("error: --device cuda:1: ")
    assert said.err.endswith(("finds no CUDA here; give --device cpu\n", "of this machine is cuda:0\n")[there])
    assert not (tmp_path / "store").exists()


def test_cells_that_are_stored_and_committed_are_reproduced_without_running(
    world: Tiny, command: Command, tmp_path: Path
) -> None:
    store = world.folder / "store"
    earlier = [replace(record, finished="2020-01-01T00:00:00+00:00") for record in Store(store).records()]
    evidence.export(earlier, tmp_path / "results")
    where = ("--store", store, "--results", tmp_path / "results", "--output", tmp_path / "report")
    said = command("reproduce", "--dataset", "tiny-news", *where)
    assert (said.status, said.err) == (0, "")
    assert "4 cells: 4 identical" in said.out
    assert "identical" in (tmp_path / "report/index.html").read_text(encoding="utf-8")


def test_a_committed_record_is_not_compared_with_itself(world: Tiny, command: Command, tmp_path: Path) -> None:
    evidence.export(Store(world.folder / "store").records(), tmp_path / "results")
    where = ("--store", tmp_path / "store", "--results", tmp_path / "results")
    assert command("adopt", *where).status == 0
    said = command("reproduce", "--dataset", "tiny-news", *where, "--output", tmp_path / "report")
    assert said.status == 0
    assert f"not compared: 4 cells, which {tmp_path / 'store'} has as the committed records themselves" in said.out
    assert "identical" not in said.out
