"""What many records of a file have in common, written once above them: it is most of every record.

A part is a line ``{"part": name, "value": ...}``, its name the digest of its value; where a record has that value it
says ``{"part": name}``. Both are matters of text: what stands for a part is replaced by it, to the byte, before a
record is parsed. (A quotation mark inside a JSON string is escaped, so that no string can look like either.) What is
left of a record has its epochs as columns (``harness.epoch_columns``).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable

from harness.epoch_columns import from_columns, to_columns
from harness.record import Record, to_json

PLACES = (
    ("specification", "dataset"),
    ("specification", "recipe"),
    ("specification", "arm"),
    ("inputs",),  # the same for all arms that a repetition starts from one language model
    ("result", "rates"),
    ("environment",),
)
_PART = re.compile(r'\{"part":"([0-9a-f]{12})","value":(.*)\}')
_DECODER = json.JSONDecoder()
_REFERENCE = re.compile(r'\{"part":"([0-9a-f]{12})"\}')


class PartError(ValueError):
    """A part that is not what its name says, or that is not there."""


def to_lines(records: Iterable[Record]) -> list[str]:
    """Write the parts of ``records``, sorted, and then the records in their order, each as one line."""
    parts: dict[str, str] = {}
    lines = [_with_references(record, parts) for record in records]
    return [_part_line(name, value) for name, value in sorted(parts.items())] + lines


def is_record(line: str) -> bool:
    """Whether ``line`` is a record and not a part."""
    return _PART.fullmatch(line) is None


def read_part(line: str, parts: dict[str, str]) -> bool:
    """Add the part that ``line`` is to ``parts``; say whether it is one.

    Raises:
        PartError: when its name is not the digest of its value.
    """
    found = _PART.fullmatch(line)
    if found is None:
        return False
    name, value = found.groups()
    if name != _digest(value):
        raise PartError(f"the value of part {name} is not the one that its name was made from")
    parts[name] = value
    return True


def to_record(line: str, parts: dict[str, str]) -> str:
    """The record's JSON: the parts in the place of what refers to them, and its epochs one by one.

    Raises:
        PartError: when one is not among ``parts``.
    """

    def value(reference: re.Match[str]) -> str:
        if reference[1] not in parts:
            raise PartError(f"refers to part {reference[1]}, which no line above has")
        return parts[reference[1]]

    return from_columns(_REFERENCE.sub(value, line))


def _with_references(record: Record, parts: dict[str, str]) -> str:
    """The record's line with references; what they refer to is added to ``parts``."""
    line = to_columns(to_json(record))
    for place in PLACES:
        start = 0
        for key in place:
            start = line.index(f'"{key}":', start) + len(key) + len('"":')
        value, end = _DECODER.raw_decode(line, start)
        if value is not None:
            text = line[start:end]
            parts[_digest(text)] = text
            line = f'{line[:start]}{{"part":"{_digest(text)}"}}{line[end:]}'
    return line


def _part_line(name: str, value: str) -> str:
    return f'{{"part":"{name}","value":{value}}}'


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:12]
