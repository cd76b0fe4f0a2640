"""Which cells a profile consists of: a pure function of the declarations and the records so far."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from harness.claims import Family, Protocol, chosen_rates, family_of, family_of_cell, tuning_errors
from harness.near import near
from harness.record import Record
from harness.specification import Cell, cell_id
from harness.study_definition import Profile, Sweep

MOST_LISTED = 16


@dataclass(frozen=True)
class Plan:
    """Cells that can run now, and the final cells that wait for tuning, here at the middle of the grid.

    ``guessed`` are the families whose final cells run there, because nothing has chosen their base rate.
    """

    cells: tuple[Cell, ...]
    later: tuple[Cell, ...] = ()
    guessed: tuple[Family, ...] = ()

    @property
    def waiting(self) -> tuple[Family, ...]:
        """The families whose final cells wait for the tuning ones."""
        return tuple(dict.fromkeys(map(family_of_cell, self.later)))


class UnknownNameError(ValueError):
    """A name that no declaration has; the message lists the valid ones and the nearest."""


def choose(kind: str, name: str, valid: Collection[str]) -> str:
    """Return ``name`` if it is among the ``valid`` names of its ``kind``.

    Raises:
        UnknownNameError: otherwise.
    """
    if name not in valid:
        raise unknown_name(kind, name, valid)
    return name


def unknown_name(kind: str, name: str, valid: Collection[str]) -> UnknownNameError:
    """The error for a ``name`` that is not among the ``valid`` ones of its ``kind``."""
    alike = difflib.get_close_matches(name, valid, n=MOST_LISTED, cutoff=0.3)
    hint = f" Did you mean {alike[0]!r}?" if alike else ""
    shown = tuple(valid) if len(valid) <= MOST_LISTED else alike or tuple(valid)[:3]
    rest = f" and {len(valid) - len(shown)} more, see `plan`" if len(shown) < len(valid) else ""
    return UnknownNameError(f"unknown {kind} {name!r}.{hint} Valid: {', '.join(shown) or 'none'}{rest}.")


def plan(profile: Profile, protocol: Protocol, records: Iterable[Record]) -> Plan:
    """List a profile's cells, tuning cells first.

    A family's final cells follow once all its tuning cells have records; until then those of one rate stand for them.
    In a profile without tuning cells they run at the rates that the ``records`` choose, or at the middle of the grid
    where none choose.
    """
    known = tuple(records)
    tuned = [sweep for sweep in profile.sweeps if sweep.final_at != "each"]
    tuning = [cell for sweep in tuned for cell in _grid(sweep, profile.tuning_repetitions)]
    final = [
        cell for sweep in profile.sweeps if sweep.final_at == "each" for cell in _grid(sweep, profile.final_repetitions)
    ]
    measured = {record.cell for record in known}
    undone = {family_of_cell(cell) for cell in tuning if cell_id(cell) not in measured}
    tuning_records = [record for record in known if record.specification.repetition in protocol.tuning_repetitions]
    rates = {"tuned": _chosen(tuning_records, protocol), "near": _near(tuning_records, protocol)}
    later: list[Cell] = []
    guessed: list[Family] = []
    for sweep in tuned:
        for decay in sweep.decays:
            cell = _cell(sweep, decay, sweep.base_rates[len(sweep.base_rates) // 2], 0)
            family = family_of_cell(cell)
            if family in undone:
                later += [replace(cell, repetition=number) for number in profile.final_repetitions]
                continue
            if family not in rates[sweep.final_at]:
                guessed.append(family)
            for rate in rates[sweep.final_at].get(family, (cell.base_rate,)):
                final += [replace(cell, base_rate=rate, repetition=number) for number in profile.final_repetitions]
    return Plan(tuple(dict.fromkeys([*tuning, *final])), tuple(dict.fromkeys(later)), tuple(dict.fromkeys(guessed)))


def narrowed(full: Plan, pattern: str) -> Plan:
    """The part of a plan that a name or a pattern with ``*`` and ``?`` is of; cells that wait may be at any rate."""
    cells = tuple(cell for cell in full.cells if fnmatchcase(cell_id(cell), pattern))
    rates: dict[Family, set[float]] = {}
    for cell in full.cells:
        rates.setdefault(family_of_cell(cell), set()).add(cell.base_rate)
    later = tuple(
        cell
        for cell in full.later
        if any(fnmatchcase(cell_id(replace(cell, base_rate=rate)), pattern) for rate in rates[family_of_cell(cell)])
    )
    families = set(map(family_of_cell, cells))
    return Plan(cells, later, tuple(family for family in full.guessed if family in families))


def together(plans: Iterable[Plan]) -> Plan:
    """All of several plans, each cell once."""
    parts = tuple(plans)
    return Plan(
        tuple(dict.fromkeys(cell for part in parts for cell in part.cells)),
        tuple(dict.fromkeys(cell for part in parts for cell in part.later)),
        tuple(dict.fromkeys(family for part in parts for family in part.guessed)),
    )


def _chosen(records: Sequence[Record], protocol: Protocol) -> dict[Family, tuple[float, ...]]:
    return {family: (rate,) for family, rate in chosen_rates(records, protocol).items()}


def _near(records: Sequence[Record], protocol: Protocol) -> dict[Family, tuple[float, ...]]:
    items = {family_of(record): record.result.validation.items for record in records}
    return {
        family: near(errors, items[family]) for family, errors in tuning_errors(records, protocol).items() if errors
    }


def _grid(sweep: Sweep, repetitions: tuple[int, ...]) -> list[Cell]:
    return [
        _cell(sweep, decay, rate, repetition)
        for repetition in repetitions
        for decay in sweep.decays
        for rate in sweep.base_rates
    ]


def _cell(sweep: Sweep, decay: float, rate: float, repetition: int) -> Cell:
    arm = replace(sweep.arm, decay=decay)
    return Cell(sweep.dataset, sweep.recipe, sweep.implementation, arm, rate, repetition)
