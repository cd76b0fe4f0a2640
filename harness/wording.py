"""How numbers of things read in the lines that commands print."""

from __future__ import annotations


def counted(number: int, thing: str, things: str | None = None) -> str:
    """A number of things, in words; ``things`` is the plural where that is not ``thing`` with an s."""
    return f"{number} {thing}" if number == 1 else f"{number} {things or f'{thing}s'}"
