"""Language models become evidence by the digest of the encoder that records name as their start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_study import LAST, SCRATCH, TRAINING, TUNED, Tiny, measured, tiny

from harness.evidence import EvidenceError
from harness.language_model_evidence import (
    FILE,
    LanguageModelRecord,
    collect,
    read,
    trained_stages,
    training_seconds,
    write,
)
from harness.record import Record
from harness.specification import CPU, ShippedModel
from harness.store import Store
from harness.tasks import GeneralModel, TargetModel, product_key
from harness.weights import save


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def records(world: Tiny) -> tuple[Record, ...]:
    """Two that share a fine-tuned model, one of another repetition, one from the general model, one from none."""
    first = world.cell()
    cells = (first, replace(first, base_rate=0.02), replace(first, repetition=1), world.cell(LAST), world.cell(SCRATCH))
    return measured(world.place(world.folder / "store"), *cells)


@pytest.fixture(scope="module")
def store(world: Tiny) -> Store:
    return Store(world.folder / "store")


def test_each_fine_tuned_model_that_records_start_from_is_found_once(store: Store, records: tuple[Record, ...]) -> None:
    found = {model.repetition: model for model in collect(store, records)}
    assert len(store.products()) == 3  # the general one too, of which nothing is told
    assert sorted(found) == [0, 1]
    for record in records[1:3]:
        model = found[record.specification.repetition]
        assert (model.start, model.perplexity) == (record.inputs.start, record.result.perplexity)
        assert (model.dataset, model.recipe, model.implementation) == ("tiny-questions", "tiny", "torch")
        assert model.arm == TUNED
        assert model.commit == record.environment.commit
        assert (model.device, model.precision) == ("cpu", "float32")
        assert model.processor == record.environment.processor
        assert model.perplexity < model.perplexity_before
        assert TRAINING < model.tokens < 100 * TRAINING
        assert 0 < model.seconds < 60
    assert [model.repetition for model in collect(store, records[2:])] == [1]


def test_a_damaged_product_is_not_told_of(store: Store, records: tuple[Record, ...], tmp_path: Path) -> None:
    other = Store(tmp_path)
    path = other.product_path("0" * 64)
    path.parent.mkdir()
    path.write_bytes(store.products()[0].read_bytes()[:-1])
    with pytest.raises(EvidenceError, match=str(path)):
        collect(other, records)


def test_what_was_measured_first_stays_and_the_file_is_sorted(
    store: Store, records: tuple[Record, ...], tmp_path: Path
) -> None:
    path = tmp_path / FILE
    assert read(path) == ()
    models = sorted(collect(store, records), key=lambda model: model.repetition)
    tenth, second = (replace(models[0], repetition=number, start=f"{number}") for number in (10, 2))
    started = [replace(records[0], inputs=replace(records[0].inputs, start=start)) for start in ("10", "2")]
    write([tenth, models[1]], path, [*records, *started])
    write([replace(models[1], tokens_per_second=1.0), second], path, [*records, *started])
    assert read(path) == (models[1], second, tenth)
    assert path.read_text().count("\n") == 5
    write([], path, [*records, started[0]])
    assert read(path) == (models[1], tenth)  # no record starts from the second any more


def test_a_damaged_file_names_itself_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_text('[{"dataset": 1}]', encoding="utf-8")
    with pytest.raises(EvidenceError, match=f"{path}: 0.dataset: .*restore the file"):
        read(path)


def test_only_models_that_are_trained_here_cost_anything(world: Tiny) -> None:
    cell = world.cell()
    kinds = {type(stage) for stage in trained_stages([cell, world.cell(SCRATCH)], CPU)}
    assert kinds == {GeneralModel, TargetModel}
    shipped = replace(cell, recipe=replace(cell.recipe, general=ShippedModel("general", "0" * 64)))
    both_rates = (shipped, replace(shipped, base_rate=0.02), replace(shipped, arm=LAST))
    assert [type(stage) for stage in trained_stages(both_rates, CPU)] == [TargetModel]


def test_the_header_of_a_product_tells_the_seconds(
    store: Store, records: tuple[Record, ...], world: Tiny, tmp_path: Path
) -> None:
    by_repetition: dict[int, LanguageModelRecord] = {model.repetition: model for model in collect(store, records)}
    (stage,) = (s for s in trained_stages([world.cell(repetition=1)], CPU) if isinstance(s, TargetModel))
    path = store.product_path(product_key(stage, CPU))
    assert training_seconds(path) == pytest.approx(by_repetition[1].seconds)
    save({}, tmp_path / "shipped.safetensors", {"shipped": "general"})
    with pytest.raises(EvidenceError, match=r"shipped\.safetensors: does not say"):
        training_seconds(tmp_path / "shipped.safetensors")
