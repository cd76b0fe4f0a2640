"""Tables as CSV, for programs: where a numeric column shows intervals or marks, these have columns of their own.

Bounds do where the heading names an interval's level or any cell has some, marks where any cell has one. What else a
cell shows stays whole. Minus signs are ASCII, absent values empty, and there is no caption.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.report.tables import ABSENT, Table

_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_SHOWN = re.compile(rf"(?P<value>{_NUMBER})?\s*(?:\[(?P<low>{_NUMBER}), (?P<high>{_NUMBER})\])?\s*(?P<marks>[†‡§¶∗*]*)")


def to_csv(table: Table) -> str:
    """Write headings and rows."""
    columns: list[tuple[str, Sequence[str]]] = []
    for index, column in enumerate(table.columns):
        heading = _plain(column.heading)
        cells = ["" if row[index] == ABSENT else _plain(row[index]) for row in table.rows]
        columns += _parted(heading, cells) if column.numeric else [(heading, cells)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(heading for heading, _ in columns)
    writer.writerows(zip(*(cells for _, cells in columns), strict=True))
    return buffer.getvalue()


class _Shown(NamedTuple):
    """What a cell shows; text that is nothing of the kind is a value."""

    value: str
    low: str = ""
    high: str = ""
    marks: str = ""


def _shown(cell: str) -> _Shown:
    match = _SHOWN.fullmatch(cell)
    return _Shown(cell) if match is None else _Shown(*match.groups(default=""))


def _parted(heading: str, cells: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Columns of the values, the bounds and the marks of a numeric column."""
    name, _, level = heading.removesuffix("]").partition(" [")
    shown = [_shown(cell) for cell in cells]
    bounded = bool(level) or any(one.low for one in shown)
    if level or not bounded or any(one.value for one in shown):
        yield name, [one.value for one in shown]
    if bounded:
        start = f"{name}, {level} " if level else f"{name}, "
        yield f"{start}low", [one.low for one in shown]
        yield f"{start}high", [one.high for one in shown]
    if any(one.marks for one in shown):
        yield f"{name}, marks", [one.marks for one in shown]


def _plain(cell: str) -> str:
    return cell.replace("−", "-").replace("\N{NO-BREAK SPACE}", " ")
