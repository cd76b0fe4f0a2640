"""The runner: order, needs, failures, events, refusals; every task is a fake that leaves traces."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from runner_fakes import FakeWork, Step, attempts, carry_out, chain, products

from harness.runner import Outcome, Task, run
from harness.store import Store, StoreError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_one_and_two_workers_leave_the_same_files(tmp_path: Path) -> None:
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    for store, workers in ((one, 1), (two, 2)):
        outcome, _ = carry_out(chain(6), store, workers)
        assert outcome == Outcome(tuple(task.name for task in chain(6)), {}, ())
    assert len(products(one)) == 8
    assert products(one) == products(two)


def test_needs_come_first_and_otherwise_the_given_order_holds(store: Store) -> None:
    tasks = (Task("late", ("early",), Step()), Task("other", (), Step()), Task("early", (), Step()))
    _, events = carry_out(tasks, store)
    assert [event.task for event in events if event.kind == "started"] == ["other", "early", "late"]


def test_events_carry_the_task_the_worker_and_the_last_error(store: Store) -> None:
    _, events = carry_out((Task("only", (), Step()),), store)
    assert [(event.kind, event.task, event.worker) for event in events] == [
        ("started", "only", 0),
        ("progress", "only", 0),
        ("done", "only", 0),
    ]
    assert (events[1].fraction, events[2].error) == (0.5, 0.25)


def test_workers_get_one_thread_and_the_caller_keeps_its_own(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    carry_out((Task("only", (), Step()),), store)
    assert (store.root / "attempts" / "only").read_text() == "1 1\n"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_a_second_run_finds_everything_done_and_says_so(store: Store) -> None:
    carry_out(chain(2), store)
    outcome, events = carry_out(chain(2), store)
    assert len(outcome.done) == 4
    assert [event.kind for event in events] == ["done"] * 4
    assert set(attempts(store).values()) == {1}


def test_a_failing_task_takes_only_its_dependants_along_and_is_tried_again(store: Store) -> None:
    tasks = (
        Task("root", (), Step(act="raise")),
        Task("child", ("root",), Step()),
        Task("grandchild", ("child",), Step()),
        Task("apart", (), Step()),
    )
    outcome, events = carry_out(tasks, store)
    because = "needs root, which failed: ValueError: two lines"
    assert outcome == Outcome(
        ("apart",), {"root": "ValueError: two lines", "child": because, "grandchild": because}, ()
    )
    assert sorted(event.task for event in events if event.kind == "failed") == ["child", "grandchild", "root"]
    assert "raise ValueError" in store.failure_path("root").read_text()
    mended = (Task("root", (), Step()), *tasks[1:])
    outcome, _ = carry_out(mended, store)
    assert len(outcome.done) == 4
    assert not outcome.failed
    assert store.read_failure("root") is None


def test_work_that_leaves_nothing_in_the_store_has_failed(store: Store) -> None:
    outcome, _ = carry_out((Task("idle", (), Step(act="nothing")),), store)
    assert "left nothing in the store" in outcome.failed["idle"]


def test_when_every_worker_is_dead_what_is_left_has_failed(store: Store) -> None:
    tasks = (Task("deadly", (), Step(act="die")), Task("child", ("deadly",), Step()), Task("apart", (), Step()))
    outcome, _ = carry_out(tasks, store)
    assert not outcome.done
    assert not outcome.remaining
    assert "while it held this task" in outcome.failed["deadly"]
    assert outcome.failed["child"].startswith("needs deadly, which failed: worker 0 was killed")
    assert outcome.failed["apart"].startswith("not run, no worker was left")


def test_a_store_that_cannot_be_written_is_told_before_any_worker_starts(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    with pytest.raises(StoreError, match=rf"{tmp_path}/store/.* could not be written: .*check that the folder is writ"):
        run(chain(1), FakeWork(Store(tmp_path / "store")), 1, Store(tmp_path / "store"), lambda event: None)


def test_a_run_that_finds_all_done_writes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out(chain(1), store)
    assert not any(store.root.rglob(".*"))
    monkeypatch.setattr(Store, "probe", None)
    carry_out(chain(1), store)


def test_workers_that_cannot_start_are_reported_with_the_reason(store: Store) -> None:
    outcome = run(chain(0), FakeWork(store, start_fails=True), 2, store, lambda event: None)
    assert "could not start: ImportError: no such engine" in outcome.failed["stage-a"]
    assert "Traceback" in store.failure_path("worker-0").read_text()


@pytest.mark.parametrize(
    ("tasks", "workers", "message"),
    [
        ((Task("a", (), None), Task("a", (), None)), 1, r"repeat: \['a'\]"),
        ((Task("a", ("b",), None),), 1, r"'a' needs \['b'\]"),
        ((Task("a", ("b",), None), Task("b", ("a",), None)), 1, "circle"),
        ((), 0, "workers is 0"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(store: Store, tasks: tuple[Task, ...], workers: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(tasks, FakeWork(store), workers, store, lambda event: None)
