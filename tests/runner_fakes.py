"""A work that costs nothing and leaves traces, importable by spawned workers and by test scripts.

Run as a script: ``runner_fakes.py ROOT WORKERS SECONDS`` carries out ``chain(8, SECONDS)``, so that tests can
interrupt, kill and double whole runs.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.runner import Event, Outcome, Task, run
from harness.store import Store


@dataclass(frozen=True)
class Step:
    """What a fake task does: wait, then act, then write a product that depends on the task only."""

    seconds: float = 0.0
    act: str = "write"  # or: raise, nothing, die-once, die, hang-half-written


@dataclass(frozen=True)
class FakeWork:
    store: Store
    start_fails: bool = False
    most_bytes: int | None = None

    def is_done(self, task: Task) -> bool:
        return self.store.has_product(task.name)

    def start(self) -> None:
        if self.start_fails:
            raise ImportError("no such engine")
        if self.most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.most_bytes, self.most_bytes))

    def execute(self, task: Task, report: Callable[[Event], None]) -> None:
        assert isinstance(task.payload, Step)
        first = self.note(task)
        report(Event("progress", "", 99, "half way", 0.5, 0.25))
        if task.payload.act == "die" or (task.payload.act == "die-once" and first):
            os.kill(os.getpid(), signal.SIGKILL)
        if task.payload.act == "raise":
            raise ValueError("two\nlines")
        time.sleep(task.payload.seconds)
        if task.payload.act != "nothing":
            self.store.write_product(task.name, lambda path: self.write(path, task, first))

    def note(self, task: Task) -> bool:
        """Append the attempt to the task's log; True for the first."""
        log = self.store.root / "attempts" / task.name.replace("/", "_")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:  # O_APPEND: whole lines, whoever writes
            file.write(f"{os.environ.get('OMP_NUM_THREADS')} {os.environ.get('MKL_NUM_THREADS')}\n".encode())
        return log.read_bytes().count(b"\n") == 1

    def write(self, path: Path, task: Task, first: bool) -> None:
        assert isinstance(task.payload, Step)
        content = (task.name * 2000).encode()
        if task.payload.act == "hang-half-written" and first:
            path.write_bytes(content[:10])
            (self.store.root / "half-written").touch()
            time.sleep(60)
        path.write_bytes(content)


def attempts(store: Store) -> dict[str, int]:
    """How often each task was begun, over all runs and processes."""
    return {log.name: log.read_bytes().count(b"\n") for log in (store.root / "attempts").iterdir()}


def products(store: Store) -> dict[str, bytes]:
    folder = store.root / "products"
    return {path.name: path.read_bytes() for path in folder.rglob("*.safetensors")}


def chain(count: int, seconds: float = 0.0) -> tuple[Task, ...]:
    """Two shared stages and ``count`` cells, each of which needs one of them."""
    stages = tuple(Task(f"stage-{name}", (), Step(seconds)) for name in "ab")
    cells = tuple(Task(f"cell-{n:02}", (stages[n % 2].name,), Step(seconds)) for n in range(count))
    return stages + cells


def carry_out(tasks: tuple[Task, ...], store: Store, workers: int = 1) -> tuple[Outcome, list[Event]]:
    events: list[Event] = []
    return run(tasks, FakeWork(store), workers, store, events.append), events


def main(root: str, workers: str, seconds: str) -> None:
    store = Store(Path(root))
    outcome, _ = carry_out(chain(8, float(seconds)), store, int(workers))
    print(len(outcome.done), len(outcome.failed), len(outcome.remaining), outcome.stopped)


if __name__ == "__main__":
    main(*sys.argv[1:])
