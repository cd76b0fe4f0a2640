"""Measure a selection of a profile's cells: plan, run, plan again with what was learnt, until nothing is missing."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from harness.claims import Family
from harness.corpus.sources import Sources, default_sources
from harness.engine import Engine
from harness.environment import check_device, source_digest
from harness.plan import MOST_LISTED, Plan, UnknownNameError, choose, narrowed, plan, together, unknown_name
from harness.progress import ProgressView
from harness.record import Record
from harness.runner import Task, run
from harness.specification import Cell, Hardware, cell_id
from harness.store import Store
from harness.study_definition import Profile, Study, Sweep
from harness.tasks import plan_tasks
from harness.wording import counted
from harness.workplace import IMPLEMENTATIONS, Workplace

_LOG = logging.getLogger(__name__)
MODELS = Path(__file__).resolve().parent.parent / "study" / "models"


@dataclass(frozen=True)
class Selection:
    """Which part of which profile; None means all. ``cells`` are names, or patterns of them with ``*`` and ``?``."""

    profile: str
    datasets: Sequence[str] | None = None
    implementations: Sequence[str] | None = None
    decays: Sequence[float] | None = None
    cells: Sequence[str] | None = None
    arms: Sequence[str] | None = None


class Made(NamedTuple):
    """The kind of device, ``cpu`` or ``cuda``, and the precision of matrix products that records have in common."""

    device: str
    precision: str


@dataclass(frozen=True)
class Measurement:
    """The selection's records, why tasks failed, and what stopped the run early (None: nothing)."""

    records: tuple[Record, ...]
    failed: dict[str, str]
    stopped: str | None


def workplace(store: Path, data: Path | None, hardware: Hardware) -> Workplace:
    """A workplace with the sources that the user's settings name."""
    return Workplace(Store(store), data_sources(data), MODELS, hardware)


def data_sources(data: Path | None) -> Sources:
    """The user's cache, and the folder ``data``, or the one that the user's settings name."""
    sources = default_sources()
    return Sources(sources.cache, data or sources.folder)


def selected_profile(study: Study, selection: Selection) -> Profile:
    """The profile cut down to the selected datasets and implementations, with the selected arms and decays.

    An arm or a dataset that the profile has is run as declared there. Another arm takes the place of each that it has,
    another dataset that of its first.

    Raises:
        UnknownNameError: naming what does not exist, the nearest and all valid names; or what the profile has where it
            has nothing of what is selected, or a decay that no cell can be named after.
    """
    profile = study.profiles[choose("profile", selection.profile, study.profiles)]
    own = tuple(dict.fromkeys(sweep.dataset.name for sweep in profile.sweeps))
    datasets = [choose("dataset", name, study.datasets) for name in selection.datasets or own]
    chosen = [choose("implementation", name, IMPLEMENTATIONS) for name in selection.implementations or ()]
    arms = [study.arms[choose("arm", name, study.arms)] for name in selection.arms or ()]
    declared = {sweep.arm.name for sweep in profile.sweeps}
    sweeps = [
        _with_decays(replace(sweep, arm=arm, dataset=study.datasets[name]), selection.decays)
        for name in datasets
        for sweep in profile.sweeps
        if sweep.dataset.name == (name if name in own else own[0]) and (not chosen or sweep.implementation in chosen)
        for arm in arms or (sweep.arm,)
        if arm.name == sweep.arm.name or arm.name not in declared
    ]
    if not sweeps:
        raise _nothing_selected(profile, selection)
    return replace(profile, sweeps=tuple(sweeps))


def _nothing_selected(profile: Profile, selection: Selection) -> UnknownNameError:
    """Tell what the profile has of each kind that was selected, together as it has them."""

    def names(sweep: Sweep) -> tuple[str, ...]:
        each = (
            (selection.datasets, sweep.dataset.name),
            (selection.implementations, sweep.implementation),
            (selection.arms, sweep.arm.name),
        )
        return tuple(name for chosen, name in each if chosen)

    asked = " and ".join(
        " or ".join(chosen) for chosen in (selection.datasets, selection.implementations, selection.arms) if chosen
    )
    has = tuple(dict.fromkeys(" and ".join(names(sweep)) for sweep in profile.sweeps))
    more = f" and {len(has) - MOST_LISTED} more, see `plan`" if len(has) > MOST_LISTED else ""
    return UnknownNameError(
        f"profile {profile.name!r} has no cells of {asked}; it has {', '.join(has[:MOST_LISTED])}{more}"
    )


def _with_decays(sweep: Sweep, decays: Sequence[float] | None) -> Sweep:
    """The sweep at these decays instead of its own; a decay that it did not have is simply another arm."""
    for decay in decays or ():
        if float(f"{decay:g}") != decay:
            raise UnknownNameError(f"decay {decay!r}: cells are named after six digits of it; give {decay:g}")
    return sweep if not decays else replace(sweep, decays=tuple(decays))


def planned(study: Study, selection: Selection, records: Iterable[Record]) -> Plan:
    """The selection's plan.

    Raises:
        UnknownNameError: for an unknown profile, dataset, implementation, arm or cell.
    """
    known = tuple(records)
    full = plan(selected_profile(study, selection), study.protocol, known)
    if not selection.cells:
        return full
    parts = {pattern: narrowed(full, pattern) for pattern in selection.cells}
    for pattern, part in parts.items():
        if not (part.cells or part.later):
            raise _unknown_cell(study, selection.profile, pattern, full, known)
    return together(parts.values())


def _unknown_cell(
    study: Study, profile: str, pattern: str, selected: Plan, records: Sequence[Record]
) -> UnknownNameError:
    """Name the profiles that have such a cell, or else the cells that are called alike."""
    plans = {name: plan(declared, study.protocol, records) for name, declared in study.profiles.items()}
    having = [f"--profile {name}" for name, full in plans.items() if narrowed(full, pattern).cells]
    if not having:
        return unknown_name("cell", pattern, [cell_id(cell) for cell in selected.cells])
    remedy = f"it is in {', '.join(having)}"
    return UnknownNameError(f"no cell {pattern!r} in what is selected of profile {profile!r}; {remedy}")


def measure(
    study: Study, selection: Selection, place: Workplace, workers: int, committed: tuple[Record, ...]
) -> Measurement:
    """Run what the store lacks, with live progress; a second round runs the cells that waited for tuning.

    Raises:
        KeyboardInterrupt: on an interrupt, after the workers are gone; what is done is kept.
        SpecificationError: when the store holds one of the cells made from another specification, or on another kind
            of device or in another precision.
        DeviceError: when this machine has not the device.
    """
    check_device(place.hardware.device)
    place.store.set_aside_broken()
    warn_of_guesses(planned(study, selection, (*committed, *place.store.records())))
    tried: set[str] = set()
    failed: dict[str, str] = {}
    while True:
        records = {record.cell: record for record in (*committed, *place.store.records())}
        current = planned(study, selection, records.values())
        ids = [cell_id(cell) for cell in current.cells]
        stored = stored_records(place.store, current.cells)
        _refuse_other_hardware(stored, place)
        if tried.issuperset(ids):
            return Measurement(stored, failed | _still_waiting(current), None)
        cells = [cell for cell in current.cells if cell_id(cell) not in failed]
        tasks, later = needed_tasks(cells, place), len(current.later)
        models = len(needed_tasks([*cells, *current.later], place)) - len(tasks) - later
        with ProgressView([task.name for task in tasks], workers, later=(later, models)) as view:
            outcome = run(tasks, Engine(place), workers, place.store, view)
        failed |= outcome.failed
        if outcome.stopped:
            return Measurement(stored_records(place.store, current.cells), failed, outcome.stopped)
        tried.update(ids)


def choosing(study: Study, selection: Selection, committed: tuple[Record, ...]) -> tuple[Record, ...]:
    """The committed records where these choose the selection's base rates: where no tuning repetition is selected.

    In other selections they would let final cells run before those that tune have, at a rate that these may not choose.

    Raises:
        UnknownNameError: as :func:`planned`.
    """
    profile = study.profiles[choose("profile", selection.profile, study.profiles)]
    tuning = profile.tuning_repetitions  # without any, other records choose the rates that cells are named after
    tunes = tuning and any(cell.repetition in tuning for cell in planned(study, selection, ()).cells)
    return () if tunes else committed


def _still_waiting(current: Plan) -> dict[str, str]:
    """Families whose final cells could not be planned."""
    reason = "its final cells wait for tuning cells that failed or were not selected"
    return {family_name(family): reason for family in current.waiting}


def warn_of_guesses(current: Plan) -> None:
    """Warn of cells that run at a base rate which nothing has chosen."""
    if current.guessed:
        _LOG.warning(
            "nothing has chosen a base rate for %s, first %s: cells run at the middle of the grid; "
            "tune them with a profile that has tuning repetitions, or name the evidence that has with --results",
            counted(len(current.guessed), "family", "families"),
            family_name(current.guessed[0]),
        )


def family_name(family: Family) -> str:
    """Name a family as its cells are named, up to the base rate."""
    return f"{family.dataset}/{family.recipe}/{family.implementation}/{family.arm}/decay-{family.decay:g}"


def needed_tasks(cells: Sequence[Cell], place: Workplace) -> tuple[Task, ...]:
    """The tasks of all cells, without the stages that only finished cells would need."""
    missing = plan_tasks([cell for cell in cells if not place.store.has_record(cell_id(cell))], place.hardware)
    done = [Task(cell_id(cell), (), cell) for cell in cells if place.store.has_record(cell_id(cell))]
    return (*done, *missing)


def stored_records(store: Store, cells: Sequence[Cell]) -> tuple[Record, ...]:
    """The records of cells that are stored, checked to have been made from the same specification.

    Records made by other training code are kept, with a warning.

    Raises:
        SpecificationError: when a stored record of the same id was made from another specification.
    """
    records = [store.read_record(cell_id(cell)) for cell in cells if store.has_record(cell_id(cell))]
    by_id = {cell_id(cell): cell for cell in cells}
    for record in records:
        if record.specification != by_id[record.cell]:
            raise SpecificationError(
                f"{store.record_path(record.cell)}: was made from another specification than the study has now; "
                "keep it and give another folder with --store"
            )
    other = [record.cell for record in records if record.inputs.source != source_digest()]
    if other:
        number = counted(len(other), "record was", "records were")
        _LOG.warning("%s made by other training code, in %s, first %s", number, store.root, other[0])
    return tuple(records)


def made_on(record: Record) -> Made:
    """Where a record was made, and in which precision."""
    return Made(record.environment.device.partition(":")[0], record.environment.precision)


def hardware_text(counts: Mapping[Made, int]) -> str:
    """Numbers of cells by what they were made on, in words, the most first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{number} on {made.device} in {made.precision}" for made, number in ordered)


def _refuse_other_hardware(records: Sequence[Record], place: Workplace) -> None:
    """Pairs of repetitions are to differ in the arm, and not in arithmetic too."""
    made = Counter(map(made_on, records))
    if len(made) > 1:
        raise SpecificationError(
            f"{place.store.root}: has selected cells of several devices or precisions: {hardware_text(made)}; give a "
            "--store of its own for each, into which `adopt` with --device and --precision puts what is committed"
        )
    here = Made(place.hardware.device.partition(":")[0], place.hardware.precision)
    for record in records:
        if made_on(record) != here:
            path, environment = place.store.record_path(record.cell), record.environment
            raise SpecificationError(
                f"{path}: was made on {environment.device} in {environment.precision}, this run is on {here.device} "
                f"in {here.precision}; give its --device and --precision, or another folder with --store"
            )


class SpecificationError(ValueError):
    """A stored record contradicts the declarations, or the hardware that the others are to run on."""
