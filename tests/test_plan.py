from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_record import DATASET, RECIPE, a_record

from harness.claims import Family, Protocol
from harness.plan import UnknownNameError, choose, plan
from harness.record import Record
from harness.specification import Arm, Cell, cell_id
from harness.study_definition import Profile, Sweep
from study.profiles import PROFILES
from study.protocol import PROTOCOL

SETTINGS = settings(derandomize=True, deadline=None, max_examples=40)
RULES = Protocol(tuning_repetitions=(100, 101), final_repetitions=(0, 1, 2), margin=0.005)
RATES = (0.005, 0.01, 0.02)
ARM = Arm("freez+stlr", "gradual", "stlr", 1.0, "general")
SWEEP = Sweep(DATASET, RECIPE, "torch", ARM, (1.0, 2.6), RATES)
TUNED = Profile("tuned", "", (SWEEP,), RULES.tuning_repetitions, RULES.final_repetitions)
UNTUNED = replace(TUNED, tuning_repetitions=())


def family(decay: float) -> Family:
    return Family(DATASET.name, RECIPE.name, "torch", ARM.name, decay)


def measured(cell: Cell, error: float) -> Record:
    record = a_record()
    validation = replace(record.result.validation, error=error)
    return replace(record, cell=cell_id(cell), specification=cell, result=replace(record.result, validation=validation))


def tuning_records(decay: float, best: float) -> list[Record]:
    """All tuning records of one decay factor; ``best`` has the lowest validation error."""
    cells = [cell for cell in plan(TUNED, RULES, ()).cells if cell.arm.decay == decay]
    return [measured(cell, 0.1 if cell.base_rate == best else 0.3) for cell in cells]


def finals(cells: Iterable[Cell]) -> dict[float, set[tuple[float, int]]]:
    """Base rate and repetition of the final cells, by decay."""
    found: dict[float, set[tuple[float, int]]] = {}
    for cell in cells:
        if cell.repetition in RULES.final_repetitions:
            found.setdefault(cell.arm.decay, set()).add((cell.base_rate, cell.repetition))
    return found


def test_a_tuned_profile_begins_with_its_tuning_cells_and_all_families_wait() -> None:
    found = plan(TUNED, RULES, ())
    assert len(found.cells) == 2 * 3 * 2
    assert {cell.repetition for cell in found.cells} == {100, 101}
    assert found.waiting == (family(1.0), family(2.6))


def test_a_family_waits_until_its_last_tuning_cell_is_measured() -> None:
    records = tuning_records(2.6, 0.02)
    assert plan(TUNED, RULES, records[:-1]).waiting == (family(1.0), family(2.6))
    assert not finals(plan(TUNED, RULES, records[:-1]).cells)


def test_a_tuned_family_runs_its_final_cells_at_the_chosen_rate_after_all_tuning_cells() -> None:
    found = plan(TUNED, RULES, tuning_records(2.6, 0.02))
    assert found.waiting == (family(1.0),)
    assert finals(found.cells) == {2.6: {(0.02, 0), (0.02, 1), (0.02, 2)}}
    assert all(cell.repetition >= 100 for cell in found.cells[:12])
    assert len(found.cells) == 12 + 3


def test_each_decay_runs_at_its_own_choice() -> None:
    found = plan(TUNED, RULES, tuning_records(1.0, 0.005) + tuning_records(2.6, 0.02))
    assert found.waiting == ()
    rates = {decay: {rate for rate, _ in cells} for decay, cells in finals(found.cells).items()}
    assert rates == {1.0: {0.005}, 2.6: {0.02}}


def test_the_plan_does_not_change_when_final_records_arrive() -> None:
    records = tuning_records(1.0, 0.005) + tuning_records(2.6, 0.02)
    before = plan(TUNED, RULES, records)
    done = [measured(cell, 0.0) for cell in before.cells if cell.repetition in RULES.final_repetitions]
    assert plan(TUNED, RULES, records + done) == before


def test_a_profile_without_tuning_runs_at_the_committed_choice_else_in_the_middle_of_the_grid() -> None:
    found = plan(UNTUNED, RULES, tuning_records(2.6, 0.02))
    assert found.waiting == ()
    assert finals(found.cells) == {1.0: {(0.01, n) for n in range(3)}, 2.6: {(0.02, n) for n in range(3)}}
    assert len(found.cells) == 6
    assert found.guessed == (family(1.0),)


def test_final_records_at_other_rates_choose_nothing() -> None:
    cells = [cell for cell in plan(UNTUNED, RULES, ()).cells if cell.arm.decay == 2.6]
    records = [measured(replace(cell, base_rate=rate), 0.0) for cell in cells for rate in (0.005, 0.02)]
    assert plan(UNTUNED, RULES, records) == plan(UNTUNED, RULES, ())


def test_the_choice_of_one_implementation_is_not_that_of_the_other() -> None:
    other = replace(UNTUNED, sweeps=(replace(SWEEP, implementation="fastai"),))
    found = plan(other, RULES, tuning_records(2.6, 0.02))
    assert {cell.base_rate for cell in found.cells} == {0.01}


def test_a_cell_that_two_sweeps_share_is_planned_once() -> None:
    assert plan(replace(TUNED, sweeps=(SWEEP, SWEEP)), RULES, ()) == plan(TUNED, RULES, ())


@SETTINGS
@given(
    st.lists(st.sampled_from((0.62, 1.0, 1.61, 2.6, 6.76)), min_size=1, unique=True),
    st.lists(st.sampled_from((0.001, 0.004, 0.01, 0.02, 0.05)), min_size=1, unique=True),
    st.lists(st.integers(100, 109), min_size=1, unique=True),
)
def test_every_decay_gets_the_same_search_budget(decays: list[float], rates: list[float], runs: list[int]) -> None:
    sweep = replace(SWEEP, decays=tuple(decays), base_rates=tuple(rates))
    rules = replace(RULES, tuning_repetitions=tuple(runs))
    cells = plan(Profile("p", "", (sweep,), tuple(runs), (0,)), rules, ()).cells
    budget = {(rate, run) for rate in rates for run in runs}
    assert len(cells) == len(decays) * len(budget)
    assert all({(c.base_rate, c.repetition) for c in cells if c.arm.decay == decay} == budget for decay in decays)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_the_declared_profiles_give_each_decay_the_same_grid(name: str) -> None:
    profile = PROFILES[name]
    assert profile.tuning_repetitions in {(), PROTOCOL.tuning_repetitions}
    found = plan(profile, PROTOCOL, ())
    budgets: dict[tuple[str, ...], dict[float, int]] = {}
    for cell in found.cells:
        place = budgets.setdefault((cell.dataset.name, cell.recipe.name, cell.implementation, cell.arm.name), {})
        place[cell.arm.decay] = place.get(cell.arm.decay, 0) + 1
    assert found.cells
    assert all(len(set(counts.values())) == 1 for counts in budgets.values())


def test_a_known_name_is_returned_and_an_unknown_one_told_the_nearest_and_all_valid() -> None:
    valid = ("rt-1k", "trec6", "imdb-1k")
    assert choose("dataset", "trec6", valid) == "trec6"
    with pytest.raises(UnknownNameError) as caught:
        choose("dataset", "trec", valid)
    assert str(caught.value) == "unknown dataset 'trec'. Did you mean 'trec6'? Valid: rt-1k, trec6, imdb-1k."


def test_a_name_like_no_other_gets_the_valid_ones_alone() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown profile 'zzz'\. Valid: quick, full\.$"):
        choose("profile", "zzz", ("quick", "full"))


def test_a_sweep_at_each_rate_runs_its_final_cells_at_all_of_them_and_tunes_nothing() -> None:
    found = plan(replace(TUNED, sweeps=(replace(SWEEP, final_at="each"),)), RULES, tuning_records(2.6, 0.02))
    assert found.waiting == ()
    expected = {(rate, repetition) for rate in RATES for repetition in RULES.final_repetitions}
    assert finals(found.cells) == {1.0: expected, 2.6: expected}
    assert len(found.cells) == 2 * len(expected)


def test_a_sweep_at_near_rates_waits_for_tuning_and_runs_all_that_are_within_a_standard_error() -> None:
    profile = replace(TUNED, sweeps=(replace(SWEEP, final_at="near"),))
    tuning = [cell for cell in plan(profile, RULES, ()).cells if cell.arm.decay == 1.0]
    items = a_record().result.validation.items
    least, within, beyond = 0.1, 0.1 + 0.99 * (0.09 / items) ** 0.5, 0.1 + 1.01 * (0.09 / items) ** 0.5
    known = [measured(cell, {0.005: within, 0.01: least, 0.02: beyond}[cell.base_rate]) for cell in tuning]
    found = plan(profile, RULES, known)
    assert finals(found.cells) == {1.0: {(rate, repetition) for rate in (0.005, 0.01) for repetition in (0, 1, 2)}}
    assert found.waiting == (family(2.6),)
    assert finals(plan(profile, RULES, known[:-1]).cells) == {}


def test_a_sweep_at_near_rates_without_tuning_takes_those_of_the_records_or_the_middle() -> None:
    profile = replace(UNTUNED, sweeps=(replace(SWEEP, final_at="near"),))
    found = plan(profile, RULES, tuning_records(2.6, 0.02))
    assert {decay: {rate for rate, _ in at} for decay, at in finals(found.cells).items()} == {1.0: {0.01}, 2.6: {0.02}}
    assert found.guessed == (family(1.0),)
