"""The declarations: what every one of them must satisfy, whatever is added."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.campaign import Selection, planned
from harness.claims import Claim, Selector
from harness.plan import plan
from harness.specification import Cell, cell_id
from harness.statistics import smallest_sign_flip_p
from harness.study_definition import Profile, Sweep
from harness.unfreezing import trainable_groups
from harness.verdicts import evaluate, largest_family
from study.__main__ import STUDY
from study.arms import ARMS, DECAYS, LANGUAGE_MODEL_ARMS
from study.profiles import BEST_DECAYS

each_profile = pytest.mark.parametrize("name", sorted(STUDY.profiles))


def all_cells(profile: Profile) -> tuple[Cell, ...]:
    """Tuning cells, and final ones at the middle of the grid."""
    final = plan(replace(profile, tuning_repetitions=()), STUDY.protocol, ())
    assert not final.waiting
    return (*plan(profile, STUDY.protocol, ()).cells, *final.cells)


def families(profile: Profile) -> set[tuple[object, ...]]:
    return {(cell.dataset, cell.recipe, cell.implementation, cell.arm) for cell in all_cells(profile)}


@each_profile
def test_the_cells_of_a_profile_have_ids_of_their_own(name: str) -> None:
    cells = set(all_cells(STUDY.profiles[name]))
    assert len({cell_id(cell) for cell in cells}) == len(cells) > 0


def test_one_id_means_one_cell_over_all_profiles() -> None:
    cells = {cell for profile in STUDY.profiles.values() for cell in all_cells(profile)}
    assert len({cell_id(cell) for cell in cells}) == len(cells)


@each_profile
def test_a_profile_counts_its_cells_as_declared(name: str) -> None:
    profile = STUDY.profiles[name]
    tuning = sum(len(sweep.decays) * len(sweep.base_rates) for sweep in profile.sweeps if sweep.final_at != "each")
    final = sum(
        len(sweep.decays) * (len(sweep.base_rates) if sweep.final_at == "each" else 1) for sweep in profile.sweeps
    )
    expected = tuning * len(profile.tuning_repetitions) + final * len(profile.final_repetitions)
    assert len(set(all_cells(profile))) == expected


def test_every_digest_is_a_sha_256() -> None:
    for dataset in STUDY.datasets.values():
        assert re.fullmatch(r"[0-9a-f]{64}", dataset.digest), dataset.name


def test_no_two_declarations_share_a_name() -> None:
    for declared in (STUDY.datasets, STUDY.arms, STUDY.profiles, LANGUAGE_MODEL_ARMS):
        assert [value.name for value in declared.values()] == list(declared)
    assert len(set(ARMS.values())) == len(ARMS)
    assert len({claim.name for claim in STUDY.claims}) == len(STUDY.claims)


def test_the_quick_profile_and_the_canaries_are_part_of_the_full_one() -> None:
    full = STUDY.profiles["full"]
    for name in ("quick", "canary"):
        assert families(STUDY.profiles[name]) < families(full)
        assert set(STUDY.profiles[name].final_repetitions) <= set(full.final_repetitions)


def test_adding_a_decay_to_a_sweep_adds_exactly_its_cells() -> None:
    full = STUDY.profiles["full"]
    first, *others = full.sweeps
    assert 5.0 not in first.decays
    grown = replace(full, sweeps=(replace(first, decays=(*first.decays, 5.0)), *others))
    added = set(all_cells(grown)) - set(all_cells(full))
    assert set(all_cells(full)) < set(all_cells(grown))
    assert {(cell.dataset, cell.implementation, cell.arm) for cell in added} == {
        (first.dataset, first.implementation, replace(first.arm, decay=5.0))
    }
    runs = len(first.base_rates) * len(full.tuning_repetitions) + len(full.final_repetitions)
    assert len(added) == runs


def test_the_sweep_holds_uniform_and_the_papers_factor_exactly_and_a_negative_control() -> None:
    assert {1.0, 2.6} < set(DECAYS)
    assert min(DECAYS) < 1
    assert len(set(DECAYS)) == len(DECAYS)
    for k in range(-1, 6):
        assert any(decay == pytest.approx(2.6 ** (k / 2), rel=1e-3) for decay in DECAYS)


def test_tuning_and_final_repetitions_share_no_seed() -> None:
    protocol = STUDY.protocol
    assert set(protocol.tuning_repetitions).isdisjoint(protocol.final_repetitions)
    for profile in STUDY.profiles.values():
        assert set(profile.tuning_repetitions) <= set(protocol.tuning_repetitions)
        crossings = {sweep.recipe.crossing for sweep in profile.sweeps}
        if crossings == {None}:
            assert set(profile.final_repetitions) <= set(protocol.final_repetitions)
        else:  # a repetition is a pair of others
            (crossing,) = crossings
            assert profile.final_repetitions == tuple(range(crossing**2))
            assert set(range(crossing)) <= set(protocol.final_repetitions)


@each_profile
def test_every_arm_gets_the_same_base_rates_and_enough_epochs_to_thaw(name: str) -> None:
    grids: dict[tuple[str, str], set[tuple[float, ...]]] = {}
    for sweep in STUDY.profiles[name].sweeps:
        if sweep.final_at != "each":  # there the rates are what is asked, nothing is chosen
            grids.setdefault((sweep.dataset.name, sweep.recipe.name), set()).add(sweep.base_rates)
        groups = sweep.recipe.size.layers + 2
        epochs = range(sweep.recipe.classifier.epochs)
        thawed = [trainable_groups(sweep.arm.unfreezing, epoch, groups) for epoch in epochs]
        assert sweep.arm.unfreezing == "last" or all(map(any, zip(*thawed, strict=True)))
    assert all(len(grid) == 1 for grid in grids.values())


def test_what_is_published_names_arms_and_datasets_of_the_study_and_rows_of_one_table() -> None:
    published = STUDY.published
    assert set(published.datasets) <= set(STUDY.datasets)
    for arm in published.arms:
        assert arm.arm is None or arm.arm in STUDY.arms
        assert set(arm.percent) == set(published.datasets)
    for contrast in published.contrasts:
        assert contrast.before in published.arms
        assert contrast.after in published.arms
        assert contrast.before.table == contrast.after.table
    assert {(arm.table, arm.name): arm.percent["trec6"] for arm in published.arms}["7", "freez + discr"] == 5.86


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda claim: claim.name)
def test_both_sides_of_a_claim_are_run_with_all_repetitions_wherever_it_is_claimed(claim: Claim) -> None:
    assert claim.places
    for dataset, recipe in claim.places:
        for side in claim.selectors:
            # Where another implementation chooses the decay, its records say which one has to be run.
            chooser = replace(side, implementation=side.chosen_with or side.implementation)
            answering = [s for s in sweeps_of(side.dataset or dataset, recipe) if answers(s, chooser)]
            assert answering, (dataset, recipe, side)


def sweeps_of(dataset: str, recipe: str) -> list[Sweep]:
    """Sweeps of one place by profiles that run all repetitions."""
    repetitions = STUDY.protocol.final_repetitions
    profiles = [profile for profile in STUDY.profiles.values() if profile.final_repetitions == repetitions]
    sweeps = [sweep for profile in profiles for sweep in profile.sweeps]
    return [sweep for sweep in sweeps if (sweep.dataset.name, sweep.recipe.name) == (dataset, recipe)]


def answers(sweep: Sweep, side: Selector) -> bool:
    """Whether a sweep runs what one side of a claim reads."""
    every_rate = side.measure == "area" or side.rate is not None
    decays = side.decay if isinstance(side.decay, tuple) else (side.decay,)
    return (
        (sweep.implementation, sweep.arm.name) == (side.implementation, side.arm)
        and set(decays) <= set(sweep.decays)
        and (sweep.final_at == "each") == every_rate
        and (not isinstance(side.rate, float) or side.rate in sweep.base_rates)
    )


def test_an_arm_whose_rate_a_side_takes_is_tuned_on_the_rates_at_which_the_side_is_run() -> None:
    sides = [(place, side) for claim in STUDY.claims for place in claim.places or () for side in claim.selectors]
    for place, side in sides:
        if isinstance(side.rate, str):
            (run,) = [sweep for sweep in sweeps_of(*place) if answers(sweep, side)]
            (chooser,) = {s.base_rates for s in sweeps_of(*place) if s.arm.name == side.rate and s.final_at == "tuned"}
            assert chooser == run.base_rates


def test_every_claim_of_superiority_can_be_held_with_the_planned_pairs() -> None:
    tests = largest_family(evaluate(STUDY.claims, (), STUDY.protocol))
    assert 0 < tests * smallest_sign_flip_p(len(STUDY.protocol.final_repetitions)) <= 0.05


def test_the_readme_tells_of_claims_that_there_are_and_not_of_all() -> None:
    assert STUDY.headlines < {claim.name for claim in STUDY.claims}


def test_an_arm_that_a_profile_has_is_selected_with_its_own_decays_and_another_takes_those_of_the_profile() -> None:
    def selected(profile: str, arm: str) -> set[tuple[str, float]]:
        selection = Selection(profile, datasets=("trec6",), arms=(arm,))
        return {(cell.arm.name, cell.arm.decay) for cell in planned(STUDY, selection, ()).cells}

    assert selected("table-7", "last") == {("last", 1.0)}
    assert selected("table-7", "freez") == {("freez", 1.0), ("freez", 2.6)}
    assert selected("agreement", "last") == {("last", decay) for decay in (1.0, 2.6, BEST_DECAYS["trec6"])}
