"""Show what is planned: a profile's cells one by one, or all profiles with a line each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from harness import evidence
from harness.campaign import Selection, family_name, planned, warn_of_guesses
from harness.coverage import plans
from harness.forecast import Forecast, forecast
from harness.progress import clock_text
from harness.specification import Cell, cell_id
from harness.study_definition import Study
from harness.wording import counted
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
        console.print(f"waits     {family_name(family)}: for tuning", highlight=False, soft_wrap=True)
    missing = [cell for cell in current.cells if cell_id(cell) not in stored]
    wait = f", {counted(len(current.later), 'more waits', 'more wait')} for tuning" if current.later else ""
    total = f"{counted(len(current.cells), 'cell')}, {len(missing)} not in the store{wait}"
    wanted = [*missing, *current.later]
    expected = forecast(study, (*current.cells, *current.later), known.values(), place, results)
    estimates = ", ".join(estimate.text for estimate in expected.of(wanted) if estimate.text)
    console.print("; core time: ".join(filter(None, (total, estimates))), highlight=False, soft_wrap=True)
    if wanted and expected.note:
        console.print(expected.note, highlight=False, soft_wrap=True)


def show_overview(study: Study, place: Workplace, results: Path, console: Console) -> None:
    """Print a line for each profile and data set: cells planned, neither stored nor committed, and what these take.

    The last line has every cell and language model once, however many lines share it.

    Raises:
        EvidenceError: when the evidence is damaged.
    """
    known = {record.cell: record for record in (*evidence.committed(results), *place.store.records())}
    wanted: dict[tuple[str, str], list[Cell]] = {}
    missing: dict[tuple[str, str], list[Cell]] = {}
    for profile, current in plans(study, known.values()).items():
        for cell in (*current.cells, *current.later):
            wanted.setdefault((profile, cell.dataset.name), []).append(cell)
        for cell in (*(cell for cell in current.cells if cell_id(cell) not in known), *current.later):
            missing.setdefault((profile, cell.dataset.name), []).append(cell)
    everything, all_missing = _once(wanted), _once(missing)
    expected = forecast(study, everything, known.values(), place, results)
    lines = [("profile", "data set", "planned", "missing", "core time", "of unknown cost")]
    lines += [(*line, f"{len(cells)}", *_missing(missing.get(line, ()), expected)) for line, cells in wanted.items()]
    lines += [("all", "", f"{len(everything)}", *_missing(all_missing, expected))]
    for profile, dataset, number, lacking, time, unknown in lines:
        text = f"{profile:12}{dataset:18}{number:>8}{lacking:>9}{time:>11}  {unknown}"
        console.print(text.rstrip(), highlight=False, soft_wrap=True)
    if all_missing and expected.note:
        console.print(expected.note, highlight=False, soft_wrap=True)


def _once(lines: Mapping[tuple[str, str], Sequence[Cell]]) -> tuple[Cell, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(lines.values())))


def _missing(cells: Sequence[Cell], expected: Forecast) -> tuple[str, str, str]:
    """How many cells are missing, their core time, and how much of that nothing tells of."""
    estimates = expected.of(cells)
    seconds = sum(estimate.seconds for estimate in estimates)
    unknown = (counted(estimate.unknown, estimate.thing) for estimate in estimates if estimate.unknown)
    time = clock_text(seconds) if any(estimate.known for estimate in estimates) else ""
    return f"{len(cells)}", time, ", ".join(unknown)
