from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.synthetic import cell, make_record

from harness import baseline_evidence, claim_history, language_model_evidence
from harness.atomic import StoreError
from harness.evidence import ConflictingResultError, EvidenceError, export, load, natural_key, places
from harness.record import to_json


def seeds(*repetitions, name="rt-1k"):
    return [make_record(cell(name, repetition=repetition)) for repetition in repetitions]


def write(folder, records, name="rt-1k"):
    (folder / f"{name}.jsonl").write_text("".join(to_json(record) + "\n" for record in records))


def test_seed_ten_comes_after_seed_two(tmp_path):
    export(seeds(10, 2, 1), tmp_path)
    assert [record.specification.repetition for record in load(tmp_path)] == [1, 2, 10]


def test_rates_and_decays_are_ordered_by_value():
    ids = [f"a/decay-{decay}/lr-{rate}" for decay in ("0.62", "2.6", "10.9") for rate in ("5e-05", "0.002", "0.01")]
    shuffled = ids[5:] + ids[:5]
    assert sorted(shuffled, key=natural_key) == ids


@settings(max_examples=20, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 300), unique=True, max_size=8), st.integers(0, 8))
def test_what_is_exported_in_two_parts_in_any_order_is_loaded_whole(tmp_path_factory, repetitions, cut):
    folder = tmp_path_factory.mktemp("evidence")
    records = seeds(*repetitions)
    export(records[cut:], folder)
    export(records[:cut], folder)
    assert set(map(to_json, load(folder))) == set(map(to_json, records))


def test_each_dataset_has_its_file(tmp_path):
    paths = export(seeds(0) + seeds(0, name="trec6"), tmp_path)
    assert [path.name for path in paths] == ["rt-1k.jsonl", "trec6.jsonl"]
    assert len(load(tmp_path)) == 2


def test_the_same_result_measured_again_leaves_the_file_untouched(tmp_path):
    (record,) = seeds(0)
    (path,) = export([record], tmp_path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    export([replace(record, finished="2030-01-01T00:00:00+00:00")], tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_record_without_probabilities_gets_those_of_the_same_result_and_keeps_its_age(tmp_path):
    (record,) = seeds(0)
    later = replace(record, finished="2030-01-01T00:00:00+00:00", probabilities="AAA=")
    for again in (record, later, record):
        export([again], tmp_path)
    assert load(tmp_path) == (replace(record, probabilities="AAA="),)
    assert "probabilities" not in to_json(record)


def test_another_result_for_a_cell_is_refused_and_changes_no_file(tmp_path):
    export(seeds(0), tmp_path)
    other = make_record(cell(), error=0.5)
    with pytest.raises(
        ConflictingResultError, match=r"rt-1k\.jsonl: .*seed-0 has another result .*0\.5000.*--overwrite"
    ):
        export([*seeds(0, name="a-first-file"), other], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["rt-1k.jsonl"]
    assert load(tmp_path)[0].result.test.error != 0.5


def test_another_result_is_accepted_when_asked_for(tmp_path):
    export(seeds(0, 1), tmp_path)
    export([make_record(cell(), error=0.5)], tmp_path, replace=True)
    assert [record.result.test.error == 0.5 for record in load(tmp_path)] == [True, False]


def test_two_results_for_a_cell_in_one_export_are_refused_even_with_replace(tmp_path):
    with pytest.raises(ConflictingResultError, match="two different results"):
        export([*seeds(0), make_record(cell(), error=0.5)], tmp_path, replace=True)


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    (path,) = export(seeds(0), tmp_path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("harness.atomic.os.fsync", fail)
    with pytest.raises(StoreError, match=r"rt-1k\.jsonl: could not be written: disk full"):
        export(seeds(1), tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_line_is_named_with_its_file_and_number(tmp_path):
    write(tmp_path, seeds(0))
    with (tmp_path / "rt-1k.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(EvidenceError, match=r"rt-1k\.jsonl:2: not a valid record"):
        load(tmp_path)


def test_bytes_that_are_no_text_are_named_with_their_file_and_what_helps(tmp_path):
    path = tmp_path / "rt-1k.jsonl"
    write(tmp_path, seeds(0, 1))
    path.write_bytes(path.read_bytes()[:40] + b"\xff" + path.read_bytes()[41:])
    for read in (load, places, lambda folder: export(seeds(2), folder)):
        with pytest.raises(
            EvidenceError, match=r"rt-1k\.jsonl: byte 41 is not UTF-8 .*; restore the file from its last"
        ):
            read(tmp_path)


@pytest.mark.parametrize("module", [baseline_evidence, claim_history, language_model_evidence])
def test_lists_of_evidence_that_are_no_text_are_named_too(tmp_path, module):
    path = tmp_path / module.FILE
    path.write_bytes(b"[\n\x80]")
    with pytest.raises(EvidenceError, match=r"json: byte 3 is not UTF-8 .*; restore the file from its last commit"):
        module.read(path)


def test_a_cell_that_occurs_twice_is_refused(tmp_path):
    write(tmp_path, seeds(0, 0))
    with pytest.raises(EvidenceError, match=r":2: .*seed-0 occurs twice"):
        load(tmp_path)


def test_an_unsorted_file_is_refused(tmp_path):
    write(tmp_path, seeds(10, 2))
    with pytest.raises(EvidenceError, match=r":2: .*seed-2 is out of order"):
        load(tmp_path)


def test_a_record_in_the_file_of_another_dataset_is_refused(tmp_path):
    write(tmp_path, seeds(0), name="trec6")
    with pytest.raises(EvidenceError, match=r"belongs in rt-1k\.jsonl"):
        load(tmp_path)


def test_a_cell_that_is_not_its_specification_is_refused_on_both_ways(tmp_path):
    (record,) = seeds(0)
    wrong = replace(record, cell=record.cell.replace("seed-0", "seed-1"))
    with pytest.raises(EvidenceError, match=r"called .*seed-1, but its specification is .*seed-0"):
        export([wrong], tmp_path / "out")
    write(tmp_path, [wrong])
    with pytest.raises(EvidenceError, match=r"rt-1k\.jsonl:1: called"):
        load(tmp_path)


def test_a_folder_that_does_not_exist_is_an_error_and_an_empty_one_is_not(tmp_path):
    assert load(tmp_path) == ()
    with pytest.raises(EvidenceError, match="no such folder"):
        load(tmp_path / "nowhere")
