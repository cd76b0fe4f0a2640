"""The linear baselines: their table, and the numbers that the paper states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.baseline_evidence import BaselineRecord
from harness.evidence import natural_key
from harness.report.summaries import Summary
from harness.report.tables import ABSENT, Column, Table, Value, bracketed, percent
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
    ordered = sorted(records, key=lambda record: natural_key(record.dataset.title.replace(",", "")))
    return Table(caption, columns, tuple(map(_row, ordered)))


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
    """For each data set with both, the linear model and the fine-tuned family with the lowest mean test errors.

    The lowest of families that start from random weights is told beside them, where there are any.
    """
    best: dict[str, tuple[float, BaselineRecord]] = {}
    measured = [summary for summary in summaries if summary.finals]
    for record in baselines:
        if any(summary.family.dataset == record.dataset.name for summary in measured):
            error = float(np.mean([run.test_error for run in record.runs]))
            best[record.dataset.name] = min(best.get(record.dataset.name, (error, record)), (error, record), key=_error)
    found: dict[str, Value] = {"baselines": tuple(f"baseline/{name}" for name in best)}
    beside_scratch = []
    for name, (error, record) in best.items():
        rows = [summary for summary in measured if summary.family.dataset == name]
        lowest, scratch = min(rows, key=_test_error), min(filter(_is_scratch, rows), key=_test_error, default=None)
        found |= {
            f"baseline/{name}/title": record.dataset.title,
            f"baseline/{name}/model": record.baseline.title,
            f"baseline/{name}/error": percent(error),
            f"baseline/{name}/scratch": percent(scratch.test_error if scratch else None),
            f"baseline/{name}/fine-tuned": percent(lowest.test_error),
            f"baseline/{name}/family": f"{lowest.family.arm}, {lowest.family.decay:g}",
            f"baseline/{name}/linear-lower": int(error < _test_error(lowest)),
        }
        beside_scratch += [error < _test_error(scratch)] if scratch else []
    counts = {"baselines/scratch": len(beside_scratch), "baselines/scratch-higher": sum(beside_scratch)}
    return found | (counts if best else dict.fromkeys(counts, ABSENT))


def _test_error(summary: Summary) -> float:
    return summary.test_error or 0.0


def _is_scratch(summary: Summary) -> bool:
    return summary.finals[0].specification.arm.start == "random"


def _error(best: tuple[float, BaselineRecord]) -> float:
    return best[0]
