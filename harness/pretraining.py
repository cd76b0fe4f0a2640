"""Train the general language models alone, as products that later runs find by digest."""

from __future__ import annotations

from harness.campaign import Selection, planned
from harness.engine import Engine
from harness.progress import ProgressView
from harness.runner import Task, run
from harness.study_definition import Study
from harness.tasks import GeneralModel, plan_tasks, product_key
from harness.weights import WeightsError, load
from harness.workplace import Workplace


def pretrain_models(
    study: Study, selection: Selection, place: Workplace, workers: int
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Train what is missing.

    Returns:
        One line a model: where it is, its perplexity, its tokens; and why others failed, by name.
    """
    cells = planned(study, selection, ()).cells
    tasks = [task for task in plan_tasks(cells, place.device) if isinstance(task.payload, GeneralModel)]
    with ProgressView([task.name for task in tasks], workers) as view:
        outcome = run(tasks, Engine(place), workers, place.store, view)
    lines, failed = [], dict(outcome.failed)
    failed |= dict.fromkeys(outcome.remaining, outcome.stopped or "was not run")
    for task in tasks:
        if task.name in outcome.done:
            try:
                lines.append(_line(task, place))
            except WeightsError as error:
                failed[task.name] = str(error)
    return tuple(lines), failed


def _line(task: Task, place: Workplace) -> str:
    assert isinstance(task.payload, GeneralModel)
    path = place.store.product_path(product_key(task.payload, place.device))
    _, facts = load(path)
    return f"{task.name}: held-out perplexity {facts.get('perplexity')}, {facts.get('tokens')} tokens; {path}"
