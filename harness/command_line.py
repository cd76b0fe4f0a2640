"""The command line: one typer application that is given a study's declarations.

Every command reads declarations, the run store and the committed evidence, and writes to one place only: ``run``,
``adopt``, ``reproduce`` and ``pretrain`` to the store, those of ``harness.evidence_commands`` to the evidence,
``report`` to its output folder and, where asked, to the paper's and the README beside it. What takes long to load
(drawing, statistics, training) is imported by the commands that need it.
"""

from __future__ import annotations

import gc
import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness import adoption, claim_history, evidence, evidence_commands, machine_commands, options, own_command
from harness.campaign import (
    Selection,
    SpecificationError,
    choosing,
    workplace,
)
from harness.claims import ClaimsError
from harness.corpus.texts import CorpusError
from harness.environment import DeviceError
from harness.evidence import ConflictingResultError, EvidenceError
from harness.measuring import exit_if, measured_or_exit
from harness.options import chosen_hardware, chosen_workers
from harness.plan import UnknownNameError
from harness.plan_view import show_overview, show_plan
from harness.record import InvalidRecord, Record
from harness.report.faults import PaperError, ReadmeError
from harness.specification import Hardware
from harness.store import RecordExists, Store, StoreError
from harness.study_definition import Study
from harness.wording import counted

if TYPE_CHECKING:
    from harness.report.inputs import ReportInputs
    from harness.reproduction import Comparison

EXPECTED = (
    ClaimsError,
    ConflictingResultError,
    CorpusError,
    DeviceError,
    EvidenceError,
    claim_history.HistoryError,
    InvalidRecord,
    OSError,
    PaperError,
    RecordExists,
    ReadmeError,
    SpecificationError,
    StoreError,
    UnknownNameError,
)


app = typer.Typer(add_completion=False, no_args_is_help=True, help="Plan, run, compare and report the study.")
app.add_typer(evidence_commands.app)
app.add_typer(machine_commands.app)
app.add_typer(own_command.app)


def main(study: Study) -> None:
    """Run the command line; an expected fault becomes one clear line and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="warning: %(message)s")
    try:
        app(obj=study)
    except EXPECTED as error:
        Console(stderr=True).print(f"error: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def plan(  # noqa: PLR0913  (a command's parameters are its options, here and below)
    context: typer.Context,
    profile: options.ProfileName = "quick",
    dataset: options.Datasets = None,
    implementation: options.Implementations = None,
    decay: options.Decays = None,
    arm: options.Arms = None,
    cell: options.Cells = None,
    device: options.Device = "cpu",
    precision: options.PrecisionChoice = "float32",
    store: options.StoreFolder = options.DEFAULT_STORE,
    results: options.Results = options.RESULTS,
) -> None:
    """List a profile's cells, what is missing, and the time that measured cells and language models predict.

    Final cells stand at the base rates that stored and committed records choose; a run may choose others.
    A language model that was made on another device, or in another precision, counts as missing.
    """
    selection = Selection(profile, dataset, implementation, decay, cell, arm)
    place = workplace(store, None, chosen_hardware(device, precision))
    show_plan(context.obj, selection, place, results, Console())


@app.command()
def overview(
    context: typer.Context,
    device: options.Device = "cpu",
    precision: options.PrecisionChoice = "float32",
    store: options.StoreFolder = options.DEFAULT_STORE,
    results: options.Results = options.RESULTS,
) -> None:
    """Show all profiles by data set: cells planned, cells neither stored nor committed, and what these will take.

    A run measures these alone once `adopt` has put the committed records, of one device and precision, into its store;
    without, `plan` tells.
    """
    show_overview(context.obj, workplace(store, None, chosen_hardware(device, precision)), results, Console())


@app.command()
def run(  # noqa: PLR0913
    context: typer.Context,
    profile: options.ProfileName = "quick",
    dataset: options.Datasets = None,
    implementation: options.Implementations = None,
    decay: options.Decays = None,
    arm: options.Arms = None,
    cell: options.Cells = None,
    workers: options.Workers = None,
    device: options.Device = "cpu",
    precision: options.PrecisionChoice = "float32",
    store: options.StoreFolder = options.DEFAULT_STORE,
    results: options.Results = options.RESULTS,
    data: options.Data = None,
) -> None:
    """Run a profile's missing cells; interrupt at any moment and run again.

    What it tunes it tunes anew; the committed evidence chooses base rates where a profile or --cell leaves that out.
    """
    selection = Selection(profile, dataset, implementation, decay, cell, arm)
    _, failed = measured_or_exit(
        context.obj,
        selection,
        workplace(store, data, chosen_hardware(device, precision)),
        chosen_workers(workers, device),
        choosing(context.obj, selection, evidence.committed(results)),
    )
    exit_if(failed)


@app.command()
def adopt(  # noqa: PLR0913
    context: typer.Context,
    profile: options.ProfileName = "quick",
    dataset: options.Datasets = None,
    implementation: options.Implementations = None,
    decay: options.Decays = None,
    arm: options.Arms = None,
    cell: options.Cells = None,
    device: options.AnyDevice = None,
    precision: options.AnyPrecision = None,
    store: options.StoreFolder = options.DEFAULT_STORE,
    results: options.Results = options.RESULTS,
) -> None:
    """Put a profile's committed records into the run store, so that `run` measures only what they lack.

    A run takes records of one device and precision: where the committed ones are of several, choose as for the run.
    """
    selection = Selection(profile, dataset, implementation, decay, cell, arm)
    chosen = None if precision is None else chosen_hardware(device or "cpu", precision).precision
    wanted = adoption.Wanted(device, chosen)
    adopted = adoption.adopt(context.obj, selection, Store(store), evidence.committed(results), wanted)
    for line in adoption.told(adopted, store):
        Console().print(line, soft_wrap=True, highlight=False)


@app.command()
def reproduce(  # noqa: PLR0913
    context: typer.Context,
    profile: options.ProfileName = "quick",
    dataset: options.Datasets = None,
    implementation: options.Implementations = None,
    decay: options.Decays = None,
    arm: options.Arms = None,
    workers: options.Workers = None,
    device: options.Device = "cpu",
    precision: options.PrecisionChoice = "float32",
    store: options.StoreFolder = options.DEFAULT_STORE,
    results: options.Results = options.RESULTS,
    data: options.Data = None,
    output: options.Output = options.DEFAULT_OUTPUT,
) -> None:
    """Run a profile, compare each cell with the committed record, and render the report.

    Final cells run at the base rates that the committed records chose, and at those that a tuning of its own chooses.
    A committed record that the store has itself, adopted or exported, is not compared. A cell that drifted is shown,
    not an error: ``regress`` is the command that fails.
    """
    from harness.regression import reproduction_lines  # noqa: PLC0415
    from harness.reproduction import compare, measured_anew  # noqa: PLC0415

    committed = evidence.committed(results)
    selection = Selection(profile, dataset, implementation, decay, arms=arm)
    ran, failed = measured_or_exit(
        context.obj,
        selection,
        workplace(store, data, chosen_hardware(device, precision)),
        chosen_workers(workers, device),
        committed,
    )
    anew = measured_anew(ran, committed)
    if known := len(ran) - len(anew):
        line = f"not compared: {counted(known, 'cell')}, which {store} has as the committed records themselves; "
        Console().print(line + "give another --store to measure them", soft_wrap=True, highlight=False)
    comparison = compare(anew, committed)
    for line in reproduction_lines(comparison):
        Console().print(line, soft_wrap=True, highlight=False)
    _render(context.obj, committed or ran, comparison, (results, output))
    exit_if(failed)


@app.command()
def report(
    context: typer.Context,
    results: options.Results = options.RESULTS,
    output: options.Output = options.DEFAULT_OUTPUT,
    paper: Annotated[
        Path | None, typer.Option(help="Also build the paper in this folder, and rewrite the README beside it.")
    ] = None,
) -> None:
    """Render the report from the committed evidence alone; needs no torch."""
    inputs = _render(context.obj, evidence.committed(results), (), (results, output))
    if paper is not None:
        from harness.report import readme  # noqa: PLC0415
        from harness.report.paper import build as build_paper  # noqa: PLC0415

        built = build_paper(inputs, paper)
        readme.readme_of(paper).write_text(readme.updated(inputs, built.files, paper), encoding="utf-8")
        told = f"paper: {built.pdf.resolve().as_uri()}, {built.pages} pages before the references"
        Console().print(told, soft_wrap=True, highlight=False)
        for name in built.unused:
            Console().print(f"number that the paper does not use: {name}", soft_wrap=True, highlight=False)


@app.command()
def regress(
    context: typer.Context,
    workers: options.Workers = None,
    device: options.Device = "cpu",
    results: options.Results = options.RESULTS,
    data: options.Data = None,
) -> None:
    """Re-run the canary cells from nothing; fail when one leaves what the committed records predict."""
    from harness.regression import check_canaries  # noqa: PLC0415

    committed = evidence.committed(results)
    with tempfile.TemporaryDirectory() as folder:
        ran, failed = measured_or_exit(
            context.obj,
            Selection("canary"),
            workplace(Path(folder), data, Hardware(device)),
            chosen_workers(workers, device),
            committed,
        )
    findings = check_canaries(ran, committed)
    for finding in findings:
        Console().print(finding.line, style=None if finding.passed else "bold red", soft_wrap=True, highlight=False)
    exit_if(failed)
    if not findings or not all(finding.passed for finding in findings):
        raise typer.Exit(1)


def _render(
    study: Study, records: tuple[Record, ...], comparison: tuple[Comparison, ...], places: tuple[Path, Path]
) -> ReportInputs:
    """Render into the second of the folders (evidence, output); return what the report is made from."""
    from harness.report.page import render  # noqa: PLC0415
    from harness.report_inputs import report_inputs  # noqa: PLC0415

    results, output = places
    inputs = report_inputs(study, records, comparison, results)
    gc.freeze()  # they stay to the end: the collections that statsmodels asks for need not visit them
    gc.disable()  # nor do figures, which are as many objects, leave anything to collect
    page = render(inputs, output)
    Console().print(f"report: {page.resolve().as_uri()}", soft_wrap=True, highlight=False)
    return inputs
