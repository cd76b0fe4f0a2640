"""One worker in this process: what it does when others are quicker, or the store fails it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import Pipe
from pathlib import Path

import pytest
from filelock import FileLock

from harness import worker
from harness.atomic import StoreFull
from harness.store import Store
from harness.worker import Ended, Event, Task, Worker, failed_need, serve

TASK = Task("cell", (), None)


@dataclass
class ScriptedWork:
    """Answers ``is_done`` from a list, its last entry for ever; ``execute`` calls ``action``."""

    answers: list[bool]
    action: Callable[[], None] = lambda: None
    executed: list[str] = field(default_factory=list)

    def is_done(self, task: Task) -> bool:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def start(self) -> None:
        raise AssertionError("the process starts the work, not the worker")

    def execute(self, task: Task, report: Callable[[Event], None]) -> None:
        self.executed.append(task.name)
        self.action()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def work_through(work: ScriptedWork, store: Store) -> tuple[Ended, list[str]]:
    events: list[Event] = []
    ended = Worker(0, (TASK,), work, store, events.append).run()
    return ended, [event.kind for event in events]


def test_a_task_finished_by_another_just_before_it_was_claimed_is_not_done_again(store: Store) -> None:
    work = ScriptedWork([False, True])
    assert work_through(work, store) == (Ended("nothing left"), ["done"])
    assert work.executed == []


def test_a_task_that_another_holds_is_left_to_it(store: Store) -> None:
    work = ScriptedWork([False, False, False, True])
    with FileLock(store.lock_path(TASK.name)):
        work_through(work, store)
    assert work.executed == []


def test_a_worker_that_cannot_go_on_says_so_now_and_then(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_PATIENCE_SECONDS", 0.2)
    work = ScriptedWork([*[False] * 9, True])
    with FileLock(store.lock_path(TASK.name)):
        ended, kinds = work_through(work, store)
    assert ended == Ended("nothing left")
    assert kinds.count("done") == 1
    assert kinds.count("waiting") > 2


def test_a_worker_that_cannot_start_is_heard_of_though_its_store_cannot_be_written(tmp_path: Path) -> None:
    class Unready(ScriptedWork):
        def start(self) -> None:
            raise ImportError("no such engine")

    (tmp_path / "store").touch()
    incoming, outgoing = Pipe(duplex=False)
    before = signal.getsignal(signal.SIGINT)
    try:
        serve(0, (TASK,), Unready([False]), Store(tmp_path / "store"), outgoing)
    finally:
        signal.signal(signal.SIGINT, before)
    assert incoming.recv() == Ended("could not start", "ImportError: no such engine")


def test_a_failure_seen_by_another_is_taken_over(store: Store) -> None:
    store.write_failure(TASK.name, "ValueError: no")
    work = ScriptedWork([False])
    assert work_through(work, store) == (Ended("nothing left"), ["failed"])
    assert work.executed == []


def test_a_full_store_ends_the_worker_and_leaves_no_failure_behind(store: Store) -> None:
    def fill() -> None:
        raise StoreFull("disk: no space")

    ended, kinds = work_through(ScriptedWork([False], fill), store)
    assert ended == Ended("store unusable", "StoreFull: disk: no space")
    assert kinds == ["started", "failed"]
    assert store.read_failure(TASK.name) is None


def test_an_ordinary_missing_file_fails_the_task_only(store: Store) -> None:
    def miss() -> None:
        raise FileNotFoundError("texts.tsv")

    assert work_through(ScriptedWork([False], miss), store) == (Ended("nothing left"), ["started", "failed"])
    assert store.read_failure(TASK.name) == "FileNotFoundError: texts.tsv"


def test_the_root_cause_is_named_through_a_chain_of_needs() -> None:
    failures = {"root": "ValueError: no"}
    failures["child"] = str(failed_need(Task("child", ("root",), None), failures))
    assert failed_need(Task("grandchild", ("fine", "child"), None), failures) == failures["child"]
    assert failures["child"] == "needs root, which failed: ValueError: no"
    assert failed_need(Task("apart", ("fine",), None), failures) is None
