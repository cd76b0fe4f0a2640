"""The runner under interruption, crashes, doubling and a full disk, with whole runs in processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from runner_fakes import FakeWork, Step, attempts, carry_out, chain, products

from harness.runner import Event, Task, run
from harness.store import Store

HERE = Path(__file__).parent
PATIENCE_SECONDS = 20.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def begin(store: Store, workers: int = 1, seconds: float = 0.0) -> subprocess.Popen[str]:
    """Start a run of ``chain(8, seconds)`` in a process of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parent)))}
    command = [sys.executable, str(HERE / "runner_fakes.py"), str(store.root), str(workers), str(seconds)]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def children(process: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def workers_of(process: int) -> list[int]:
    return [child for child in children(process) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to look for processes")


def test_a_killed_worker_is_named_and_the_other_goes_on(store: Store) -> None:
    tasks = (Task("deadly", (), Step(act="die-once")), *chain(4, seconds=0.1))
    outcome, events = carry_out(tasks, store, workers=2)
    (said,) = (event.message for event in events if event.kind == "note")
    assert re.fullmatch(r"warning: worker [01] was killed \(SIGKILL.*\); 1 of 2 workers goes on", said)
    assert len(outcome.done) >= 6
    if "deadly" in outcome.failed:  # else the other worker took it up before the death was noticed
        assert "was killed" in outcome.failed["deadly"]
    outcome, _ = carry_out(tasks, store)
    assert len(outcome.done) == 7
    assert attempts(store)["deadly"] == 2


@needs_proc
def test_an_interrupted_run_leaves_no_process_and_is_completed_by_the_next(tmp_path: Path) -> None:
    interrupted, whole = Store(tmp_path / "interrupted"), Store(tmp_path / "whole")
    for number in (signal.SIGINT, signal.SIGTERM):
        had = len(products(interrupted))
        runner = begin(interrupted, workers=2, seconds=0.3)
        wait_until(lambda had=had: len(products(interrupted)) >= had + 2)
        workers = workers_of(runner.pid)
        if number == signal.SIGINT:  # as Ctrl-C does: to the whole group
            os.killpg(runner.pid, number)
        else:
            runner.send_signal(number)
        _, errors = runner.communicate(timeout=PATIENCE_SECONDS)
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert errors.count("Traceback") == 1, "only the parent may complain"
        wait_until(lambda workers=workers: not any(is_running(worker) for worker in workers))
    stored = {name.removesuffix(".safetensors") for name in products(interrupted)}
    assert len(stored) < 10
    before = attempts(interrupted)
    _, events = carry_out(chain(8), interrupted)
    assert {event.task for event in events if event.kind == "started"} == {t.name for t in chain(8)} - stored
    assert {name: count for name, count in attempts(interrupted).items() if name in stored} == {
        name: before[name] for name in stored
    }
    carry_out(chain(8), whole)
    assert products(interrupted) == products(whole)


@needs_proc
def test_workers_do_not_outlive_a_killed_parent(store: Store) -> None:
    runner = begin(store, workers=2, seconds=30)
    wait_until(lambda: (store.root / "attempts").exists() and len(attempts(store)) == 2)
    workers = workers_of(runner.pid)
    runner.kill()
    wait_until(lambda: not any(is_running(worker) for worker in workers))
    runner.communicate()


@needs_proc
def test_workers_are_deaf_to_interrupts_from_their_start_on(store: Store) -> None:
    runner = begin(store, workers=1, seconds=0.1)
    wait_until(lambda: workers_of(runner.pid) != [])
    os.kill(workers_of(runner.pid)[0], signal.SIGINT)  # while it starts
    wait_until((store.root / "attempts").exists)
    os.kill(workers_of(runner.pid)[0], signal.SIGINT)  # while it works
    output, errors = runner.communicate(timeout=PATIENCE_SECONDS)
    assert (output, errors) == ("10 0 0 None\n", "")


def test_two_runs_on_one_store_share_the_work(store: Store) -> None:
    runners = [begin(store, workers=2, seconds=0.05) for _ in range(2)]
    for runner in runners:
        output, errors = runner.communicate(timeout=PATIENCE_SECONDS)
        assert (runner.returncode, errors) == (0, "")
        assert output.splitlines()[-1] == "10 0 0 None"
    assert attempts(store) == {task.name: 1 for task in chain(8)}


def test_a_run_says_once_that_it_waits_for_tasks_of_another(store: Store) -> None:
    tasks = (Task("held", (), Step()), Task("free", (), Step()), Task("child", ("held",), Step()))
    notes: list[str] = []
    with FileLock(store.lock_path("held"), thread_local=False) as lock:
        late = threading.Timer(PATIENCE_SECONDS, lock.release)  # so that a run that says nothing ends too
        late.start()

        def take(event: Event) -> None:
            if event.kind == "note":
                notes.append(event.message)
                lock.release()

        outcome = run(tasks, FakeWork(store), 2, store, take)
        late.cancel()
    assert notes == ["1 task is held by another run on this store; waiting"]
    assert len(outcome.done) == 3


def test_a_worker_that_waits_for_another_of_the_same_run_is_no_news(store: Store) -> None:
    tasks = (Task("long", (), Step(seconds=6)), Task("child", ("long",), Step()))
    _, events = carry_out(tasks, store, workers=2)
    assert {event.kind for event in events} == {"started", "progress", "done"}


@needs_proc
def test_a_half_written_file_of_a_killed_worker_is_not_taken_for_done(store: Store) -> None:
    task = Task("half", (), Step(act="hang-half-written"))
    events: list[Event] = []

    def kill_when_half_written(event: Event) -> None:
        events.append(event)
        if event.kind == "progress":
            wait_until((store.root / "half-written").exists)
            for worker in workers_of(os.getpid()):
                os.kill(worker, signal.SIGKILL)

    outcome = run((task,), FakeWork(store), 1, store, kill_when_half_written)
    assert "was killed" in outcome.failed["half"]
    assert not store.has_product("half")
    outcome, _ = carry_out((task,), store)
    assert outcome.done == ("half",)
    assert products(store)["half.safetensors"] == b"half" * 2000


def test_a_store_without_space_stops_the_run_and_stays_readable(store: Store) -> None:
    run(chain(0), FakeWork(store), 1, store, lambda event: None)
    before = products(store)
    outcome = run(chain(4), FakeWork(store, most_bytes=10_000), 2, store, lambda event: None)
    assert outcome.stopped is not None
    assert "make space" in outcome.stopped
    assert len(outcome.done) == 2
    assert set(outcome.failed) | set(outcome.remaining) == {f"cell-{n:02}" for n in range(4)}
    assert outcome.remaining
    assert all("StoreFull" in message for message in outcome.failed.values())
    assert products(store) == before
    assert not list(store.root.rglob(".*.tmp"))
    assert len(carry_out(chain(4), store)[0].done) == 6
