"""The linear baselines: their table, and the numbers that the paper states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.baseline_evidence import BaselineRecord
from harness.report.summaries import Summary
from harness.report.tables import Column, Table, Value, bracketed, percent
from harness.statistics import mean_interval


def baselines_table(records: Sequence[BaselineRecord]) -> Table:
    """Build one row for each dataset and baseline."""
    columns = (
        Column("Dataset"),
        Column("Baseline"),
        Column("C", numeric=True),
        Column("Seeds", numeric=True),
        Column("Validation error %", numeric=True),
        Column("Test error\N{NO-BREAK SPACE}% [95\N{NO-BREAK SPACE}%]", numeric=True),
    )
    caption = (
        "Linear models over words and pairs of words, on the splits and label subsets of the cells; C chosen on "
        "validation error over the tuning repetitions, Student's t intervals over the final ones, whose labels differ "
        "unless all are used: then nothing does. † C lies on the edge of what was tried."
    )
    return Table(caption, columns, tuple(map(_row, records)))


def _row(record: BaselineRecord) -> tuple[str, ...]:
    errors = [run.test_error for run in record.runs]
    tried = [strength for strength, _ in record.tuning]
    on_edge = record.strength in (min(tried), max(tried))
    return (
        record.dataset.title,
        record.baseline.title,
        f"{record.strength:g}{'†' if on_edge else ''}",
        f"{len(errors)}",
        percent(float(np.mean([run.validation_error for run in record.runs]))),
        percent(float(np.mean(errors))) + (f" {bracketed(mean_interval(errors))}" if record.dataset.labels else ""),
    )


def baseline_numbers(baselines: Sequence[BaselineRecord], summaries: Sequence[Summary]) -> dict[str, Value]:
    """For each data set with both the linear model and the fine-tuned family with the lowest mean test error."""
    best: dict[str, tuple[float, BaselineRecord]] = {}
    fine_tuned = {summary.family.dataset for summary in summaries if summary.finals}
    for record in (record for record in baselines if record.dataset.name in fine_tuned):
        error = float(np.mean([run.test_error for run in record.runs]))
        best[record.dataset.name] = min(best.get(record.dataset.name, (error, record)), (error, record), key=_error)
    found: dict[str, Value] = {"baselines": tuple(f"baseline/{name}" for name in best)}
    for name, (error, record) in best.items():
        lowest = min(s.test_error for s in summaries if s.family.dataset == name and s.test_error is not None)
        found |= {
            f"baseline/{name}/title": record.dataset.title,
            f"baseline/{name}/model": record.baseline.title,
            f"baseline/{name}/error": percent(error),
            f"baseline/{name}/fine-tuned": percent(lowest),
            f"baseline/{name}/linear-lower": int(error < lowest),
        }
    return found


def _error(best: tuple[float, BaselineRecord]) -> float:
    return best[0]
