"""Evidence that is one list in one file: JSON, one item a line, written whole and read with its types."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.atomic import replace_text
from harness.evidence import EvidenceError, read_text

Item = TypeVar("Item")


def read_list(kind: TypeAdapter[tuple[Item, ...]], path: Path) -> tuple[Item, ...]:
    """All items of the file; none where there is no file.

    Raises:
        EvidenceError: when the file is damaged.
    """
    if not path.exists():
        return ()
    try:
        items: tuple[Item, ...] = kind.validate_json(read_text(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole text"
        raise EvidenceError(f"{path}: {place}: {first['msg']}; restore the file from its last commit") from error
    return items


def write_list(kind: TypeAdapter[tuple[Item, ...]], items: Iterable[Item], path: Path) -> None:
    """Write the items, one a line; a file whose content does not change is not written."""
    lines = [kind.dump_json((item,)).decode()[1:-1] for item in items]
    text = "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"
    if not path.exists() or path.read_bytes() != text.encode():
        replace_text(path, text)
