"""``own``: measure on a user's texts whether the decay helps there, from one file to a page of verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from harness import baseline_evidence, claim_history, language_model_evidence, options
from harness.campaign import Selection, planned, workplace
from harness.claim_history import History
from harness.corpus.load import keep
from harness.corpus.own_texts import own_texts
from harness.corpus.splits import split
from harness.corpus.texts import RawTexts
from harness.environment import check_device
from harness.familiarity import familiarity
from harness.measuring import exit_if, measured_or_exit
from harness.options import chosen_hardware, chosen_workers
from harness.own_study import FEWEST_TEXTS, PROFILE, own_dataset, own_study
from harness.own_words import conclusion, one_answer, understood
from harness.record import Record
from harness.specification import Dataset
from harness.study_definition import Study
from harness.workplace import Workplace

if TYPE_CHECKING:
    from harness.report.inputs import ReportInputs

ALL = "all"
FEWEST_LABELS = 10

app = typer.Typer()


def _number_of_labels(text: str) -> str:
    if text != ALL and (not text.isdecimal() or int(text) < FEWEST_LABELS):
        raise typer.BadParameter(f"{text!r} is neither {ALL} nor a number of {FEWEST_LABELS} or more")
    return text


@app.command()
def own(  # noqa: PLR0913  (a command's parameters are its options)
    context: typer.Context,
    texts: Annotated[
        Path,
        typer.Argument(
            help="CSV or TSV with columns text and label, or JSON lines with both; "
            f"{FEWEST_TEXTS} different texts or more, a few thousand for a useful answer."
        ),
    ],
    test: Annotated[Path | None, typer.Option(help="Texts to test on; default: a part of the others.")] = None,
    labels: Annotated[
        str, typer.Option(callback=_number_of_labels, help=f"Most labelled training texts of a repetition, or {ALL}.")
    ] = "1000",
    language_model_texts: Annotated[int, typer.Option(min=100, help="Most texts the language model reads.")] = 10_000,
    workers: options.Workers = None,
    device: options.Device = "cpu",
    precision: options.PrecisionChoice = "best",
    store: options.StoreFolder = Path("own-runs"),
    output: options.Output = Path("own-report"),
) -> None:
    """Measure on your own texts whether discriminative rates help: decay 2.6 against a uniform rate, each tuned.

    The protocol is the study's. Interrupt it at any moment and run it again to go on; it ends with a verdict and a
    page.
    """
    from harness.report.page import check_output, render  # noqa: PLC0415

    check_device(device)
    check_output(output)
    place = workplace(store, None, chosen_hardware(device, precision))
    files = (texts,) if test is None else (texts, test)
    most = None if labels == ALL else int(labels)
    study, dataset, raw = declare(context.obj, files, place, most, language_model_texts)
    console = Console()
    plan, parts = planned(study, Selection(PROFILE), ()), split(dataset, raw)
    recipe = study.profiles[PROFILE].sweeps[0].recipe
    said = understood(dataset, raw, parts, (*plan.cells, *plan.later))
    for line in (*said, *familiarity(recipe, parts.language_model, place.models)):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    records, failed = measured_or_exit(study, Selection(PROFILE), place, chosen_workers(workers, device), ())
    exit_if(failed)
    inputs = own_report(study, dataset, records, place)
    for line in conclusion(inputs, one_answer(parts)):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    console.print(f"report: {render(inputs, output).resolve().as_uri()}", soft_wrap=True, highlight=False, markup=False)


def declare(
    study: Study, files: tuple[Path, ...], place: Workplace, labels: int | None, language_model_documents: int
) -> tuple[Study, Dataset, RawTexts]:
    """Read the texts, put them where workers find them, and declare a study of them; all labels count where None.

    Raises:
        CorpusError: when they cannot be read, are too few, or cannot be kept.
    """
    raw = own_texts(files)
    dataset = own_dataset(files[0].stem, raw, labels, language_model_documents)
    keep(raw, place.sources)
    return own_study(study, dataset, [text for text, _ in raw.train]), dataset, raw


def own_report(study: Study, dataset: Dataset, records: tuple[Record, ...], place: Workplace) -> ReportInputs:
    """What the page of a user's texts is made from; baselines are measured once and kept in the store."""
    from harness.baselines import measure as measure_baselines  # noqa: PLC0415  (imports scikit-learn)
    from harness.report_inputs import report_inputs  # noqa: PLC0415

    folder = place.store.root
    path = folder / baseline_evidence.FILE
    if {record.baseline for record in baseline_evidence.read(path) if record.dataset == dataset} != {*study.baselines}:
        baseline_evidence.write(measure_baselines(dataset, study.baselines, study.protocol, place.sources), path)
    models = language_model_evidence.collect(place.store, records)
    language_model_evidence.write(models, folder / language_model_evidence.FILE, records)
    inputs = report_inputs(study, records, (), folder)
    baselines = tuple(record for record in inputs.baselines if record.dataset == dataset)  # a store may serve others
    title = f"Discriminative fine-tuning on {dataset.title}"
    return replace(inputs, title=title, profiles={}, baselines=baselines, history=_history(study, records))


def _history(study: Study, records: Iterable[Record]) -> History:
    """The committed one, and that the code which measured these records had the claims that it judges them by."""
    names = tuple(claim.name for claim in study.claims)
    committed = claim_history.read(options.RESULTS / claim_history.FILE)
    return replace(committed, standing={record.environment.commit: names for record in records})
