"""The work that the runner's tasks stand for: language models and cells.

What trains is imported by the workers alone: the process that starts them does without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from harness.environment import current_source_digest, environment, source_digest
from harness.runner import Event, Task
from harness.specification import Cell
from harness.tasks import THREADS, Stage, product_key
from harness.workplace import Workplace


@dataclass(frozen=True)
class Engine:
    """Carries out tasks in a workplace; implements ``harness.runner.Work``."""

    place: Workplace

    def is_done(self, task: Task) -> bool:
        """Whether the task's record or product is stored."""
        if isinstance(task.payload, Cell):
            return self.place.store.has_record(task.name)
        return self.place.store.has_product(product_key(cast(Stage, task.payload), self.place.hardware))

    def start(self) -> None:
        """One thread, and only deterministic kernels, so that the same seed gives the same bits; no denormal numbers.

        What records say of code and commit is read here, before any task, and held against the files later.
        """
        import torch  # noqa: PLC0415

        import harness.cells  # noqa: PLC0415
        import harness.language_models  # noqa: F401, PLC0415  (the code that the digest is of, before it is taken)
        from harness.memory import keep_freed_memory, start_tidying  # noqa: PLC0415
        from harness.precision import deterministic_kernels, flush_denormals  # noqa: PLC0415

        source_digest()
        environment(self.place.hardware, THREADS)
        torch.set_num_threads(THREADS)
        keep_freed_memory()
        start_tidying()
        deterministic_kernels()
        flush_denormals()

    def execute(self, task: Task, report: Callable[[Event], None]) -> None:
        """Carry out one task and store what it makes.

        Raises:
            RuntimeError: when the training code was changed since this process started.
        """
        from harness.cells import run_cell  # noqa: PLC0415
        from harness.language_models import make_product  # noqa: PLC0415
        from harness.memory import give_back_freed_memory  # noqa: PLC0415

        if current_source_digest() != source_digest():
            raise RuntimeError("the training code was changed while this run went on; start it again")
        give_back_freed_memory()

        def progress(fraction: float, message: str) -> None:
            report(Event("progress", task.name, 0, message, fraction=fraction))

        if isinstance(task.payload, Cell):
            record = run_cell(task.payload, self.place, progress)
            self.place.store.write_record(record)
            report(Event("progress", task.name, 0, record.result.outcome, 1.0, record.result.test.error))
        else:
            make_product(cast(Stage, task.payload), self.place, progress)
