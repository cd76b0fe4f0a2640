"""How often verdicts are wrong that compare areas, or decays which the records choose by how far a layer moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report.synthetic import GROUPS, cell, make_record
from simulation import RUNS, most_wrong, quick_generator

from harness.claims import Claim, Protocol, Selector
from harness.record import Record
from harness.verdicts import evaluate

PROTOCOL = Protocol(tuning_repetitions=(100,), final_repetitions=tuple(range(10)), margin=0.005)
RATES = (0.004, 0.008, 0.016, 0.032)
DECAYS = (0.62, 1.0, 2.6, 4.192, 6.76)
SIDE = Selector("torch", "full+stlr", 2.6)
AREA = replace(SIDE, measure="area")
WIDER = Claim("a", "The range is wider.", "superior", AREA, replace(AREA, decay=1.0), PROTOCOL.margin)
LEAST, MOST = (replace(SIDE, decay=DECAYS, chosen_by=f"{which} movement") for which in ("least", "most"))
MOVES = Claim("m", "The least moved is better.", "superior", LEAST, MOST, PROTOCOL.margin)


def outcome(claim: Claim, records: list[Record]) -> str:
    (verdict,) = evaluate([claim], records, PROTOCOL)
    return verdict.outcome


def at_all_rates(decay: float, errors: np.ndarray) -> list[Record]:
    """Tuning and final records from errors of shape (repetitions, rates)."""
    tuning = [make_record(cell(decay=decay, rate=rate, repetition=100), error=0.3) for rate in RATES]
    return tuning + [
        make_record(cell(decay=decay, rate=rate, repetition=n), error=error)
        for n, row in enumerate(errors)
        for rate, error in zip(RATES, row, strict=True)
    ]


@pytest.mark.parametrize(("truth", "wrong", "right"), [(0.0, "held", "failed"), (-0.005, "failed", "held")])
def test_a_verdict_on_areas_is_wrong_at_most_one_time_in_twenty(monkeypatch, truth, wrong, right):
    """Errors rise with the rate, share what a repetition brings, and vary more where they are high."""
    generator = quick_generator(monkeypatch)
    curve = np.array([0.25, 0.27, 0.33, 0.45])
    found = []
    for _ in range(RUNS):
        shared = generator.normal(0, 0.02, (10, 1))
        uniform, lower = (shared + generator.normal(0, 0.1 * (curve - 0.2), (10, 4)) for _ in range(2))
        found.append(outcome(WIDER, at_all_rates(1.0, curve + uniform) + at_all_rates(2.6, curve + truth + lower)))
    assert found.count(wrong) <= most_wrong(wrong)
    assert found.count(right) > 0


@pytest.mark.parametrize(("truth", "wrong", "right"), [(0.0, "held", "failed"), (-0.005, "failed", "held")])
def test_a_verdict_on_decays_chosen_by_movement_is_wrong_at_most_one_time_in_twenty(monkeypatch, truth, wrong, right):
    """In a run that moves further than its decay does on average the error is higher: movement and error share noise.

    The decays differ in movement by more than that noise, as measured ones do. Were they alike, to choose by movement
    would be to choose by error, and verdicts would be wrong more often.
    """
    generator = quick_generator(monkeypatch)
    means = np.linspace(0.2, 0.6, len(DECAYS))[:, None]
    found = []
    for _ in range(RUNS):
        noise = generator.normal(0, 0.006, (len(DECAYS), 10))
        errors = 0.3 + noise
        errors[0] += truth
        found.append(outcome(MOVES, moved(means + 5 * noise, errors)))
    assert found.count(wrong) <= most_wrong(wrong)
    assert found.count(right) > 0


def moved(moves: np.ndarray, errors: np.ndarray) -> list[Record]:
    """Final records from movements of the lowest layer and errors, both of shape (decays, repetitions)."""
    records = []
    for decay, distances, row in zip(DECAYS, moves, errors, strict=True):
        for n, (distance, error) in enumerate(zip(distances, row, strict=True)):
            record = make_record(cell(decay=decay, repetition=n), error=error)
            displacement = dict.fromkeys(GROUPS, 0.6) | {GROUPS[0]: float(distance)}
            records.append(replace(record, result=replace(record.result, displacement=displacement)))
    return records
