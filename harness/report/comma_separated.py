"""Tables as CSV, for programs: where a column shows a number with its interval or marks, each has a column of its own.

Minus signs are ASCII, absent values empty, and there is no caption.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from harness.report.tables import ABSENT, Table

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_SHOWN = re.compile(rf"(?P<value>{_NUMBER})?\s*(?:\[(?P<low>{_NUMBER}), (?P<high>{_NUMBER})\])?\s*(?P<marks>[†‡§∗*]*)")
_HEADING = re.compile(r"(?P<name>.*?)(?: \[(?P<level>[^\]]*)\])?")


def to_csv(table: Table) -> str:
    """Write headings and rows; a numeric column in which anything else is shown stays as it is."""
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


def _parted(heading: str, cells: Sequence[str]) -> Iterable[tuple[str, Sequence[str]]]:
    """A column of numbers, intervals and marks as one column for each of them that occurs."""
    shown, named = [_SHOWN.fullmatch(cell) for cell in cells], _HEADING.fullmatch(heading)
    found = [match for match in shown if match is not None]
    if named is None or len(found) < len(cells):
        return [(heading, cells)]
    level = f"{named['level']} " if named["level"] else ""
    parts = {"value": "", "low": f", {level}low", "high": f", {level}high", "marks": ", marks"}
    parted = [(f"{named['name']}{ending}", [match[part] or "" for match in found]) for part, ending in parts.items()]
    return [part for part in parted if any(part[1])] or [(heading, cells)]


def _plain(cell: str) -> str:
    return cell.replace("−", "-").replace("\N{NO-BREAK SPACE}", " ")
