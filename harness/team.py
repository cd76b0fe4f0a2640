"""The worker processes of one run: start them, listen to them, end them, say what they left.

Each worker reports through a pipe of its own, so that one that is killed cannot leave a shared lock behind,
and its death is read from the same pipe, after its last report.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from harness.store import Store, StoreError
from harness.wording import counted
from harness.worker import STORED_ALREADY, Ended, Event, Task, Work, failed_need, serve

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # the order of sums, so results, depend on threads
_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class Outcome:
    """What a run left: names done (found or made), names failed with the reason, names neither, in task order.

    ``stopped`` says why a run ended early: the store could not be written, or it is None.
    """

    done: tuple[str, ...]
    failed: dict[str, str]
    remaining: tuple[str, ...]
    stopped: str | None = None


@dataclass
class _Member:
    """A worker as the parent sees it."""

    number: int
    process: SpawnProcess
    held: str | None = None  # the task it is carrying out
    ended: Ended | None = None
    waits_for: frozenset[str] = frozenset()  # what nobody here held when it last had nothing to do


class Team:
    """The workers of one run, and what is known of the tasks from their reports."""

    def __init__(self, tasks: Sequence[Task], work: Work, store: Store) -> None:
        self._tasks = tuple(tasks)
        self._work = work
        self._store = store
        self._members: dict[Connection, _Member] = {}
        self._processes: list[SpawnProcess] = []
        self._done: set[str] = set()
        self._failed: dict[str, str] = {}
        self._losses: list[str] = []
        self._stopped: str | None = None
        self._told_of_other_runs = False

    def stored_already(self) -> Iterator[Event]:
        """Yield one event for each task that is done before any worker starts."""
        for task in self._tasks:
            if self._work.is_done(task):
                self._done.add(task.name)
                yield Event("done", task.name, 0, STORED_ALREADY)

    def start(self, workers: int) -> None:
        """Spawn that many workers, or fewer where fewer tasks are left."""
        workers = min(workers, len(self._tasks) - len(self._done))
        context = multiprocessing.get_context("spawn")
        with _one_thread_each(), _interrupts_held_back():
            for number in range(workers):
                incoming, outgoing = context.Pipe(duplex=False)
                arguments = (number, self._tasks, self._work, self._store, outgoing)
                process = context.Process(target=serve, args=arguments, name=f"worker-{number}", daemon=True)
                process.start()
                outgoing.close()  # so that the worker's death closes the pipe
                self._processes.append(process)
                self._members[incoming] = _Member(number, process)

    def events(self) -> Iterator[Event]:
        """Yield each event once, whichever worker saw it, until all workers have ended or the run must stop."""
        while self._members and self._stopped is None:
            for incoming in wait(list(self._members)):
                assert isinstance(incoming, Connection)
                yield from self._receive(incoming)

    def _receive(self, incoming: Connection) -> Iterator[Event]:
        member = self._members[incoming]
        try:
            message: Event | Ended = incoming.recv()
        except (EOFError, OSError):  # closed, or cut off in the middle of a message
            del self._members[incoming]
            incoming.close()
            yield from self._take_leave(member)
            return
        if isinstance(message, Ended):
            member.ended = message
            self._stopped = message.message if message.reason == "store unusable" else self._stopped
            return
        member.held = message.task if message.kind in ("started", "progress") else None
        if message.kind == "waiting":
            yield from self._look_for_other_runs(member)
            return
        if self._is_news(message):
            yield message

    def _look_for_other_runs(self, member: _Member) -> Iterator[Event]:
        """Say once that tasks are held elsewhere: ready ones that none here holds, since the worker last waited."""
        held = {other.held for other in self._members.values()}
        settled = self._done | self._failed.keys()
        ready = (task for task in self._tasks if task.name not in settled and self._done.issuperset(task.needs))
        elsewhere = frozenset(task.name for task in ready if task.name not in held)
        both, member.waits_for = member.waits_for & elsewhere, elsewhere  # one report may be older than another's claim
        if both and not self._told_of_other_runs:
            self._told_of_other_runs = True
            number = counted(len(both), "task is", "tasks are")
            yield Event("note", "", member.number, f"{number} held by another run on this store; waiting")

    def _is_news(self, event: Event) -> bool:
        if event.task in self._done or (event.kind == "failed" and event.task in self._failed):
            return False
        if event.kind == "done":
            self._done.add(event.task)
            self._failed.pop(event.task, None)
        elif event.kind == "failed":
            self._failed[event.task] = event.message
        return True

    def _take_leave(self, member: _Member) -> Iterator[Event]:
        """Account for a worker that is gone: say what it held if it died."""
        member.process.join(_GRACE_SECONDS)
        if member.ended is not None and member.ended.reason != "could not start":
            return
        loss = f"worker {member.number} {_cause(member)}"
        self._losses.append(loss)
        if left := len(self._members):  # else what is left undone says so
            verb = "goes on" if left == 1 else "go on"
            message = f"warning: {loss}; {left} of {len(self._processes)} workers {verb}"
            yield Event("note", "", member.number, message)
        task = next((task for task in self._tasks if task.name == member.held), None)
        if task is None or self._work.is_done(task):
            return
        message = f"{loss} while it held this task"
        try:
            self._store.write_failure(task.name, message)
        except StoreError as error:
            self._stopped = str(error)
        event = Event("failed", task.name, member.number, message)
        if self._is_news(event):
            yield event

    def stop(self) -> None:
        """End all workers: ask, wait a moment, kill. None is left afterwards."""
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for process in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        for incoming in self._members:
            incoming.close()

    def outcome(self) -> Outcome:
        """Sum up, from the store and from what the workers reported."""
        done = {task.name for task in self._tasks if self._work.is_done(task)}
        failed = {name: message for name, message in self._failed.items() if name not in done}
        order = TopologicalSorter({task.name: task.needs for task in self._tasks}).static_order()
        by_name = {task.name: task for task in self._tasks}
        for name in order:
            reason = failed_need(by_name[name], failed)
            if reason is None and self._losses and self._stopped is None:
                reason = f"not run, no worker was left: {'; '.join(self._losses)}"
            if reason is not None and name not in done:
                failed.setdefault(name, reason)
        names = [task.name for task in self._tasks]
        return Outcome(
            done=tuple(name for name in names if name in done),
            failed={name: failed[name] for name in names if name in failed},
            remaining=tuple(name for name in names if name not in done and name not in failed),
            stopped=self._stopped,
        )


def _cause(member: _Member) -> str:
    if member.ended is not None:
        return f"could not start: {member.ended.message}"
    code = member.process.exitcode
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL: by hand, or the machine ran out of memory)"
    return f"died (signal {-code})" if code is not None and code < 0 else f"died (exit status {code})"


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Set the thread variables that spawned processes inherit, and put this process's own back."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start workers deaf to Ctrl-C, which would cut their start short; one that comes meanwhile is kept for us."""
    resource_tracker.ensure_running()  # its start would undo the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
