from __future__ import annotations

import math
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.schedules import factors
from harness.specification import Schedule

SETTINGS = settings(derandomize=True, deadline=None, max_examples=100)
SCHEDULES: tuple[Schedule, ...] = ("stlr", "constant", "cosine", "one-cycle")


def papers_rate(step: int, total: int) -> float:
    """η_t / η_max as printed in version 5 of the paper, with its floor and nothing else."""
    cut_fraction, ratio = 0.1, 32
    cut = math.floor(total * cut_fraction)
    p = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_fraction - 1))
    return (1 + p * (ratio - 1)) / ratio


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 1 / 32),
        (50, (1 + 0.5 * 31) / 32),
        (100, 1.0),
        (550, (1 + 0.5 * 31) / 32),
        (991, (1 + 0.01 * 31) / 32),
        (999, (1 + 31 / 900) / 32),
    ],
)
def test_stlr_over_1000_steps_has_the_values_of_the_papers_equation(step: int, expected: float) -> None:
    assert factors("stlr", step, 1000).rate == pytest.approx(expected, rel=1e-12)


def test_stlr_stays_between_its_floor_and_one_and_reaches_one_in_runs_of_any_length() -> None:
    for total in range(1, 201):
        rates = [factors("stlr", step, total).rate for step in range(total)]
        assert all(1 / 32 <= rate <= 1 for rate in rates), total
        assert total == 1 or max(rates) == 1, total


def test_the_papers_own_formula_goes_negative_in_a_run_of_15_steps_and_ours_does_not() -> None:
    assert papers_rate(14, 15) == pytest.approx(-0.3993, abs=1e-4)
    assert factors("stlr", 14, 15).rate == 1 / 32


@SETTINGS
@given(st.integers(10, 2000), st.floats(0, 1, exclude_max=True))
def test_stlr_is_the_papers_formula_wherever_that_is_not_below_its_floor(total: int, position: float) -> None:
    step = int(position * total)
    assert factors("stlr", step, total).rate == pytest.approx(max(1 / 32, papers_rate(step, total)), rel=1e-12)


@pytest.mark.parametrize("total", [4, 7, 40, 101])
def test_one_cycle_follows_the_curves_of_fastai(total: int) -> None:
    from fastai.callback.schedule import combined_cos  # noqa: PLC0415  (takes seconds)

    rate, momentum = combined_cos(0.25, 1 / 25, 1.0, 1 / 1e5), combined_cos(0.25, 0.8, 0.7, 0.8)
    for step in range(total):
        found = factors("one-cycle", step, total)
        assert found.rate == pytest.approx(rate(step / total), abs=2e-6)  # fastai computes in float32
        assert found.beta1 == pytest.approx(momentum(step / total), abs=2e-6)


def test_cosine_falls_from_one_to_almost_nothing_through_a_half() -> None:
    rates = [factors("cosine", step, 100).rate for step in range(100)]
    assert rates[0] == 1
    assert rates[50] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(math.sin(math.pi / 200) ** 2)
    assert rates == sorted(rates, reverse=True)


def test_constant_is_one_at_every_step() -> None:
    assert {factors("constant", step, 9).rate for step in range(9)} == {1.0}


def test_only_one_cycle_prescribes_the_momentum() -> None:
    assert [factors(name, 3, 9).beta1 is None for name in SCHEDULES] == [True, True, True, False]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("step", "total"), [(-1, 10), (10, 10), (0, 0)])
def test_a_step_outside_the_run_is_refused(schedule: Schedule, step: int, total: int) -> None:
    with pytest.raises(ValueError, match=f"step {step} is outside 0 … {total - 1}"):
        factors(schedule, step, total)


def test_an_unknown_schedule_is_named() -> None:
    with pytest.raises(ValueError, match="unknown schedule 'triangle'"):
        factors(cast(Schedule, "triangle"), 0, 10)
