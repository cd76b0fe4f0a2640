"""The core time that cells and their language models will take, by those that were measured."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean

from harness import language_model_evidence
from harness.campaign import Made, made_on
from harness.environment import processor_name
from harness.language_model_evidence import language_model_key, trained_stages, training_seconds
from harness.progress import clock_text
from harness.record import Record
from harness.specification import Cell, Hardware
from harness.study_definition import Study
from harness.tasks import GeneralModel, Stage, product_key
from harness.wording import counted
from harness.workplace import Workplace

CostKey = tuple[Hashable, str, str, str]  # data set (or what makes a language model), recipe, implementation, arm
ANY = ""  # in place of an arm: all of them
Costs = Mapping[CostKey, float]  # mean seconds of a core


@dataclass(frozen=True)
class Estimate:
    """What things of one kind take, in seconds of a core: of those whose cost is known, and how many there are."""

    thing: str
    seconds: float
    known: int
    unknown: int

    @property
    def text(self) -> str:
        """In words; nothing to say of none."""
        known = f"about {clock_text(self.seconds)} for {counted(self.known, self.thing)}" if self.known else ""
        unknown = f"{counted(self.unknown, self.thing)} of unknown cost" if self.unknown else ""
        return ", ".join(filter(None, (known, unknown)))


@dataclass(frozen=True)
class Pace:
    """How many times the core time of cells alike elsewhere those took that were measured on a machine of this kind.

    By what those elsewhere were made on: another machine and another precision cost differently. ``compared`` counts
    those here; what none here is alike is in neither, and counts as it took.
    """

    hardware: Hardware
    compared: Mapping[Made, int] = field(default_factory=dict)
    times: Mapping[Made, float] = field(default_factory=dict)

    def is_here(self, record: Record) -> bool:
        """Whether a record was made with this processor, on this kind of device and in this precision."""
        here = Made(_kind(self.hardware.device), self.hardware.precision)
        return (record.environment.processor, made_on(record)) == (processor_name(), here)

    def seconds(self, record: Record) -> float:
        """What the record's cell would take here, in seconds of a core."""
        return record.cost.cpu_seconds * (1 if self.is_here(record) else self.times.get(made_on(record), 1))


def _pace(records: Sequence[Record], hardware: Hardware) -> Pace:
    pace = Pace(hardware)
    here = [record for record in records if pace.is_here(record)]
    elsewhere: dict[Made, list[Record]] = {}
    for record in records:
        if not pace.is_here(record):
            elsewhere.setdefault(made_on(record), []).append(record)
    compared: dict[Made, int] = {}
    times: dict[Made, float] = {}
    for made, others in elsewhere.items():
        costs = _costs_of_cells(others, pace)
        keyed = [(record.cost.cpu_seconds, _cell_key(record.specification)) for record in here]
        pairs = [(own, costs[key]) for own, key in keyed if key in costs]
        if pairs:
            compared[made] = len(pairs)
            times[made] = sum(own for own, _ in pairs) / sum(like for _, like in pairs)
    return replace(pace, compared=compared, times=times)


@dataclass(frozen=True)
class Forecast:
    """What any of the cells that it was made for will take; ``note`` says by the pace of which machines."""

    place: Workplace
    cells: Costs
    language_models: Costs
    note: str

    def of(self, cells: Sequence[Cell]) -> tuple[Estimate, Estimate]:
        """The time that cells take, and that of the language models which they need and the store has not."""
        stages = _unmade(cells, self.place)
        return (
            _estimate("cell", [_cell_key(cell) for cell in cells], self.cells),
            _estimate("language model", [_stage_key(stage) for stage in stages], self.language_models),
        )


def forecast(
    study: Study, cells: Sequence[Cell], records: Iterable[Record], place: Workplace, results: Path
) -> Forecast:
    """Learn from measured records, from language models in the evidence, and from those in the store for ``cells``.

    Raises:
        EvidenceError: when the evidence, or a stored language model, is damaged.
    """
    records = tuple(records)
    pace = _pace(records, place.hardware)
    models = _costs_of_language_models(study, cells, place, results)
    return Forecast(place, _costs_of_cells(records, pace), models, _note(pace, records))


def _note(pace: Pace, records: Sequence[Record]) -> str:
    """By whose pace cells are counted; nothing to say where all were measured on this kind of machine."""
    elsewhere = sorted({made_on(record) for record in records if not pace.is_here(record)})
    if not elsewhere:
        return ""
    if not any(map(pace.is_here, records)):
        return "cells at the pace of other machines or precisions: none was measured on this kind and in this one"
    paces = (
        f"on {made.device} in {made.precision} times {pace.times[made]:.2g} "
        f"(as {counted(pace.compared[made], 'cell')} alike here took)"
        if made in pace.times
        else f"on {made.device} in {made.precision} as they took (no cell here is alike)"
        for made in elsewhere
    )
    return f"core time of cells measured elsewhere or otherwise: {', '.join(paces)}"


def _estimate(thing: str, wanted: Sequence[CostKey], costs: Costs) -> Estimate:
    """What things of one kind take by the mean of measured ones alike."""
    found = [cost for cost in (_cost(key, costs) for key in wanted) if cost is not None]
    return Estimate(thing, sum(found), len(found), len(wanted) - len(found))


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
        key, here, seconds = _cell_key(record.specification), pace.is_here(record), pace.seconds(record)
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


def _costs_of_language_models(study: Study, cells: Sequence[Cell], place: Workplace, results: Path) -> Costs:
    """Seconds of the cells' own language models that are stored, and of those in the evidence, on hardware alike."""
    spent: dict[CostKey, list[float]] = {}
    recipes = {sweep.recipe.name: sweep.recipe for profile in study.profiles.values() for sweep in profile.sweeps}
    for model in language_model_evidence.read(results / language_model_evidence.FILE):
        dataset, recipe = study.datasets.get(model.dataset), recipes.get(model.recipe)
        alike = (_kind(model.device), model.precision) == (_kind(place.hardware.device), place.hardware.precision)
        if dataset is not None and recipe is not None and alike:
            like = (language_model_key(dataset, recipe), "", model.implementation, ANY)
            spent.setdefault(like, []).append(model.seconds)
    for stage in trained_stages(cells, place.hardware):
        key = product_key(stage, place.hardware)
        if place.store.has_product(key):
            spent.setdefault(_stage_key(stage), []).append(training_seconds(place.store.product_path(key)))
    return {key: mean(seconds) for key, seconds in spent.items()}


def _kind(device: str) -> str:
    """``cpu`` or ``cuda``, of a device as it is given or as it is recorded."""
    return device.partition(":")[0]
