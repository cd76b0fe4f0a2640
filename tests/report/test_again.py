"""Cells that were measured twice are paired with the committed ones, never with others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report.synthetic import cell, make_record

from harness.claims import Protocol
from harness.evidence import AGAIN, EvidenceError, export, load_again
from harness.report.again import again_numbers, again_table, paired_with_committed, precision_numbers
from harness.report.again import repeated_cells as compare
from harness.report.again_contrasts import contrast_again_numbers, contrasts_again, contrasts_again_table

MARGIN = 0.005
PROTOCOL = Protocol((100, 101), (0, 1, 2, 3), MARGIN)


def repeated_cells(again, committed, margin):
    return compare(paired_with_committed(again, committed), margin)


def finals(errors, precision="bfloat16", **of_cell):
    records = [make_record(cell(repetition=n, **of_cell), error=error) for n, error in enumerate(errors)]
    return [replace(record, environment=replace(record.environment, precision=precision)) for record in records]


def repeats(errors, precision="bfloat16", **of_cell):
    return [replace(record, finished="2031-01-01T00:00:00+00:00") for record in finals(errors, precision, **of_cell)]


def test_each_family_is_compared_with_its_own_committed_cells():
    committed = [*finals([0.20, 0.22, 0.24, 0.26]), *finals([0.5, 0.5], decay=1.0)]
    repeated = repeats([0.201, 0.219, 0.24, 0.261], precision="float32")
    (row,) = repeated_cells({"float32": repeated}, committed, MARGIN)
    assert (row.pairs, row.condition.cell.arm.decay) == (4, 2.6)
    assert row.mean == pytest.approx(0.00025)
    assert row.largest == pytest.approx(0.001)
    assert row.p < 0.05
    (shown,) = again_table([row], {}, MARGIN).rows
    assert any("float32" in text for text in shown)
    assert any("bfloat16" in text for text in shown)


def test_identical_cells_are_counted():
    committed = finals([0.20, 0.22, 0.24])
    repeated = [*repeats([0.20, 0.22]), *repeats([0.2, 0.2, 0.3])[2:]]
    (row,) = repeated_cells({"again": repeated}, committed, MARGIN)
    assert (row.pairs, row.identical) == (3, 2)


def test_what_moved_most_and_what_is_within_the_margin_is_told_of_all_conditions():
    committed = [*finals([0.20, 0.22, 0.24, 0.26]), *finals([0.5, 0.5, 0.5], decay=1.0)]
    repeated = [*repeats([0.201, 0.219, 0.24, 0.261]), *repeats([0.52, 0.46, 0.47], decay=1.0)]
    assert again_numbers(repeated_cells({"again": repeated}, committed, MARGIN)) == {
        "again/cells": 7,
        "again/conditions": 2,
        "again/same-code": 2,
        "again/within": 1,
        "again/largest-mean": "1.67",
        "again/largest": "4.00",
    }
    assert again_numbers(())["again/largest"] == "–"


def test_the_mean_over_precisions_counts_each_repetition_of_a_data_set_once():
    committed = [
        *finals([0.20, 0.22, 0.24]),
        *finals([0.5, 0.5], "float32", decay=1.0),
        *finals([0.3], rate=0.016),
        *finals([0.10], name="trec6"),
    ]
    first = [*repeats([0.21, 0.23], "float32"), *repeats([0.51], decay=1.0)]
    second = [
        *repeats([0.23, 0.25], "float32"),
        *repeats([0.9], rate=0.016),
        *repeats([0.1], "float32", name="trec6"),
    ]
    found = precision_numbers(paired_with_committed({"first": first, "second": second}, committed), MARGIN)
    # Of repetition 0 the cells at decays 2.6 and 1 changed by 2 and by -1 points, of 1 the one by 2, of TREC-6 none.
    assert found == {
        "again/precisions/cells": 4,
        "again/precisions/pairs": 3,
        "again/precisions/datasets": 2,
        "again/precisions/difference": "+0.83",
        "again/precisions/interval": "[−0.92, +2.59]",
        "again/precisions/within": "not shown to be within the margin",
    }


def test_a_mean_over_precisions_within_the_margin_is_said_to_be():
    close = {"a": repeats([0.201, 0.219, 0.24], "float32")}
    found = precision_numbers(paired_with_committed(close, finals([0.2, 0.22, 0.24])), MARGIN)
    assert found["again/precisions/within"] == "shown to be within the margin"
    one = paired_with_committed({"a": repeats([0.2], "float32")}, finals([0.2]))
    assert precision_numbers(one, MARGIN)["again/precisions/cells"] == 0


def test_what_26_changes_is_compared_over_the_final_repetitions_that_were_measured_again():
    left, right = {"rate": 0.016}, {"decay": 1.0, "rate": 0.004}
    committed = [*finals([0.20, 0.22, 0.25, 0.1], **left), *finals([0.21, 0.24, 0.26, 0.9], **right)]
    committed += [make_record(cell(repetition=100, decay=decay, rate=0.002)) for decay in (1.0, 2.6)]
    tuning = [replace(record, finished="2031-01-01T00:00:00+00:00") for record in committed[-2:]]
    worse = [*repeats([0.20, 0.21, 0.24], "float32", **left), *repeats([0.20, 0.24, 0.26, 0.9], "float32", **right)]
    same = [*repeats([0.2, 0.22, 0.25, 0.1], **left), *repeats([0.21, 0.24, 0.26, 0.9], **right)]
    turned = [*repeats([0.4, 0.4], **left), *repeats([0.2, 0.2], **right)]
    again = {"worse": worse, "turned": turned, "same": [*same, *tuning], "one side": repeats([0.1], **left)}
    found = contrasts_again(paired_with_committed(again, committed), PROTOCOL)
    assert [(one.name, one.rates, one.again.n) for one in found] == [
        ("same", (0.004, 0.016), 4),
        ("turned", (0.004, 0.016), 2),
        ("worse", (0.004, 0.016), 3),
    ]
    one = found[-1]
    assert one.family.decay == 2.6
    assert one.committed.mean == pytest.approx(-0.04 / 3)
    assert one.again.mean == pytest.approx(-0.05 / 3)
    assert one.change == pytest.approx(-0.01 / 3)
    counts = contrast_again_numbers(found)
    assert (counts["again/contrasts"], counts["again/contrasts/same-sign"], counts["again/contrasts/within"]) == (
        3,
        2,
        1,
    )
    shown = contrasts_again_table(found, {}, MARGIN).rows[-1]
    assert "−0.33 [−2.28, +1.61]" in shown[-2]
    assert "0.004 / 0.016" in shown
    assert contrast_again_numbers(())["again/contrasts/within"] == "–"


def test_one_pair_says_nothing_of_the_margin():
    (row,) = repeated_cells({"again": repeats([0.2])}, finals([0.2]), MARGIN)
    assert row.p is None


def test_other_rates_machines_and_code_are_rows_of_their_own():
    committed = [*finals([0.2, 0.3]), *finals([0.4, 0.5], rate=0.016)]
    first, second = repeats([0.2, 0.3])
    second = replace(second, environment=replace(second.environment, processor="another"))
    third, fourth = repeats([0.4, 0.5], rate=0.016)
    fourth = replace(fourth, inputs=replace(fourth.inputs, source="other"))
    rows = repeated_cells({"again": [first, second, third, fourth]}, committed, MARGIN)
    assert [row.pairs for row in rows] == [1, 1, 1, 1]
    assert [row.condition.same_code for row in rows] == [True, True, True, False]
    assert ["another" in row.condition.where[1] for row in rows] == [False, True, False, False]


def test_a_cell_that_is_not_committed_as_it_is_declared_is_an_error():
    with pytest.raises(EvidenceError, match=r"seed-1 is not a committed cell"):
        repeated_cells({"again": repeats([0.2, 0.3])}, finals([0.2]), MARGIN)
    (record,) = finals([0.2])
    other = replace(record.specification, recipe=replace(record.specification.recipe, direction="backward"))
    with pytest.raises(EvidenceError, match=r"seed-0 is not a committed cell"):
        repeated_cells({"again": [replace(record, specification=other)]}, [record], MARGIN)


def test_a_committed_record_is_not_set_beside_itself():
    committed = finals([0.2, 0.3])
    with pytest.raises(EvidenceError, match=r"again/copied: .*seed-1 is the committed record itself; take it out"):
        repeated_cells({"copied": [*repeats([0.2]), committed[1]]}, committed, MARGIN)


def test_each_folder_is_a_set_and_none_are_none(tmp_path):
    assert load_again(tmp_path) == {}
    export(finals([0.2]), tmp_path / AGAIN / "float32")
    assert {name: len(records) for name, records in load_again(tmp_path).items()} == {"float32": 1}
