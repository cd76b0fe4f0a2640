"""The table of the linear baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.baseline_evidence import BaselineRecord
from harness.report.tables import Column, Table, bracketed, percent
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
        "validation error over the tuning repetitions, Student's t intervals over the final ones. † C lies on the edge "
        "of what was tried."
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
        f"{percent(float(np.mean(errors)))} {bracketed(mean_interval(errors))}",
    )
