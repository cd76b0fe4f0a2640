"""What a run looks like while it goes on: counts, current tasks, last error, time left.

``ProgressState`` is the deterministic core, fed with events and clock values; ``ProgressView`` shows it, live on
a terminal and as plain lines elsewhere. Both know task names only, as paths whose first parts say what kind they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from harness.runner import STORED_ALREADY, Event
from harness.wording import counted

_SUMMARY_SECONDS = 10.0
_WIDTH = 40


@dataclass(frozen=True)
class Current:
    """What a worker is doing; ``since`` is the clock in seconds, ``fraction`` the part done in [0, 1]."""

    task: str
    since: float
    message: str = ""
    fraction: float | None = None


class ProgressState:
    """The state of a run of tasks called ``names`` that began at clock value ``start`` (seconds).

    ``later`` counts cells that can be named only when these are done, and the language models that they then need.
    """

    def __init__(self, names: Sequence[str], workers: int, start: float, later: tuple[int, int] = (0, 0)) -> None:
        self.names = tuple(names)
        self.later = later
        self.workers = workers
        self.start = start
        self.done: set[str] = set()
        self.failed: dict[str, str] = {}
        self.current: dict[int, Current] = {}
        self.last: tuple[str, float] | None = None  # the last finished task that reported an error, and that error
        self._durations: dict[str, tuple[float, int]] = {}  # kind -> (seconds, tasks)

    def update(self, event: Event, now: float) -> float | None:
        """Take in one event. Returns the task's duration in seconds where the event ends one that was seen to start."""
        current = self.current.get(event.worker)
        if event.kind in ("note", "waiting"):
            self.current.pop(event.worker, None)  # it is gone, or has nothing to do
        elif event.kind == "started":
            self.current[event.worker] = Current(event.task, now)
            self.failed.pop(event.task, None)
        elif event.kind == "progress":
            since = current.since if current and current.task == event.task else now
            self.current[event.worker] = Current(event.task, since, event.message, event.fraction)
        else:
            return self._finish(event, now)
        return None

    def _finish(self, event: Event, now: float) -> float | None:
        current = self.current.get(event.worker)
        held = current is not None and current.task == event.task
        duration = now - current.since if held and current is not None else None
        if held:
            del self.current[event.worker]
        if event.kind == "failed":
            if event.task not in self.done:  # two runs on one store may differ for a moment
                self.failed[event.task] = event.message
            return duration
        self.done.add(event.task)
        self.failed.pop(event.task, None)
        if event.error is not None:
            self.last = (event.task, event.error)
        if duration is not None:
            for kind in _kinds(event.task):
                seconds, tasks = self._durations.get(kind, (0.0, 0))
                self._durations[kind] = (seconds + duration, tasks + 1)
        return duration

    def expected_seconds(self, name: str) -> float | None:
        """Mean duration of the finished tasks nearest in kind: those that share most leading parts of the name."""
        for kind in _kinds(name):
            if kind in self._durations:
                seconds, tasks = self._durations[kind]
                return seconds / tasks
        return None

    def seconds_left(self, now: float) -> float | None:
        """Estimate the time to the end with all workers busy; None while most tasks left are of unknown kind.

        The others of unknown kind are taken to last as long as the known ones do on average.
        """
        begun = {current.task: current.since for current in self.current.copy().values()}
        left = [name for name in self.names if name not in self.done and name not in self.failed]
        known = [
            max(expected - (now - begun.get(name, now)), 0.0)
            for name in left
            if (expected := self.expected_seconds(name)) is not None
        ]
        if not left:
            return 0.0
        if 2 * len(known) < len(left):
            return None
        return sum(known) / len(known) * len(left) / min(self.workers, len(left))

    def summary(self, now: float) -> str:
        """One line: counts, last error, elapsed and remaining time."""
        left = self.seconds_left(now)
        parts = [f"{len(self.done)}/{len(self.names)} done"]
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        if self.last is not None:
            parts.append(f"last error {100 * self.last[1]:.1f} %")
        parts.append(f"elapsed {clock_text(now - self.start)}")
        parts.append("estimating time left" if left is None else f"about {clock_text(left)} left")
        cells, models = self.later
        if cells:
            choose = counted(cells, "cell whose base rate these choose", "cells whose base rates these choose")
            parts.append(f"then {choose}")
        if models:
            parts.append(f"and {counted(models, 'language model')}")
        return ", ".join(parts)


def clock_text(seconds: float) -> str:
    """Seconds as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _kinds(name: str) -> Iterator[str]:
    """Yield the leading parts of a name, most of them first, down to the first part alone."""
    parts = name.split("/")
    for count in range(max(len(parts) - 1, 1), 0, -1):
        yield "/".join(parts[:count])


class ProgressView:
    """Shows events as they come: ``with ProgressView(names, workers) as view: run(..., on_event=view)``.

    ``clock`` gives seconds, ``later`` is as in :class:`ProgressState`. On a terminal one live picture;
    elsewhere a line for each task that ends, and a summary line at most every ten seconds and at the end.
    """

    def __init__(
        self,
        names: Sequence[str],
        workers: int,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        later: tuple[int, int] = (0, 0),
    ) -> None:
        self._console = console or Console()
        self._clock = clock
        self._state = ProgressState(names, workers, clock(), later)
        self._summarized = clock()
        self._live: Live | None = None

    def __enter__(self) -> ProgressView:
        if self._console.is_terminal:
            self._live = Live(console=self._console, get_renderable=self.picture, refresh_per_second=2)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        else:
            self._print(self._state.summary(self._clock()))

    def __call__(self, event: Event) -> None:
        """Take in one event of the runner."""
        now = self._clock()
        duration = self._state.update(event, now)
        if event.kind == "note":
            self._print(event.message)
        elif event.kind == "failed":
            self._print(f"failed: {event.task}: {event.message}")
        elif event.kind == "done" and event.message != STORED_ALREADY and self._live is None:
            self._print(self._done_line(event, duration))
        if self._live is None and now - self._summarized >= _SUMMARY_SECONDS:
            self._summarized = now
            self._print(self._state.summary(now))

    def picture(self) -> Group:
        """Draw the live picture: summary, bar, one line a worker."""
        state, now = self._state, self._clock()
        lines = [Text(_worker_line(worker, current, now)) for worker, current in sorted(state.current.copy().items())]
        bar = ProgressBar(total=max(len(state.names), 1), completed=len(state.done), width=_WIDTH)
        return Group(Text(state.summary(now)), bar, *lines)

    def _done_line(self, event: Event, duration: float | None) -> str:
        error = "" if event.error is None else f", error {100 * event.error:.1f} %"
        took = "" if duration is None else f", {clock_text(duration)}"
        return f"[{len(self._state.done)}/{len(self._state.names)}] {event.task}{error}{took}"

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _worker_line(worker: int, current: Current, now: float) -> str:
    fraction = "" if current.fraction is None else f" {100 * current.fraction:.0f} %"
    message = f" {current.message}" if current.message else ""
    return f"  {worker}: {current.task}{fraction}{message} ({clock_text(now - current.since)})"
