"""What a run costs besides training: CPU time outside cells, what a second worker gains, a run that is already done."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.campaign import Measurement
from harness.language_model_evidence import trained_stages, training_seconds
from harness.specification import Cell, Hardware
from harness.store import Store
from harness.tasks import product_key

Measure = Callable[[Path, int], Measurement]  # a run into a store, with so many workers


@dataclass(frozen=True)
class Run:
    """One run from an empty store: seconds, CPU seconds of all its processes, and those inside cells and training."""

    workers: int
    wall: float
    cpu: float
    work: float
    again: float  # seconds of the same run when everything is stored, without starting Python

    @property
    def overhead(self) -> float:
        """Share of the CPU time that was spent on neither cells nor the training of language models."""
        return 1 - self.work / self.cpu


def show_overhead(measure: Measure, hardware: Hardware, workers: Sequence[int], console: Console) -> None:
    """Run into an empty store with each number of ``workers`` in turn, and print what each run cost.

    A language model's training counts by the clock, which is CPU time while there is a core for each worker. Texts that
    were never read before are tokenised by the first run alone.

    Raises:
        RuntimeError: when a run did not finish; there is nothing to say of it.
    """
    runs = [_run(measure, hardware, number) for number in workers]
    table = Table(title="a run from an empty store")
    for heading in ("workers", "seconds", "CPU seconds", "outside cells and training", "times as fast", "run again, s"):
        table.add_column(heading, justify="right")
    for run in runs:
        faster = runs[0].wall / run.wall
        table.add_row(
            f"{run.workers}",
            f"{run.wall:.1f}",
            f"{run.cpu:.1f}",
            f"{100 * run.overhead:.1f} %",
            f"{faster:.2f}",
            f"{run.again:.2f}",
        )
    console.print(table)


def _run(measure: Measure, hardware: Hardware, workers: int) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), _cpu_seconds()
        measured = measure(Path(folder), workers)
        wall, cpu = time.perf_counter() - start, _cpu_seconds() - cpu
        if measured.failed or measured.stopped:
            raise RuntimeError(f"the run did not finish: {measured.stopped or measured.failed}")
        start = time.perf_counter()
        measure(Path(folder), workers)
        again = time.perf_counter() - start
        cells = sum(record.cost.cpu_seconds for record in measured.records)
        trained = _training_seconds(
            [record.specification for record in measured.records], Store(Path(folder)), hardware
        )
    return Run(workers, wall, cpu, cells + trained, again)


def _cpu_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _training_seconds(cells: Sequence[Cell], store: Store, hardware: Hardware) -> float:
    """Seconds in training steps of the language models that the cells start from."""
    keys = [product_key(stage, hardware) for stage in trained_stages(cells, hardware)]
    return sum(training_seconds(store.product_path(key)) for key in keys)
