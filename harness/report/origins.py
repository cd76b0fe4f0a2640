"""From a row of the page back to where it came from: the record's file, and the command that runs the cell again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from harness.campaign import family_name
from harness.coverage import Gap
from harness.evidence import Place
from harness.record import Environment, Record
from harness.specification import ShippedModel

STUDY = ".nox/shared/bin/python -m study"


def address(place: Place, output: Path) -> str:
    """Address the file of a record relative to a page in the folder ``output``."""
    return quote(Path(os.path.relpath(place.path, output)).as_posix())


def commands(
    profiles: Mapping[str, str], records: Iterable[Record], unshipped: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Write the command for each cell that a profile has; one with a record runs on the hardware that it names.

    Where its language model is among the ``unshipped``, a command that trains that model goes before.
    """
    known = {record.cell: record for record in records}
    return {
        cell: f"{_first(known.get(cell), unshipped)}{STUDY} run --profile {profile} --cell {cell}"
        f"{_hardware(known[cell].environment) if cell in known else ''}"
        for cell, profile in profiles.items()
    }


def family_commands(gaps: Iterable[Gap]) -> dict[tuple[str, str], str]:
    """Write the command that measures a family of which cells are missing, by profile and name."""
    return {
        (gap.profile, family_name(gap.family)): f"{STUDY} run --profile {gap.profile} --dataset {gap.family.dataset} "
        f"--implementation {gap.family.implementation} --arm {gap.family.arm} --decay {gap.family.decay:g}"
        for gap in gaps
    }


def _first(record: Record | None, unshipped: frozenset[str]) -> str:
    general = record.specification.recipe.general if record else None
    name = general.name if isinstance(general, ShippedModel) else ""
    return f"{STUDY} pretrain {name} && " if name in unshipped else ""


def _hardware(environment: Environment) -> str:
    """The options that differ from their defaults; a device is recorded as ``cpu`` or ``cuda:0: its name``."""
    name = environment.device.partition(": ")[0]
    device = "" if name == "cpu" else f" --device {name}"
    return device + ("" if environment.precision == "float32" else f" --precision {environment.precision}")
