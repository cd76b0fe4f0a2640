"""What a run costs besides training is told of every number of workers, and only of runs that finished."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from tiny_study import Tiny, tiny

from harness.campaign import Measurement, Selection, measure
from harness.overhead import show_overhead
from harness.specification import Hardware

SELECTION = Selection("quick", decays=(2.6,), datasets=("tiny-questions",))


@pytest.fixture
def world(tmp_path: Path) -> Tiny:
    return tiny(tmp_path)


def test_each_number_of_workers_is_a_run_from_nothing_and_one_with_nothing_to_do(world: Tiny) -> None:
    seen: list[tuple[int, int]] = []

    def run(store: Path, workers: int) -> Measurement:
        place = world.place(store)
        seen.append((workers, len(place.store.records())))
        return measure(world.study, SELECTION, place, workers, ())

    written = io.StringIO()
    show_overhead(run, Hardware(), (1, 2), Console(file=written, width=160))
    assert seen == [(1, 0), (1, 2), (2, 0), (2, 2)]
    row = r"│ +(\d) │ +([\d.]+) │ +([\d.]+) │ +([\d.]+) % │ +([\d.]+) │ +([\d.]+) │"
    rows = [list(map(float, found)) for found in re.findall(row, written.getvalue())]
    assert [row[0] for row in rows] == [1, 2]
    assert rows[0][4] == 1
    for _, wall, cpu, share, _, again in rows:
        assert 0 < share < 100
        assert min(wall, cpu) > again >= 0


def test_a_run_that_did_not_finish_is_not_measured() -> None:
    broken = Measurement((), {"cell": "it broke"}, None)
    with pytest.raises(RuntimeError, match="it broke"):
        show_overhead(lambda _store, _workers: broken, Hardware(), (1,), Console(file=io.StringIO()))
