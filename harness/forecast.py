"""Show a plan: its cells, what is missing, and the core time that measured cells and language models predict."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from rich.console import Console

from harness import evidence, language_model_evidence
from harness.campaign import Selection, family_name, planned, warn_of_guesses
from harness.environment import processor_name
from harness.language_model_evidence import language_model_key, trained_stages, training_seconds
from harness.plan import Plan
from harness.progress import clock_text
from harness.record import Record
from harness.specification import Cell, Hardware, cell_id
from harness.study_definition import Study
from harness.tasks import GeneralModel, Stage, product_key
from harness.workplace import Workplace

CostKey = tuple[Hashable, str, str, str]  # data set (or what makes a language model), recipe, implementation, arm
ANY = ""  # in place of an arm: all of them
Costs = Mapping[CostKey, float]  # mean seconds of a core


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
    pace = _pace(known.values(), place.hardware)
    estimates = (
        _estimate("cell", [_cell_key(cell) for cell in wanted], _costs_of_cells(known.values(), pace)),
        _estimate(
            "language model",
            [_stage_key(stage) for stage in _unmade(wanted, place)],
            _costs_of_language_models(study, current, place, results),
        ),
    )
    console.print(total + ", ".join(filter(None, estimates)), highlight=False, soft_wrap=True)
    if wanted and pace.compared:
        measured = f"{_counted(pace.compared, 'cell')} on this kind of machine and in this precision"
        told = f"cells at the pace of {measured}: {pace.times:.2g} times the core time of others alike"
        console.print(told, highlight=False, soft_wrap=True)
    elif wanted and known and not any(map(pace.is_here, known.values())):
        told = "cells at the pace of other machines or precisions: none was measured on this kind and in this one"
        console.print(told, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Pace:
    """How many times the core time of cells alike elsewhere those took that were measured on a machine of this kind.

    ``compared`` counts these; 0, and ``times`` 1, where no cells here and elsewhere are alike.
    """

    hardware: Hardware
    compared: int = 0
    times: float = 1.0

    def is_here(self, record: Record) -> bool:
        """Whether a record was made with this processor, on this kind of device and in this precision."""
        made = record.environment
        where = (made.processor, _kind(made.device), made.precision)
        return where == (processor_name(), _kind(self.hardware.device), self.hardware.precision)


def _pace(records: Iterable[Record], hardware: Hardware) -> Pace:
    pace, records = Pace(hardware), tuple(records)
    elsewhere = _costs_of_cells([record for record in records if not pace.is_here(record)], pace)
    pairs = [
        (record.cost.cpu_seconds, elsewhere[key])
        for record in records
        if pace.is_here(record) and (key := _cell_key(record.specification)) in elsewhere
    ]
    if not pairs:
        return pace
    return replace(pace, compared=len(pairs), times=sum(own for own, _ in pairs) / sum(like for _, like in pairs))


def _estimate(thing: str, wanted: Sequence[CostKey], costs: Costs) -> str:
    """What things of one kind take by the mean of measured ones alike; nothing to say of none."""
    if not wanted:
        return ""
    found = [cost for cost in (_cost(key, costs) for key in wanted) if cost is not None]
    known = f"about {clock_text(sum(found))} for {_counted(len(found), thing)}"
    unknown = f"{_counted(len(wanted) - len(found), thing)} of unknown cost"
    return known if len(found) == len(wanted) else f"{known}, {unknown}" if found else unknown


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _cost(key: CostKey, costs: Costs) -> float | None:
    """Of those of the same arm, or else of any arm; absent where nothing is alike.

    Where the implementation has none, the other's count, times what one costs to the other elsewhere.
    """
    dataset, recipe, implementation, _ = key
    for known in (key, (dataset, recipe, implementation, ANY)):
        if known in costs:
            return costs[known]
    ratios = [
        (base * costs[where[0], where[1], implementation, ANY] / costs[where], where[1] != recipe)
        for where in costs
        if where[3] == ANY
        and (base := costs.get((dataset, recipe, where[2], ANY)))
        and (where[0], where[1], implementation, ANY) in costs
    ]
    same = [estimate for estimate, other_recipe in ratios if not other_recipe]
    return mean(same) if same else mean([estimate for estimate, _ in ratios]) if ratios else None


def _cell_key(cell: Cell) -> CostKey:
    return cell.dataset.name, cell.recipe.name, cell.implementation, cell.arm.name


def _costs_of_cells(records: Iterable[Record], pace: Pace) -> dict[CostKey, float]:
    """Mean seconds at this pace; those of an arm by its cells here alone, where there are any."""
    spent: dict[CostKey, list[float]] = {}
    own: dict[CostKey, list[float]] = {}
    for record in records:
        key, here = _cell_key(record.specification), pace.is_here(record)
        seconds = record.cost.cpu_seconds * (1 if here else pace.times)
        for alike in (key, (*key[:3], ANY)):
            spent.setdefault(alike, []).append(seconds)
        if here:
            own.setdefault(key, []).append(seconds)
    return {key: mean(seconds) for key, seconds in (spent | own).items()}


def _stage_key(stage: Stage) -> CostKey:
    implementation = "general" if isinstance(stage, GeneralModel) else stage.implementation
    return language_model_key(stage.dataset, stage.recipe), "", implementation, ANY


def _unmade(cells: Iterable[Cell], place: Workplace) -> tuple[Stage, ...]:
    return tuple(
        stage
        for stage in trained_stages(cells, place.hardware)
        if not place.store.has_product(product_key(stage, place.hardware))
    )


def _costs_of_language_models(study: Study, current: Plan, place: Workplace, results: Path) -> Costs:
    """Seconds of the plan's own language models that are stored, and of those in the evidence, on hardware alike."""
    spent: dict[CostKey, list[float]] = {}
    recipes = {sweep.recipe.name: sweep.recipe for profile in study.profiles.values() for sweep in profile.sweeps}
    for model in language_model_evidence.read(results / language_model_evidence.FILE):
        dataset, recipe = study.datasets.get(model.dataset), recipes.get(model.recipe)
        alike = (_kind(model.device), model.precision) == (_kind(place.hardware.device), place.hardware.precision)
        if dataset is not None and recipe is not None and alike:
            like = (language_model_key(dataset, recipe), "", model.implementation, ANY)
            spent.setdefault(like, []).append(model.seconds)
    for stage in trained_stages((*current.cells, *current.later), place.hardware):
        key = product_key(stage, place.hardware)
        if place.store.has_product(key):
            spent.setdefault(_stage_key(stage), []).append(training_seconds(place.store.product_path(key)))
    return {key: mean(seconds) for key, seconds in spent.items()}


def _kind(device: str) -> str:
    """``cpu`` or ``cuda``, of a device as it is given or as it is recorded."""
    return device.partition(":")[0]
