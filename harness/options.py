"""The options that several commands share, and their defaults."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.environment import best_precision
from harness.evidence import EvidenceError
from harness.specification import Hardware

RESULTS = Path(__file__).resolve().parent.parent / "results"


def _device(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise typer.BadParameter(f"{name!r} is not cpu, cuda or cuda:N")
    return name


def _existing_evidence(folder: Path) -> Path:
    """A misspelt folder must not pass for one without evidence; that of a study without any may be missing."""
    if folder != RESULTS and not folder.is_dir():
        raise EvidenceError(f"{folder}: no such folder of evidence; name another with --results")
    return folder


ProfileName = Annotated[str, typer.Option("--profile", help="How much of the study (study/profiles.py).")]
Datasets = Annotated[
    list[str] | None, typer.Option("--dataset", help="Only this dataset, or another declared one; may be repeated.")
]
Implementations = Annotated[list[str] | None, typer.Option("--implementation", help="Only torch or only fastai.")]
Decays = Annotated[list[float] | None, typer.Option("--decay", min=1e-3, help="These decays instead; may be repeated.")]
Arms = Annotated[
    list[str] | None,
    typer.Option("--arm", help="These arms instead, one of the profile with its decays; may be repeated."),
]
Cells = Annotated[
    list[str] | None,
    typer.Option("--cell", help="Only this cell of the profile, or those like it, with * and ?; may be repeated."),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Worker processes, one thread each; default: one a core, at most 8, and one on a GPU."),
]
Device = Annotated[str, typer.Option(callback=_device, help="cpu, cuda or cuda:N.")]
PrecisionName = Literal["best", "float32", "bfloat16"]
PrecisionChoice = Annotated[
    PrecisionName,
    typer.Option("--precision", help="Of matrix products; best: bfloat16 where the hardware has units for it."),
]
AnyDevice = Annotated[
    str | None, typer.Option("--device", callback=_device, help="As of the run; default: that of all the records.")
]
AnyPrecision = Annotated[
    PrecisionName | None, typer.Option("--precision", help="As of the run; default: that of all the records.")
]
StoreFolder = Annotated[Path, typer.Option("--store", help="Folder of the run store.")]
Results = Annotated[
    Path, typer.Option("--results", callback=_existing_evidence, help="Folder of the committed evidence.")
]
WrittenResults = Annotated[
    Path, typer.Option("--results", help="Folder of the committed evidence; made where missing.")
]
Data = Annotated[Path | None, typer.Option("--data", help="Folder with data sets; default: DFT_DATA.")]
Output = Annotated[Path, typer.Option("--output", help="Folder for the rendered report.")]

DEFAULT_STORE = Path("runs")
DEFAULT_OUTPUT = Path("report")
DEFAULT_WORKERS = min(os.cpu_count() or 1, 8)


def chosen_workers(workers: int | None, device: str) -> int:
    """As many as asked for; else one a core, or the only one on a GPU, whose memory and time several would share."""
    return workers or (DEFAULT_WORKERS if device == "cpu" else 1)


def chosen_hardware(device: str, precision: PrecisionName) -> Hardware:
    """The device with a precision by name, or with the best that it has units for."""
    return Hardware(device, best_precision(device) if precision == "best" else precision)
