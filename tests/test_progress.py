"""Progress: the estimate and the lines, from events and a hand-set clock, without a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from harness.progress import ProgressState, ProgressView, clock_text
from harness.runner import STORED_ALREADY, Event

NAMES = ("trec/torch/seed-0", "trec/torch/seed-1", "trec/fastai/seed-0", "imdb/torch/seed-0")


def finish(state: ProgressState, task: str, start: float, end: float, worker: int = 0) -> None:
    state.update(Event("started", task, worker), start)
    state.update(Event("done", task, worker), end)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def view(terminal: bool = False, width: int = 30) -> tuple[ProgressView, Clock, io.StringIO]:
    output, clock = io.StringIO(), Clock()
    console = Console(file=output, force_terminal=terminal, width=width)
    return ProgressView(NAMES, 2, console, clock), clock, output


def test_the_time_left_is_unknown_until_most_kinds_are_known() -> None:
    state = ProgressState(NAMES, 1, 0.0)
    assert state.seconds_left(0.0) is None
    assert "estimating" in state.summary(0.0)
    finish(state, NAMES[3], 0.0, 100.0)
    assert state.seconds_left(100.0) is None, "nothing is known of trec"
    finish(state, NAMES[0], 100.0, 110.0)
    assert state.seconds_left(110.0) == 20.0


def test_cells_that_only_these_tasks_make_possible_are_told_beside_the_time_left() -> None:
    state = ProgressState(NAMES, 1, 0.0, later=(20, 10))
    assert state.summary(0.0).endswith("then 20 cells whose base rates these choose, and 10 language models")
    one = ProgressState(NAMES, 1, 0.0, later=(1, 1)).summary(0.0)
    assert one.endswith("then 1 cell whose base rate these choose, and 1 language model")
    assert "then" not in ProgressState(NAMES, 1, 0.0).summary(0.0)


def test_the_nearest_kind_counts_and_workers_share() -> None:
    state = ProgressState((*NAMES, "trec/fastai/seed-1"), 2, 0.0)
    finish(state, NAMES[0], 0.0, 10.0)
    finish(state, NAMES[2], 0.0, 30.0, worker=1)
    assert state.expected_seconds(NAMES[1]) == 10.0
    assert state.expected_seconds("trec/fastai/seed-1") == 30.0
    assert state.expected_seconds("trec/other/seed-0") == 20.0
    assert state.seconds_left(30.0) == 30.0  # (10 + 30 + their mean for imdb) over two workers


def test_time_already_spent_on_a_task_is_not_counted_again() -> None:
    state = ProgressState(NAMES[:2], 2, 0.0)
    finish(state, NAMES[0], 0.0, 10.0)
    state.update(Event("started", NAMES[1], 0), 10.0)
    assert state.seconds_left(14.0) == 6.0
    assert state.seconds_left(99.0) == 0.0


def test_tasks_found_in_the_store_count_as_done_but_not_as_fast() -> None:
    state = ProgressState(NAMES, 1, 0.0)
    for name in NAMES[:3]:
        state.update(Event("done", name, 0, STORED_ALREADY), 0.0)
    assert state.summary(0.0).startswith("3/4 done")
    assert state.seconds_left(0.0) is None


@given(st.lists(st.tuples(st.sampled_from(["started", "progress", "done", "failed"]), st.sampled_from(NAMES))))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_whatever_the_events_no_task_is_both_done_and_failed(events: list[tuple[str, str]]) -> None:
    state = ProgressState(NAMES, 2, 0.0)
    for now, (kind, task) in enumerate(events):
        state.update(Event(kind, task, now % 2), float(now))
    assert not state.done & set(state.failed)
    left = state.seconds_left(float(len(events)))
    assert left is None or left >= 0.0


def test_plain_output_has_a_line_a_task_and_few_summaries() -> None:
    shown, clock, output = view()
    with shown:
        shown(Event("done", NAMES[2], 0, STORED_ALREADY))
        shown(Event("started", NAMES[0], 0))
        clock.now = 9.0
        shown(Event("progress", NAMES[0], 0, "epoch 1", 0.5, 0.4))
        clock.now = 65.0
        shown(Event("done", NAMES[0], 0, error=0.123))
        shown(Event("failed", NAMES[3], 1, "ValueError: [bold]x[/bold]"))
    assert output.getvalue().splitlines() == [
        "[2/4] trec/torch/seed-0, error 12.3 %, 1:05",
        "2/4 done, last error 12.3 %, elapsed 1:05, about 1:05 left",
        "failed: imdb/torch/seed-0: ValueError: [bold]x[/bold]",
        "2/4 done, 1 failed, last error 12.3 %, elapsed 1:05, about 1:05 left",
    ]


def test_a_note_is_a_line_and_its_worker_has_no_task() -> None:
    shown, _, output = view()
    with shown:
        shown(Event("started", NAMES[0], 1))
        shown(Event("note", "", 1, "warning: worker 1 was killed"))
    assert output.getvalue().splitlines()[0] == "warning: worker 1 was killed"
    state = ProgressState(NAMES, 2, 0.0)
    state.update(Event("started", NAMES[0], 1), 0.0)
    state.update(Event("note", "", 1, "lost"), 1.0)
    assert (state.current, state.done) == ({}, set())


def test_the_live_picture_shows_each_worker_s_task() -> None:
    shown, clock, output = view(terminal=True, width=100)
    with shown:
        shown(Event("started", NAMES[0], 0))
        shown(Event("started", NAMES[3], 1))
        shown(Event("progress", NAMES[3], 1, "epoch 2", 0.25))
        clock.now = 5.0
    assert "0: trec/torch/seed-0 (0:05)" in output.getvalue()
    assert "1: imdb/torch/seed-0 25 % epoch 2 (0:05)" in output.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3661, "1:01:01")])
def test_clock_text(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
