"""Show a plan: its cells, what is missing, and the core time that measured cells and language models predict."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from rich.console import Console

from harness import evidence, language_model_evidence
from harness.campaign import Selection, family_name, planned, warn_of_guesses
from harness.language_model_evidence import language_model_key, trained_stages, training_seconds
from harness.plan import Plan
from harness.progress import clock_text
from harness.record import Record
from harness.specification import Cell, cell_id
from harness.study_definition import Study
from harness.tasks import GeneralModel, Stage, product_key
from harness.workplace import Workplace

CostKey = tuple[Hashable, str, str]  # data set, recipe and implementation; what makes a language model for the first
Spent = dict[CostKey, list[float]]  # seconds of a core


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
    estimates = (
        _estimate("cell", [_cell_key(cell) for cell in wanted], _spent_by_cells(known.values())),
        _estimate(
            "language model",
            [_stage_key(stage) for stage in _unmade(wanted, place)],
            _spent_by_language_models(study, current, place, results),
        ),
    )
    console.print(total + ", ".join(filter(None, estimates)), highlight=False, soft_wrap=True)


def _estimate(thing: str, wanted: Sequence[CostKey], spent: Spent) -> str:
    """What things of one kind take by the mean of measured ones alike; nothing to say of none.

    Where none are alike, the other implementation's count, times what one costs to the other elsewhere.
    """
    if not wanted:
        return ""
    means = {key: mean(seconds) for key, seconds in spent.items()}
    found = [cost for cost in (_cost(key, means) for key in wanted) if cost is not None]
    known = f"about {clock_text(sum(found))} for {_counted(len(found), thing)}"
    unknown = f"{_counted(len(wanted) - len(found), thing)} of unknown cost"
    return known if len(found) == len(wanted) else f"{known}, {unknown}" if found else unknown


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _cost(key: CostKey, costs: Mapping[CostKey, float]) -> float | None:
    if key in costs:
        return costs[key]
    dataset, recipe, implementation = key
    ratios = [
        (base * costs[where[0], where[1], implementation] / costs[where], where[1] != recipe)
        for where in costs
        if (base := costs.get((dataset, recipe, where[2]))) and (where[0], where[1], implementation) in costs
    ]
    same = [estimate for estimate, other_recipe in ratios if not other_recipe]
    return mean(same) if same else mean([estimate for estimate, _ in ratios]) if ratios else None


def _cell_key(cell: Cell) -> CostKey:
    return cell.dataset.name, cell.recipe.name, cell.implementation


def _spent_by_cells(records: Iterable[Record]) -> Spent:
    spent: Spent = {}
    for record in records:
        spent.setdefault(_cell_key(record.specification), []).append(record.cost.cpu_seconds)
    return spent


def _stage_key(stage: Stage) -> CostKey:
    implementation = "general" if isinstance(stage, GeneralModel) else stage.implementation
    return language_model_key(stage.dataset, stage.recipe), "", implementation


def _unmade(cells: Iterable[Cell], place: Workplace) -> tuple[Stage, ...]:
    return tuple(
        stage
        for stage in trained_stages(cells, place.hardware)
        if not place.store.has_product(product_key(stage, place.hardware))
    )


def _spent_by_language_models(study: Study, current: Plan, place: Workplace, results: Path) -> Spent:
    """Seconds of the plan's own language models that are stored, and of those in the evidence, on hardware alike."""
    spent: Spent = {}
    recipes = {sweep.recipe.name: sweep.recipe for profile in study.profiles.values() for sweep in profile.sweeps}
    for model in language_model_evidence.read(results / language_model_evidence.FILE):
        dataset, recipe = study.datasets.get(model.dataset), recipes.get(model.recipe)
        alike = (_kind(model.device), model.precision) == (_kind(place.hardware.device), place.hardware.precision)
        if dataset is not None and recipe is not None and alike:
            like = (language_model_key(dataset, recipe), "", model.implementation)
            spent.setdefault(like, []).append(model.seconds)
    for stage in trained_stages((*current.cells, *current.later), place.hardware):
        key = product_key(stage, place.hardware)
        if place.store.has_product(key):
            spent.setdefault(_stage_key(stage), []).append(training_seconds(place.store.product_path(key)))
    return spent


def _kind(device: str) -> str:
    """``cpu`` or ``cuda``, of a device as it is given or as it is recorded."""
    return device.partition(":")[0]
