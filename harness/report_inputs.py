"""What the report of a study is made from: its records, and what its declaration says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness import baseline_evidence, claim_history, evidence, language_model_evidence
from harness.campaign import MODELS
from harness.coverage import coverage, gaps, plans
from harness.plan import Plan
from harness.record import Record
from harness.report.inputs import ReportInputs
from harness.report.pretraining import read_products
from harness.reproduction import Comparison
from harness.specification import cell_id
from harness.study_definition import Study


def report_inputs(
    study: Study, records: tuple[Record, ...], comparison: tuple[Comparison, ...], results: Path
) -> ReportInputs:
    """Gather the inputs of a report on ``records``; baselines and places are those in the folder ``results``."""
    every_plan = plans(study, records)
    baselines = baseline_evidence.read(results / baseline_evidence.FILE)
    return ReportInputs(
        records=records,
        comparison=comparison,
        claims=study.claims,
        protocol=study.protocol,
        titles={name: dataset.title for name, dataset in study.datasets.items()},
        baselines=baselines,
        published=study.published,
        places=evidence.places(results),
        profiles=profiles_by_cell(every_plan),
        coverage=coverage(study, every_plan, records, baselines),
        gaps=gaps(every_plan, records),
        again=evidence.load_again(results),
        history=claim_history.read(results / claim_history.FILE),
        products=read_products(MODELS),
        unshipped=study.unshipped,
        headlines=study.headlines,
        language_models=language_model_evidence.read(results / language_model_evidence.FILE),
    )


def profiles_by_cell(plans: Mapping[str, Plan]) -> dict[str, str]:
    """Name for each cell that some profile plans the first such profile."""
    found: dict[str, str] = {}
    for name, plan in plans.items():
        for cell in plan.cells:
            found.setdefault(cell_id(cell), name)
    return found
