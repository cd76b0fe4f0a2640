"""What a worker process does: claim a task that is ready, carry it out, look for the next.

Workers agree through the store alone: a finished task is what ``Work.is_done`` finds there, a claim is an
operating-system lock on a file (released when its holder dies, however it dies), a failure is a file. So
workers of one run, and of several runs on the same store, share the tasks without talking to each other.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Literal, Protocol

from filelock import FileLock, Timeout

from harness.atomic import StoreError, is_full
from harness.store import Store

_SHORTEST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0  # of a worker that finds all that is left held by others
_NEEDS = "needs "
STORED_ALREADY = "found in the store"


@dataclass(frozen=True)
class Task:
    """One unit of work: a unique readable name, the names of tasks that must be done before, what the work needs."""

    name: str
    needs: tuple[str, ...]
    payload: object  # picklable; read by the work only


@dataclass(frozen=True)
class Event:
    """What happened to a task in a worker; ``fraction`` of it that is done and ``error`` are in [0, 1].

    Two kinds are of no task: ``waiting`` is of a worker that has had nothing to do for a while, ``note`` is what the
    team has to say of a worker.
    """

    kind: Literal["started", "progress", "done", "failed", "waiting", "note"]
    task: str
    worker: int
    message: str = ""
    fraction: float | None = None
    error: float | None = None


@dataclass(frozen=True)
class Ended:
    """A worker's last word. One that dies cannot send it."""

    reason: Literal["nothing left", "store unusable", "could not start"]
    message: str = ""


class Work(Protocol):
    """What tasks mean. Picklable, since every worker process gets a copy."""

    def is_done(self, task: Task) -> bool:
        """Whether the task's outcome is in the store; cheap, called often."""

    def start(self) -> None:
        """Prepare one worker process, once and before any task: imports, threads."""

    def execute(self, task: Task, report: Callable[[Event], None]) -> None:
        """Carry out the task; ``is_done`` must hold afterwards. The runner fills in the events' task and worker."""


def failed_need(task: Task, failures: dict[str, str]) -> str | None:
    """Why ``task`` cannot run, naming the root cause; None if nothing it needs is in ``failures`` (name -> message)."""
    for need in task.needs:
        if need in failures:
            message = failures[need]
            return message if message.startswith(_NEEDS) else f"{_NEEDS}{need}, which failed: {message}"
    return None


def start_failure(number: int) -> str:
    """Name under ``failures/`` of what kept a worker from starting."""
    return f"worker-{number}"


def serve(number: int, tasks: Sequence[Task], work: Work, store: Store, outgoing: Connection) -> None:
    """Carry out tasks in this process until none is left, then send ``Ended``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    try:
        work.start()
    except Exception as error:  # whatever it is, the parent has to hear of it
        with suppress(StoreError, OSError):  # what the parent hears has the reason too
            store.write_failure(start_failure(number), _summary(error), traceback.format_exc())
        outgoing.send(Ended("could not start", _summary(error)))
        return
    worker = Worker(number, tasks, work, store, outgoing.send)
    outgoing.send(worker.run())


def _exit_with_parent() -> None:
    """Without its parent a worker would be an orphan that nobody can interrupt."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class Worker:
    """One worker's view of the tasks: what it knows to be done or failed, so that it asks the store once only."""

    def __init__(
        self, number: int, tasks: Sequence[Task], work: Work, store: Store, send: Callable[[Event], None]
    ) -> None:
        self._number = number
        self._tasks = tasks
        self._work = work
        self._store = store
        self._send = send
        self._done: set[str] = set()
        self._failed: dict[str, str] = {}
        self._last_error: float | None = None

    def run(self) -> Ended:
        """Scan the tasks in their order, over and over, until all are settled or the store cannot be written."""
        pause, idle = _SHORTEST_WAIT_SECONDS, 0.0
        while len(self._done) + len(self._failed) < len(self._tasks):
            try:
                advanced = self._scan()
            except (StoreError, OSError) as error:
                return Ended("store unusable", str(error))
            if advanced:
                pause, idle = _SHORTEST_WAIT_SECONDS, 0.0
                continue
            pause = min(pause * 1.5, _LONGEST_WAIT_SECONDS)
            time.sleep(pause)  # what is left is held by others, or needs what they hold
            idle += pause
            if idle >= _PATIENCE_SECONDS:
                idle = 0.0
                self._send(Event("waiting", "", self._number))
        return Ended("nothing left")

    def _scan(self) -> bool:
        """Settle what is known by now and carry out the first task that can be claimed. True if one was."""
        for task in self._tasks:
            if not self._is_settled(task) and self._done.issuperset(task.needs) and self._claim(task):
                return True
        return False

    def _is_settled(self, task: Task) -> bool:
        if task.name in self._done or task.name in self._failed:
            return True
        if self._work.is_done(task):
            self._done.add(task.name)
            self._tell("done", task, STORED_ALREADY)
            return True
        reason = self._store.read_failure(task.name) or failed_need(task, self._failed)
        if reason is not None:
            self._failed[task.name] = reason
            self._tell("failed", task, reason)
        return reason is not None

    def _claim(self, task: Task) -> bool:
        """Carry out the task unless another worker holds it or has just settled it."""
        try:
            with FileLock(self._store.lock_path(task.name), blocking=False):
                if not self._is_settled(task):
                    self._carry_out(task)
        except Timeout:
            return False
        return True

    def _carry_out(self, task: Task) -> None:
        self._tell("started", task)
        self._last_error = None
        try:
            self._work.execute(task, lambda event: self._forward(task, event))
            if not self._work.is_done(task):
                raise RuntimeError("the work returned but left nothing in the store")
        except Exception as error:  # one task's failure must not stop the rest
            self._fail(task, error)
            return
        self._store.clear_failures([task.name])
        self._done.add(task.name)
        self._tell("done", task)

    def _fail(self, task: Task, error: Exception) -> None:
        self._failed[task.name] = _summary(error)
        self._tell("failed", task, _summary(error))
        if isinstance(error, StoreError) or is_full(error):
            raise StoreError(_summary(error)) from error
        self._store.write_failure(task.name, _summary(error), traceback.format_exc())

    def _forward(self, task: Task, event: Event) -> None:
        self._last_error = event.error if event.error is not None else self._last_error
        self._send(replace(event, task=task.name, worker=self._number))

    def _tell(self, kind: Literal["started", "done", "failed"], task: Task, message: str = "") -> None:
        error = self._last_error if kind == "done" and message != STORED_ALREADY else None
        self._send(Event(kind, task.name, self._number, message, error=error))


def _summary(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
