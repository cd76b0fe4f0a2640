from __future__ import annotations

import pytest
from report.synthetic import cell, diverged, make_record, study

from harness.claims import Protocol
from harness.report.summaries import difference_to_uniform, find, summarise, swept_arm
from harness.statistics import mean_interval

PROTOCOL = Protocol((100, 101), (0, 1, 2), 0.005)


def tuned(errors, **kwargs):
    return [
        make_record(cell(rate=rate, repetition=r, **kwargs), error=e) for rate, e in errors.items() for r in (100, 101)
    ]


def finals(errors, **kwargs):
    return [make_record(cell(repetition=n, **kwargs), error=error) for n, error in errors.items()]


def test_a_summary_states_the_mean_and_interval_of_the_final_errors():
    (summary,) = summarise(finals({0: 0.1, 1: 0.2, 2: 0.3}), PROTOCOL)
    assert summary.test_error == pytest.approx(0.2)
    assert summary.interval == mean_interval([0.1, 0.2, 0.3])
    assert (summary.missing, summary.diverged, summary.cells) == ((), 0, 3)


def test_missing_final_repetitions_are_named():
    (summary,) = summarise(finals({1: 0.2}), PROTOCOL)
    assert summary.missing == (0, 2)
    assert summary.interval is None


def test_a_diverged_run_is_counted_with_its_error():
    records = finals({0: 0.1, 1: 0.1, 2: 0.1})
    (summary,) = summarise([*records[:2], diverged(records[2])], PROTOCOL)
    assert summary.diverged == 1
    assert summary.test_error == pytest.approx((0.1 + 0.1 + 0.5) / 3)


@pytest.mark.parametrize(
    ("errors", "edge"),
    [({1e-3: 0.1, 2e-3: 0.2, 4e-3: 0.3}, True), ({1e-3: 0.2, 2e-3: 0.1, 4e-3: 0.3}, False), ({1e-3: 0.1}, False)],
)
def test_the_edge_of_the_grid_is_flagged(errors, edge):
    (summary,) = summarise(tuned(errors), PROTOCOL)
    assert summary.on_edge is edge
    assert summary.tried == tuple(errors)


@pytest.mark.parametrize(("last", "tie"), [(0.2, True), (0.3, False)])
def test_a_tie_in_validation_error_is_flagged(last, tie):
    (summary,) = summarise(tuned({1e-3: 0.3, 2e-3: 0.2, 4e-3: last, 8e-3: 0.3}), PROTOCOL)
    assert (summary.rate, summary.on_edge, summary.tied) == (2e-3, False, tie)


def test_a_family_whose_tuning_is_incomplete_is_kept_without_a_rate():
    (summary,) = summarise(tuned({0.008: 0.2})[:1], PROTOCOL)
    assert (summary.rate, summary.finals, summary.test_error, summary.cells) == (None, (), None, 1)


def test_the_difference_to_uniform_is_paired_by_repetition():
    uniform = finals({0: 0.3, 1: 0.1, 2: 0.9}, decay=1.0)
    summaries = summarise([*finals({1: 0.05, 0: 0.25}), *uniform], PROTOCOL)
    discriminative = next(s for s in summaries if s.family.decay == 2.6)
    found = difference_to_uniform(discriminative, summaries)
    assert found is not None
    assert (found.mean, found.n) == (pytest.approx(-0.05), 2)


def test_the_uniform_arm_is_not_compared_with_itself_nor_with_another_arm():
    summaries = summarise([*finals({0: 0.2}, decay=1.0, arm="full"), *finals({0: 0.1})], PROTOCOL)
    assert [difference_to_uniform(summary, summaries) for summary in summaries] == [None, None]


def test_summaries_come_in_natural_order_and_can_be_found():
    summaries = summarise(reversed(study(decays=(10.9, 2.6, 1.0))), PROTOCOL)
    assert [summary.family.decay for summary in summaries[:3]] == [1.0, 2.6, 10.9]
    assert [summary.family.implementation for summary in summaries[:6:3]] == ["torch", "fastai"]
    assert all(find(summaries, summary.family) is summary for summary in summaries)


def test_the_swept_arm_is_the_one_with_the_most_decays():
    records = [*finals({0: 0.1}, decay=1.0, arm="a"), *finals({0: 0.1}, decay=1.0), *finals({0: 0.1}, decay=2.6)]
    assert swept_arm(summarise(records, PROTOCOL)) == "full+stlr"
    assert swept_arm(()) is None
