"""The committed evidence of the baselines: one file, one line a dataset and baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from harness.evidence_list import read_list, write_list
from harness.record import Environment
from harness.specification import Baseline, Dataset

FILE = "baselines.json"  # in the folder of the committed evidence


@dataclass(frozen=True)
class BaselineRun:
    """One repetition at the chosen strength; ``correct`` as in a cell's record."""

    repetition: int
    validation_error: float
    test_error: float
    correct: str


@dataclass(frozen=True)
class BaselineRecord:
    """Everything about one baseline on one dataset; ``tuning`` has the mean validation error of each strength."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    dataset: Dataset
    baseline: Baseline
    tuning: tuple[tuple[float, float], ...]
    strength: float
    runs: tuple[BaselineRun, ...]
    scikit_learn: str
    environment: Environment
    finished: str  # UTC, ISO 8601


_RECORDS = TypeAdapter(tuple[BaselineRecord, ...])


def write(records: Sequence[BaselineRecord], path: Path) -> None:
    """Write baselines sorted by dataset and name, one a line; a dataset's earlier ones give way."""
    datasets = {record.dataset.name for record in records}
    kept = [record for record in read(path) if record.dataset.name not in datasets]
    ordered = sorted([*kept, *records], key=lambda record: (record.dataset.name, record.baseline.name))
    write_list(_RECORDS, ordered, path)


def read(path: Path) -> tuple[BaselineRecord, ...]:
    """All baselines in the file; none where there is no file.

    Raises:
        EvidenceError: when the file is damaged.
    """
    return read_list(_RECORDS, path)
