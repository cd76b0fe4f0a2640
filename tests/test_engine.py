"""The engine as the runner sees it: what is done, what carrying out a task leaves, and what a worker is set to."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import cast

import pytest
import torch
from tiny_study import LAST, Tiny, as_in_a_worker, ignore, tiny

from harness.engine import Engine
from harness.record import Record
from harness.runner import Event, Task
from harness.specification import Hardware, cell_id
from harness.store import RecordExists
from harness.tasks import GeneralModel, plan_tasks


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def engine(world: Tiny, tmp_path: Path) -> Engine:
    return Engine(world.place(tmp_path / "store"))


def test_tasks_are_done_once_their_product_or_record_is_stored(world: Tiny, engine: Engine) -> None:
    general, cell = plan_tasks([world.cell(LAST)], Hardware())
    assert isinstance(general.payload, GeneralModel)
    assert cell.needs == (general.name,)
    with as_in_a_worker(engine):
        assert not engine.is_done(general)
        engine.execute(general, ignore)
        assert engine.is_done(general)
        assert not engine.is_done(cell)
        engine.execute(cell, ignore)
        assert engine.is_done(cell)


def test_progress_rises_to_one_and_ends_with_the_error(world: Tiny, engine: Engine) -> None:
    events: list[Event] = []
    tasks = plan_tasks([world.cell(LAST)], Hardware())
    with as_in_a_worker(engine):
        for task in tasks:
            engine.execute(task, events.append)
    record: Record = engine.place.store.read_record(tasks[-1].name)
    mine = [event for event in events if event.task == tasks[-1].name]
    fractions = [event.fraction for event in mine]
    assert fractions == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert (mine[-1].message, mine[-1].error) == ("completed", record.result.test.error)
    assert "loss" in mine[0].message


def test_each_task_starts_without_the_memory_that_earlier_ones_freed(
    world: Tiny, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr("harness.memory.give_back_freed_memory", lambda: order.append("memory"))
    tasks = plan_tasks([world.cell(LAST)], Hardware())
    with as_in_a_worker(engine):
        for task in tasks:
            engine.execute(task, lambda _: order.append("progress"))
    assert order.count("memory") == len(tasks)
    assert order[0] == "memory"


def test_a_record_is_never_made_twice(world: Tiny, engine: Engine) -> None:
    *stages, cell = plan_tasks([world.cell(LAST)], Hardware())
    with as_in_a_worker(engine):
        for task in (*stages, cell):
            engine.execute(task, ignore)
        with pytest.raises(RecordExists, match="seed-0"):
            engine.execute(cell, ignore)


def test_arms_share_the_stages_that_they_start_from(world: Tiny) -> None:
    cells = [world.cell(), world.cell(base_rate=0.1), world.cell(LAST), world.cell(repetition=1)]
    names = [task.name for task in plan_tasks(cells, Hardware())]
    assert [name.rpartition("/")[0] for name in names if name.startswith("language-model")] == [
        "language-model/trec6/tiny/general",
        "language-model/trec6/tiny/torch/full+discr+stlr/decay-2.6/seed-0",
        "language-model/trec6/tiny/torch/full+discr+stlr/decay-2.6/seed-1",
    ]
    assert [name for name in names if name.startswith("tiny-questions")] == [cell_id(cell) for cell in cells]


def test_a_worker_has_one_thread_and_deterministic_kernels_only(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.set_num_threads(2)
    with as_in_a_worker(engine):
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_worker_takes_denormal_numbers_for_zero_forward_and_backward(engine: Engine) -> None:
    """Some processors are slow with them, and the smallest one, times 0.9, is itself and stays for ever."""

    def product_and_gradient() -> list[float]:
        weight = torch.tensor([1e-20], requires_grad=True)
        product = weight * 1e-22
        product.backward(torch.tensor([1e-20]))
        return [product.item(), 1e30 * cast(torch.Tensor, weight.grad).double().item()]

    with as_in_a_worker(engine):
        assert product_and_gradient() == [0.0, 0.0]
    assert all(number > 0 for number in product_and_gradient())


def test_an_engine_and_its_tasks_reach_another_process(world: Tiny, engine: Engine) -> None:
    tasks: tuple[Task, ...] = plan_tasks([world.cell()], Hardware())
    assert pickle.loads(pickle.dumps((engine, tasks))) == (engine, tasks)  # noqa: S301  (our own bytes)
