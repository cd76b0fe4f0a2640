"""One cell from its starting weights to its record, in both implementations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_study import LAST, MAIN, RECIPE, SCRATCH, TUNED, Tiny, measured, tiny

from harness.corpus.encoding import encode
from harness.crossed import unpack_correct
from harness.jobs import ClassifierJob, ClassifierOutcome, Report
from harness.language_model_evidence import collect
from harness.probabilities import average_right
from harness.rates import discriminative_rates
from harness.record import Record, from_json, result_digest, to_json
from harness.scratch import training as scratch
from harness.seeds import derive_seeds
from harness.specification import Arm, Cell, Hardware, Implementation, cell_id
from harness.tasks import TargetModel, product_key
from harness.weights import encoder_only, initial_language_model, load, weights_digest
from harness.workplace import Workplace

BOTH: tuple[Implementation, ...] = ("torch", "fastai")
each_implementation = pytest.mark.parametrize("implementation", BOTH)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def place(world: Tiny) -> Workplace:
    """One store for the module: a cell that several tests look at is run once."""
    return world.place(world.folder / "store")


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[ClassifierJob]:
    """The classifier jobs that reach the implementation from scratch."""
    seen: list[ClassifierJob] = []
    original = scratch.fine_tune_classifier

    def spy(job: ClassifierJob, report: Report) -> ClassifierOutcome:
        seen.append(job)
        return original(job, report)

    monkeypatch.setattr(scratch, "fine_tune_classifier", spy)
    return seen


def record_of(place: Workplace, cell: Cell) -> Record:
    if place.store.has_record(cell_id(cell)):
        return place.store.read_record(cell_id(cell))
    return measured(place, cell)[0]


def afresh(world: Tiny, folder: Path, *cells: Cell) -> tuple[Record, ...]:
    return measured(world.place(folder / "store"), *cells)


@each_implementation
def test_a_record_says_what_was_run_and_from_which_inputs(
    world: Tiny, place: Workplace, implementation: Implementation
) -> None:
    cell = world.cell(implementation=implementation)
    record = record_of(place, cell)
    corpus = encode(cell.dataset, cell.recipe.size, place.sources)
    parent, facts = load(
        place.store.product_path(product_key(TargetModel(cell.dataset, RECIPE, implementation, TUNED, 0), Hardware()))
    )
    assert record.cell == f"tiny-questions/tiny/{implementation}/freez+stlr/decay-2.6/lr-0.05/seed-0"
    assert record.specification == cell
    assert from_json(to_json(record), "test") == record
    assert record.inputs.seeds == derive_seeds("trec6", "classifier", 0)
    assert record.inputs.start == weights_digest(encoder_only(parent))
    assert (record.inputs.corpus, record.inputs.vocabulary) == (corpus.digest, corpus.vocabulary_digest)
    assert record.result.perplexity == facts["perplexity"]


@each_implementation
def test_a_records_measurements_fit_together(world: Tiny, place: Workplace, implementation: Implementation) -> None:
    record = record_of(place, world.cell(implementation=implementation))
    result = record.result
    assert (result.outcome, result.test.items, result.validation.items) == ("completed", 30, 20)
    right = unpack_correct(result.correct, result.test.items)
    assert 1 - right.mean() == pytest.approx(result.test.error)
    assert record.probabilities is not None
    assert list(average_right([record.probabilities], result.test.items, 2)) == list(right)
    assert [epoch.epoch for epoch in result.epochs] == [0, 1, 2, 3]
    assert result.epochs[-1].validation_error == result.validation.error
    assert result.epochs[-1].validation_loss == pytest.approx(result.validation.loss, rel=1e-5)
    assert record.cost.training_tokens_per_second > 0
    assert 0 < record.cost.wall_seconds < 60
    assert 0 < record.cost.cpu_seconds < 60
    assert record.cost.peak_memory_mib > 10
    assert (record.environment.threads, record.environment.device) == (1, "cpu")


@each_implementation
def test_the_optimizer_used_the_prescribed_rates(world: Tiny, place: Workplace, implementation: Implementation) -> None:
    cell = world.cell(Arm("full", "all", "constant", 2.6, "random"), implementation=implementation)
    rates = record_of(place, cell).result.rates
    assert rates.groups == ("embedding", "lstm-1", "lstm-2", "head")
    assert rates.peaks == pytest.approx(discriminative_rates(4, 0.05, 2.6), rel=1e-12)
    assert rates.steps == 4 * 8  # epochs × batches of 8 in 60 documents
    assert rates.largest_ratio_error < 1e-12


@each_implementation
def test_gradual_unfreezing_shows_in_the_trace(world: Tiny, place: Workplace, implementation: Implementation) -> None:
    rates = record_of(place, world.cell(implementation=implementation)).result.rates
    trainable = {int(step) // 8: tuple(rate > 0 for rate in row) for step, *row in rates.trace if int(step) % 8 > 1}
    assert trainable == {
        0: (False, False, False, True),
        1: (False, False, True, True),
        2: (False, True, True, True),
        3: (True, True, True, True),
    }


@each_implementation
def test_frozen_groups_do_not_move_at_all(world: Tiny, place: Workplace, implementation: Implementation) -> None:
    last = record_of(place, world.cell(LAST, implementation=implementation)).result
    assert {group: last.displacement[group] for group in ("embedding", "lstm-1", "lstm-2")} == {
        "embedding": 0.0,
        "lstm-1": 0.0,
        "lstm-2": 0.0,
    }
    moved = record_of(place, world.cell(implementation=implementation)).result
    assert min(value or 0.0 for value in (last.displacement["head"], *moved.displacement.values())) > 1e-4


@each_implementation
def test_the_same_cell_gives_the_same_result_to_the_bit(
    world: Tiny, place: Workplace, tmp_path: Path, implementation: Implementation
) -> None:
    cell = world.cell(implementation=implementation)
    (again,) = afresh(world, tmp_path, cell)
    assert result_digest(again) == result_digest(record_of(place, cell))


@each_implementation
def test_a_diverged_cell_is_recorded_as_such(world: Tiny, place: Workplace, implementation: Implementation) -> None:
    record = record_of(place, world.cell(base_rate=1e30, implementation=implementation))
    assert record.result.outcome == "diverged"
    assert record.result.test.error == pytest.approx(0.5)  # counts as class 0 throughout
    assert (record.result.test.loss, record.result.displacement["head"]) == (None, None)
    assert record.result.epochs[-1].training_loss is None
    assert place.store.read_record(record.cell) == record


def test_a_last_step_that_spoils_the_weights_is_a_divergence_too(
    world: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = scratch.fine_tune_classifier

    def spoilt(job: ClassifierJob, report: Report) -> ClassifierOutcome:
        outcome = original(job, report)
        logits = np.full_like(outcome.validation_logits, np.nan)
        all_first = float(np.mean(job.validation.labels != 0))  # what is not finite counts as class 0
        last = replace(outcome.epochs[-1], validation_error=all_first, validation_loss=None)
        return replace(outcome, validation_logits=logits, epochs=(*outcome.epochs[:-1], last))

    monkeypatch.setattr(scratch, "fine_tune_classifier", spoilt)
    (record,) = afresh(world, tmp_path, world.cell(SCRATCH))
    assert record.result.epochs[-1].training_loss is not None
    assert record.result.outcome == "diverged"


def test_displacement_is_relative_to_the_weights_at_the_start(
    world: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = scratch.fine_tune_classifier

    def tripled(job: ClassifierJob, report: Report) -> ClassifierOutcome:
        outcome = original(job, report)
        return replace(outcome, weights=outcome.weights | {name: 3 * start for name, start in job.start.items()})

    monkeypatch.setattr(scratch, "fine_tune_classifier", tripled)
    (record,) = afresh(world, tmp_path, world.cell(SCRATCH))
    assert len(record.result.displacement) > 2
    assert list(record.result.displacement.values()) == pytest.approx([2.0] * len(record.result.displacement))


@each_implementation
def test_a_cell_whose_language_model_diverged_is_one_too(
    world: Tiny, tmp_path: Path, implementation: Implementation
) -> None:
    hot = replace(RECIPE, target=replace(RECIPE.target, base_rate=1e30))
    cell = world.cell(recipe=hot, implementation=implementation)
    place = world.place(tmp_path / "store")
    (record,) = measured(place, cell)
    assert record.result.outcome == "diverged"
    assert len(record.result.epochs) == 1
    assert (record.result.epochs[0].training_loss, record.result.perplexity) == (None, None)
    assert from_json(to_json(record), "test") == record
    assert collect(place.store, [record]) == ()  # of nothing but NaN, as any other that diverged


def test_a_class_that_a_word_gives_away_is_learnt(world: Tiny, place: Workplace) -> None:
    longer = replace(RECIPE, name="longer", classifier=replace(RECIPE.classifier, epochs=10))
    assert record_of(place, world.cell(SCRATCH, recipe=longer)).result.test.error <= 0.1


def test_arms_and_base_rates_share_labels_seeds_and_first_weights(
    world: Tiny, tmp_path: Path, jobs: list[ClassifierJob]
) -> None:
    afresh(world, tmp_path, world.cell(), world.cell(replace(MAIN, decay=1.0), base_rate=0.02), world.cell(LAST))
    first, second, last = jobs
    assert [job.arm.decay for job in jobs[:2]] == [2.6, 1.0]
    assert weights_digest(first.start) == weights_digest(second.start)
    for job in (second, last):
        assert job.seeds == first.seeds
        assert np.array_equal(job.training.labels, first.training.labels)
        assert all(map(np.array_equal, job.training.documents, first.training.documents))
        for name in (name for name in first.start if name.startswith("head.")):
            assert torch.equal(job.start[name], first.start[name])


@each_implementation
def test_arms_that_hardly_train_have_the_same_first_loss(
    world: Tiny, place: Workplace, implementation: Implementation
) -> None:
    cells = [
        world.cell(replace(SCRATCH, decay=decay), base_rate=1e-12, implementation=implementation)
        for decay in (1.0, 2.6)
    ]
    one, other = (record_of(place, cell).result.epochs[0].training_loss for cell in cells)
    assert one == pytest.approx(other, rel=1e-7)


def test_another_repetition_draws_other_labels_weights_and_results(
    world: Tiny, tmp_path: Path, jobs: list[ClassifierJob]
) -> None:
    records = afresh(world, tmp_path, *(world.cell(SCRATCH, repetition=repetition) for repetition in (0, 1)))
    assert result_digest(records[0]) != result_digest(records[1])
    assert set(jobs[0].seeds.values()).isdisjoint(jobs[1].seeds.values())
    assert weights_digest(jobs[0].start) != weights_digest(jobs[1].start)
    chosen = [{tuple(document) for document in job.training.documents} for job in jobs]
    assert chosen[0] != chosen[1]
    assert len(chosen[0]) == len(chosen[1]) == 60


def test_a_backward_model_reads_every_document_from_its_end(
    world: Tiny, tmp_path: Path, jobs: list[ClassifierJob]
) -> None:
    backward = replace(RECIPE, name="tiny-backward", direction="backward")
    records = afresh(world, tmp_path, world.cell(), world.cell(recipe=backward))
    for part in ("training", "validation", "test"):
        forward, reversed_ = (getattr(job, part).documents for job in jobs)
        assert all(np.array_equal(one, other[::-1]) for one, other in zip(forward, reversed_, strict=True))
    assert records[0].inputs.start != records[1].inputs.start
    assert result_digest(records[0]) != result_digest(records[1])


def test_a_random_start_has_no_language_model(world: Tiny, tmp_path: Path, jobs: list[ClassifierJob]) -> None:
    (record,) = afresh(world, tmp_path, world.cell(SCRATCH))
    assert (record.inputs.start, record.result.perplexity) == (None, None)
    words = len(encode(world.dataset, RECIPE.size, world.place(tmp_path).sources).vocabulary)
    expected = initial_language_model(words, RECIPE.size, derive_seeds("trec6", "classifier", 0)["initialisation"])
    assert weights_digest(encoder_only(jobs[0].start)) == weights_digest(encoder_only(expected))
    assert not (tmp_path / "store/products").exists()


def test_a_general_start_is_the_same_for_every_implementation_and_repetition(world: Tiny, place: Workplace) -> None:
    cells = [world.cell(LAST), world.cell(LAST, repetition=1), world.cell(LAST, implementation="fastai")]
    starts = {record_of(place, cell).inputs.start for cell in cells}
    assert len(starts) == 1
    assert starts != {record_of(place, world.cell()).inputs.start}
