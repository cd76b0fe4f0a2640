"""A record's epochs as columns, as evidence writes them: the names stand once and not once an epoch.

A matter of text, so that every number keeps its digits. (A quotation mark inside a JSON string is escaped, so that no
string can look like epochs.)
"""

from __future__ import annotations

import re
from dataclasses import fields

from harness.record import Epoch

_NUMBER, *_NAMES = (field.name for field in fields(Epoch))
_ROW = re.compile(rf'\{{"{_NUMBER}":(\d+),' + ",".join(rf'"{name}":([^,}}]+)' for name in _NAMES) + r"\}")
_ROWS = re.compile(rf'"epochs":\[({_ROW.pattern}(?:,{_ROW.pattern})*)\]')
_COLUMNS = re.compile(r'"epochs":\{' + ",".join(rf'"{name}":\[([^]]*)\]' for name in _NAMES) + r"\}")


def to_columns(line: str) -> str:
    """Write the epochs of the record in ``line``, numbered from 0, as one list for each of their numbers."""
    return _ROWS.sub(_columns, line)


def from_columns(line: str) -> str:
    """Undo :func:`to_columns`; columns of different lengths stay, for the record's own check to refuse."""
    return _COLUMNS.sub(_rows, line)


def _columns(rows: re.Match[str]) -> str:
    numbers, *columns = zip(*_ROW.findall(rows[1]), strict=True)
    if list(numbers) != [str(number) for number in range(len(numbers))]:
        return rows[0]
    named = zip(_NAMES, columns, strict=True)
    return '"epochs":{' + ",".join(f'"{name}":[{",".join(column)}]' for name, column in named) + "}"


def _rows(columns: re.Match[str]) -> str:
    split = [column.split(",") for column in columns.groups()]
    if len({len(column) for column in split}) > 1:
        return columns[0]
    rows = (
        f'{{"{_NUMBER}":{number},' + ",".join(f'"{n}":{v}' for n, v in zip(_NAMES, values, strict=True)) + "}"
        for number, values in enumerate(zip(*split, strict=True))
    )
    return f'"epochs":[{",".join(rows)}]'
