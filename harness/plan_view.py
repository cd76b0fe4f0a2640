"""Show what is planned: a profile's cells one by one, or all profiles with a line each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness import evidence
from harness.campaign import Selection, family_name, planned, warn_of_guesses
from harness.forecast import Forecast, counted, forecast
from harness.progress import clock_text
from harness.specification import Cell, cell_id
from harness.study_definition import Study
from harness.workplace import Workplace


def show_plan(study: Study, selection: Selection, place: Workplace, results: Path, console: Console) -> None:
    """Print the cells, which are in the store or in the evidence ``results``, and what the missing ones will take.

    Raises:
        UnknownNameError: as :func:`harness.campaign.planned`.
        EvidenceError: when the evidence is damaged.
    """
    stored = {record.cell: record for record in place.store.records()}
    known = {record.cell: record for record in evidence.committed(results)} | stored
    current = planned(study, selection, known.values())
    warn_of_guesses(current)
    for cell in current.cells:
        name = cell_id(cell)
        state = "stored" if name in stored else "committed" if name in known else "missing"
        console.print(f"{state:9} {name}", highlight=False, soft_wrap=True)
    for family in current.waiting:
        console.print(f"waits     {family_name(family)}: for tuning")
    missing = [cell for cell in current.cells if cell_id(cell) not in stored]
    wait = f", {len(current.later)} more wait for tuning" if current.later else ""
    total = f"{len(current.cells)} cells, {len(missing)} not in the store{wait}; core time: "
    wanted = [*missing, *current.later]
    expected = forecast(study, (*current.cells, *current.later), known.values(), place, results)
    estimates = (estimate.text for estimate in expected.of(wanted))
    console.print(total + ", ".join(filter(None, estimates)), highlight=False, soft_wrap=True)
    if wanted and expected.note:
        console.print(expected.note, highlight=False, soft_wrap=True)


def show_overview(study: Study, place: Workplace, results: Path, console: Console) -> None:
    """Print a line for each profile and data set: cells planned, neither stored nor committed, and what these take.

    The last line has every cell once, however many profiles share it.

    Raises:
        EvidenceError: when the evidence is damaged.
    """
    known = {record.cell: record for record in (*evidence.committed(results), *place.store.records())}
    lines: dict[tuple[str, str], list[Cell]] = {}
    for profile in study.profiles:
        current = planned(study, Selection(profile), known.values())
        for cell in (*current.cells, *current.later):
            lines.setdefault((profile, cell.dataset.name), []).append(cell)
    everything = tuple(dict.fromkeys(cell for cells in lines.values() for cell in cells))
    expected = forecast(study, everything, known.values(), place, results)
    table = Table("profile", "data set", box=None)
    for heading in ("planned", "missing", "core time", "of unknown cost"):
        table.add_column(heading, justify="right")
    for (profile, dataset), cells in lines.items():
        table.add_row(profile, dataset, *_counts(cells, known, expected))
    table.add_row("all", "", *_counts(everything, known, expected), style="bold")
    console.print(table)
    if expected.note:
        console.print(expected.note, highlight=False, soft_wrap=True)


def _counts(cells: Sequence[Cell], known: Collection[str], expected: Forecast) -> tuple[str, ...]:
    """How many cells there are and lack, the core time of those that lack, and how much of that nothing tells of."""
    missing = [cell for cell in cells if cell_id(cell) not in known]
    estimates = expected.of(missing)
    seconds = sum(estimate.seconds for estimate in estimates)
    unknown = (counted(estimate.unknown, estimate.thing) for estimate in estimates if estimate.unknown)
    time = clock_text(seconds) if any(estimate.known for estimate in estimates) else ""
    return f"{len(cells)}", f"{len(missing)}", time, ", ".join(unknown)
