from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from sample_record import a_record

from harness.rates import discriminative_rates
from harness.record import RealisedRates, Record
from harness.regression import Finding, check_canaries, reproduction_lines
from harness.reproduction import compare

GROUPS = ("embedding", "lstm-1", "lstm-2", "lstm-3", "head")
ERRORS = (0.20, 0.21, 0.22, 0.20, 0.22)
ITEMS = 1000


def rates(base_rate: float = 0.008, decay: float = 2.6) -> RealisedRates:
    """What an optimizer with these settings leaves behind; two traced steps, at the peak and at half of it."""
    peaks = discriminative_rates(len(GROUPS), base_rate, decay)
    return RealisedRates(GROUPS, 2, peaks, ((0.0, *peaks), (1.0, *(peak / 2 for peak in peaks))), 0.0)


def a_canary(repetition: int = 0, error: float = 0.2, realised: RealisedRates | None = None) -> Record:
    record = a_record(repetition)
    test = replace(record.result.test, items=ITEMS, error=error)
    return replace(record, result=replace(record.result, test=test, rates=realised or rates()))


COMMITTED = [a_canary(repetition, error) for repetition, error in enumerate(ERRORS)]


def judged(fresh: Record, committed: list[Record] = COMMITTED) -> Finding:
    (finding,) = check_canaries([fresh], committed)
    return finding


def test_the_committed_result_passes() -> None:
    finding = judged(a_canary(0, 0.20))
    assert finding.passed
    assert finding.line.startswith("ok   toy/mini/torch/freez+stlr/decay-2.6/lr-0.008/seed-0: identical, error 0.2000")


def test_an_error_that_another_seed_could_have_passes() -> None:
    finding = judged(a_canary(0, 0.23))
    assert finding.passed
    assert "reproduced" in finding.line


@pytest.mark.parametrize("error", [0.5, 0.1])
def test_an_error_outside_the_band_fails_on_either_side(error: float) -> None:
    finding = judged(a_canary(0, error))
    assert not finding.passed
    assert finding.line.startswith("FAIL")
    assert f"drifted, error {error:.4f}, band 0.1" in finding.line


@pytest.mark.parametrize(
    "broken",
    [rates(decay=1.0), rates(base_rate=0.004), rates(base_rate=0.008 * 2.6), rates(base_rate=0.008 * (1 + 1e-6))],
    ids=["flattened decay", "halved rate", "top layer decayed too", "one part in a million"],
)
def test_other_rates_fail_even_where_the_error_is_the_same(broken: RealisedRates) -> None:
    finding = judged(a_canary(0, 0.20, broken))
    assert not finding.passed
    assert "the classifier's optimizer used other rates (peaks" in finding.line


@pytest.mark.parametrize("part", ["corpus", "vocabulary"])
def test_other_texts_or_tokens_fail_even_where_the_error_is_the_same(part: str) -> None:
    fresh = a_canary(0, 0.20)
    finding = judged(replace(fresh, inputs=replace(fresh.inputs, **{part: "f" * 64})))  # type: ignore[arg-type]
    assert not finding.passed
    assert f": not the {part} of the committed cell; error 0.2000" in finding.line


def test_other_seeds_fail_even_where_the_error_is_the_same() -> None:
    fresh = a_canary(0, 0.20)
    seeds = {name: seed + 1 for name, seed in fresh.inputs.seeds.items()}
    assert ": not the seeds of the" in judged(replace(fresh, inputs=replace(fresh.inputs, seeds=seeds))).line


def test_a_flattened_trace_under_the_committed_peaks_fails() -> None:
    flattened = replace(rates(), trace=(rates().trace[0], (1.0, *[0.004] * 5)))
    assert not judged(a_canary(0, 0.20, flattened)).passed


@pytest.mark.parametrize(
    "broken",
    [
        replace(rates(), steps=3),
        replace(rates(), trace=rates().trace[:1]),
        replace(rates(), groups=("lstm-1", "embedding", *GROUPS[2:])),
    ],
    ids=["steps", "trace", "groups"],
)
def test_another_number_of_steps_or_order_of_groups_fails(broken: RealisedRates) -> None:
    assert not judged(a_canary(0, 0.20, broken)).passed


def test_a_canary_whose_recipe_changed_fails_even_where_the_error_is_the_same() -> None:
    fresh = a_canary(0, 0.20)
    recipe = fresh.specification.recipe
    dropouts = replace(recipe.target.dropouts, weight=0.0)
    changed = replace(recipe, target=replace(recipe.target, dropouts=dropouts))
    finding = judged(replace(fresh, specification=replace(fresh.specification, recipe=changed)))
    assert not finding.passed
    assert "declared otherwise" in finding.line


def test_other_rates_of_the_language_model_fail() -> None:
    fresh = a_canary(0, 0.20)
    finding = judged(replace(fresh, inputs=replace(fresh.inputs, language_model_rates=rates(decay=1.0))))
    assert not finding.passed
    assert "language model's optimizer used other rates" in finding.line


def test_rates_that_differ_by_rounding_alone_pass() -> None:
    assert judged(a_canary(0, 0.20, rates(base_rate=0.008 * (1 + 1e-12)))).passed


@pytest.mark.parametrize("committed", [[], COMMITTED[1:], COMMITTED[:1]], ids=["none", "other seeds", "one seed"])
def test_a_canary_with_too_little_committed_evidence_fails_with_the_remedy(committed: list[Record]) -> None:
    finding = judged(a_canary(), committed)
    assert not finding.passed
    assert "too few committed records to judge by; run and export it" in finding.line


def test_every_canary_is_judged_and_one_failure_does_not_hide_the_others() -> None:
    found = check_canaries([a_canary(0, 0.20), a_canary(1, 0.9), a_canary(2, 0.22)], COMMITTED)
    assert [finding.passed for finding in found] == [True, False, True]


def test_the_summary_counts_each_outcome() -> None:
    comparisons = compare([a_canary(0, 0.20), a_canary(1, 0.21), a_canary(2, 0.9)], COMMITTED)
    assert Counter(one.agreement for one in comparisons) == {"identical": 2, "drifted": 1}
    *cells, total = reproduction_lines(comparisons)
    assert total == "3 cells: 2 identical, 1 drifted"
    assert [line.split()[0] for line in cells] == ["identical", "identical", "drifted"]
    assert "error 90.00 %, committed 22.00 %, band" in cells[2]
