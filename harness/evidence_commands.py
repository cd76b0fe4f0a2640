"""The commands that write the committed evidence."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import mean
from typing import Annotated

import typer
from rich.console import Console

from harness import baseline_evidence, claim_history, evidence, language_model_evidence, options
from harness.campaign import data_sources, family_name
from harness.claims import without_unread
from harness.evidence import EvidenceError
from harness.language_model_evidence import LanguageModelRecord
from harness.plan import choose
from harness.store import Store
from harness.wording import counted

app = typer.Typer()


@app.command()
def export(
    context: typer.Context,
    store: options.StoreFolder = options.DEFAULT_STORE,
    results: options.WrittenResults = options.RESULTS,
    overwrite: Annotated[bool, typer.Option(help="Let new results of committed cells replace the old.")] = False,
) -> None:
    """Add the run store's records to the committed evidence, one sorted text file a dataset.

    What its language models cost, and their perplexities, go to one file for all.
    """
    study = context.obj
    records = without_unread(Store(store).records(), study.claims, study.protocol)
    if not records:
        fault = "has no records" if store.is_dir() else "no such folder"
        raise EvidenceError(f"{store}: {fault}: nothing to export; name the store of a run with --store")
    models = language_model_evidence.collect(Store(store), records)
    with evidence.exclusive(results):
        written = evidence.export(records, results, replace=overwrite)
        if models:
            written.append(_write_language_models(models, results))
    for path in written:
        Console().print(f"wrote {path}", soft_wrap=True)


@app.command()
def prune(context: typer.Context, results: options.Results = options.RESULTS) -> None:
    """Take final cells at base rates that tuning no longer chooses, which no profile plans, out of the evidence.

    Such cells are left when a grid of base rates grows. Those of a family whose tuning is not complete stay, as do all
    tuning cells, and cells of a decay, or else of a family, that no profile has.
    """
    from harness.coverage import plans  # noqa: PLC0415
    from harness.stale import stale  # noqa: PLC0415

    study, console = context.obj, Console()
    with evidence.exclusive(results):
        records = evidence.committed(results)
        found = stale(records, plans(study, records).values(), study.protocol)
        evidence.prune(results, found.cells)
        if (results / language_model_evidence.FILE).exists():
            _write_language_models((), results)
    for cell in found.cells:
        console.print(f"taken out: {cell}", soft_wrap=True, highlight=False)
    for family, number in found.open.items():
        line = f"kept: {counted(number, 'final cell')} of {family_name(family)}, whose tuning is not complete"
        console.print(line, soft_wrap=True, highlight=False)


def _write_language_models(models: Iterable[LanguageModelRecord], results: Path) -> Path:
    """Add language models to the evidence, and take out those that no committed record starts from."""
    path = results / language_model_evidence.FILE
    language_model_evidence.write(models, path, evidence.committed(results))
    return path


@app.command()
def history(context: typer.Context, results: options.Results = options.RESULTS) -> None:
    """Read from git which claims stood before each record was made, and write it to the evidence."""
    path = results / claim_history.FILE
    with evidence.exclusive(results):
        claim_history.write(claim_history.from_git(context.obj.claims, evidence.committed(results)), path)
    Console().print(f"wrote {path}", soft_wrap=True)


@app.command()
def baselines(
    context: typer.Context,
    dataset: options.Datasets = None,
    results: options.WrittenResults = options.RESULTS,
    data: options.Data = None,
) -> None:
    """Tune and measure the linear baselines on the cells' own splits, and write them to the evidence."""
    from harness.baselines import measure as measure_baselines  # noqa: PLC0415  (imports scikit-learn)

    study = context.obj
    for name in dataset or study.datasets:
        declared = study.datasets[choose("dataset", name, study.datasets)]
        found = measure_baselines(declared, study.baselines, study.protocol, data_sources(data))
        with evidence.exclusive(results):
            baseline_evidence.write(found, results / baseline_evidence.FILE)
        for record in found:
            error = 100 * mean(run.test_error for run in record.runs)
            line = f"{declared.name}: {record.baseline.title}, C {record.strength:g}: test error {error:.2f} %"
            Console().print(line, soft_wrap=True, highlight=False)
