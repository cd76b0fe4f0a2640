"""Measure as a command does: what went wrong is told in lines, and becomes the exit status."""

from __future__ import annotations

import typer
from rich.console import Console

from harness.campaign import Selection, measure
from harness.record import Record
from harness.study_definition import Study
from harness.workplace import Workplace


def measured_or_exit(
    study: Study, selection: Selection, place: Workplace, workers: int, committed: tuple[Record, ...]
) -> tuple[tuple[Record, ...], dict[str, str]]:
    """Measure; return records and what failed, why; exit with status 130 on an interrupt, 1 when it had to stop."""
    try:
        measured = measure(study, selection, place, workers, committed)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted: what is done is kept; run the same command again to go on")
        raise typer.Exit(130) from None
    if measured.stopped:
        message = f"stopped: {measured.stopped}"
        Console(stderr=True).print(message, style="bold red", markup=False, soft_wrap=True)
        exit_if(measured.failed)
        raise typer.Exit(1)
    return measured.records, measured.failed


def exit_if(failed: dict[str, str]) -> None:
    """Name what failed and exit with status 1; go on where nothing did."""
    console = Console(stderr=True)
    for name, reason in failed.items():
        console.print(f"failed: {name}: {reason}", style="bold red", markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)
