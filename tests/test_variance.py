"""Variance components of crossed repetitions: known answers, made-up spreads found again, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report.synthetic import RECIPE, cell, make_record

from harness.claims import Protocol
from harness.report.summaries import summarise
from harness.report.variance import spreads, variance_numbers, variance_table
from harness.sides import gather
from harness.variance import components, crossed_errors

PROTOCOL = Protocol(tuning_repetitions=(100, 101), final_repetitions=tuple(range(4)), margin=0.005)
CROSSED = replace(RECIPE, name="crossed", crossing=3)


def crossed(errors, **of_cell):
    cells = [replace(cell(repetition=n, **of_cell), recipe=CROSSED) for n in range(len(errors))]
    return [make_record(one, error=error) for one, error in zip(cells, errors, strict=True)]


def test_rows_alone_are_the_initialisation_and_columns_alone_the_order():
    rows = components(np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [4.0, 4.0, 4.0]]))
    assert rows.initialisation == pytest.approx(7 / 3)  # the variance of 1, 2, 4
    assert (rows.order, rows.residual, rows.p_initialisation, rows.p_order) == (0, 0, 0, 1)
    columns = components(np.array([[1.0, 2.0, 4.0]] * 3))
    assert (columns.initialisation, columns.order) == (0, pytest.approx(7 / 3))
    equal = components(np.full((3, 3), 0.1 + 0.2))
    assert (equal.p_initialisation, equal.p_order) == (1, 1)


def test_a_table_worked_by_hand():
    # Rows have means 2 and 4, columns 2 and 4, residuals ±1: mean squares 4, 4 and 4.
    found = components(np.array([[0.0, 4.0], [4.0, 4.0]]))
    assert found.residual == pytest.approx(4)
    assert (found.initialisation, found.order, found.total) == (0, 0, pytest.approx(4))
    assert found.p_order == pytest.approx(0.5)


def test_spreads_that_were_put_in_are_found_on_average():
    generator = np.random.default_rng(0)
    found = []
    for _ in range(400):
        rows, columns = generator.normal(0, 2, (6, 1)), generator.normal(0, 1, (1, 6))
        found.append(components(rows + columns + generator.normal(0, 0.5, (6, 6))))
    assert np.mean([one.initialisation for one in found]) == pytest.approx(4, rel=0.12)
    assert np.mean([one.order for one in found]) == pytest.approx(1, rel=0.12)
    assert np.mean([one.residual for one in found]) == pytest.approx(0.25, rel=0.12)
    assert np.mean([one.total for one in found]) == pytest.approx(5.25, rel=0.12)


def test_without_a_source_its_p_value_is_small_as_seldom_as_it_should_be():
    generator = np.random.default_rng(1)
    small = [components(generator.normal(size=(5, 5))).p_order <= 0.05 for _ in range(1000)]
    assert np.mean(small) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("errors", [np.zeros(4), np.zeros((1, 4)), np.zeros((4, 1)), np.array([[1, 2], [3, np.nan]])])
def test_what_is_not_crossed_or_not_finite_is_an_error(errors):
    with pytest.raises(ValueError, match=r"expected two|finite"):
        components(errors)


def test_crossed_repetitions_are_rows_of_initialisations_and_wait_until_all_are_there():
    records = crossed(np.arange(9) / 100)
    ((_, errors),) = crossed_errors(records).items()
    np.testing.assert_allclose(errors, (np.arange(9) / 100).reshape(3, 3))
    assert crossed_errors(records[:-1]) == {}
    with pytest.raises(ValueError, match=r"seed-0: two records"):
        crossed_errors([*records, records[0]])


def test_crossed_repetitions_are_no_repetitions_of_a_claim_or_a_summary():
    records = crossed([0.2] * 9)
    assert summarise(records, PROTOCOL) == ()
    assert gather(records, PROTOCOL).finals == {}


def test_the_table_sets_them_beside_the_ordinary_repetitions_of_the_same_cell():
    ordinary = [make_record(cell(repetition=n), error=error) for n, error in enumerate([0.20, 0.21, 0.22, 0.23])]
    other = [make_record(cell(repetition=n, decay=1.0), error=0.1 * n) for n in range(4)]
    summaries = summarise([*ordinary, *other], PROTOCOL)
    (spread,) = spreads([*crossed([0.2, 0.2, 0.2, 0.22, 0.22, 0.22, 0.24, 0.24, 0.24]), *ordinary], summaries)
    assert spread.all_seeds == pytest.approx(np.std([0.20, 0.21, 0.22, 0.23], ddof=1))
    (row,) = variance_table([spread], {}).rows
    assert row[-7:] == ("2.00", "<0.001", "0.00", "1.000", "0.00", "2.00", "1.29")
    assert variance_numbers([spread]) == {"variance/rows": 1, "variance/sources": 2, "variance/shown": 1}
