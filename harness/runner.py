"""Run tasks in worker processes; survive interruption, crashes and a full disk.

The runner knows tasks, not models. It starts workers, passes on what they report, and says in the end what
was done, what failed and why, and what remains. The store is the only state: running again does what is missing.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from types import FrameType

from harness.store import Store
from harness.team import Outcome, Team
from harness.worker import STORED_ALREADY, Event, Task, Work, start_failure

__all__ = ["STORED_ALREADY", "Event", "Outcome", "Task", "Work", "run"]


def run(tasks: Sequence[Task], work: Work, workers: int, store: Store, on_event: Callable[[Event], None]) -> Outcome:
    """Carry out the tasks that are not done yet, earlier ones first, in ``workers`` spawned processes.

    A task that fails is written to ``failures/``, takes those that need it along, and is tried again by the
    next run; the others go on. Several runs may share a store: no task is then carried out twice. The calling
    module must be importable without side effects (``if __name__ == "__main__"``), as for any spawned process.

    Raises:
        ValueError: when names repeat, needs are unknown or circular, or ``workers`` is not positive.
        StoreError: when something is left to do and the store cannot be written.
        KeyboardInterrupt: on SIGINT or SIGTERM, after the workers are gone.
    """
    _check(tasks, workers)
    store.set_aside_broken()
    if not all(map(work.is_done, tasks)):
        store.probe()
    store.clear_failures([task.name for task in tasks] + [start_failure(number) for number in range(workers)])
    team = Team(tasks, work, store)
    with _sigterm_interrupts():
        try:
            for event in team.stored_already():
                on_event(event)
            team.start(workers)
            for event in team.events():
                on_event(event)
        finally:
            team.stop()
    return team.outcome()


def _check(tasks: Sequence[Task], workers: int) -> None:
    if workers < 1:
        raise ValueError(f"workers is {workers}; give 1 or more")
    names = {task.name for task in tasks}
    if len(names) < len(tasks):
        listed = [task.name for task in tasks]
        raise ValueError(f"task names repeat: {sorted(name for name in names if listed.count(name) > 1)}")
    for task in tasks:
        if missing := set(task.needs) - names:
            raise ValueError(f"task {task.name!r} needs {sorted(missing)}, which are not among the tasks; add them")
    try:
        TopologicalSorter({task.name: task.needs for task in tasks}).prepare()
    except CycleError as error:
        raise ValueError(f"tasks need one another in a circle: {error.args[1]}") from error


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C; only the main thread may, elsewhere it stays as it is."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
