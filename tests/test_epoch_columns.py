from __future__ import annotations

import json
from dataclasses import replace

import pytest
from report.synthetic import cell, make_record

from harness.epoch_columns import from_columns, to_columns
from harness.evidence import EvidenceError, export, load
from harness.record import Epoch

RECORD = make_record(cell(decay=2.6, repetition=0))


def with_epochs(*epochs):
    return replace(RECORD, result=replace(RECORD.result, epochs=epochs))


def test_evidence_names_what_an_epoch_has_once_and_reads_the_same_record(tmp_path):
    last = RECORD.result.validation.error
    record = with_epochs(
        Epoch(0, 1.6e-05, None, 0.5), Epoch(1, None, 0.1, last), Epoch(2, 0.30000000000000004, 1.0, last)
    )
    (path,) = export([record], tmp_path)
    written = json.loads(path.read_text().splitlines()[-1])
    assert written["result"]["epochs"] == {
        "training_loss": [1.6e-05, None, 0.30000000000000004],
        "validation_loss": [None, 0.1, 1.0],
        "validation_error": [0.5, last, last],
    }
    assert load(tmp_path) == (record,)


def test_every_digit_is_kept_however_it_is_written():
    line = (
        '{"epochs":[{"epoch":0,"training_loss":0.0000100,"validation_loss":1E-5,"validation_error":0.50},'
        '{"epoch":1,"training_loss":null,"validation_loss":-0.0,"validation_error":1}],"rates":{}}'
    )
    columns = (
        '{"epochs":{"training_loss":[0.0000100,null],"validation_loss":[1E-5,-0.0],"validation_error":[0.50,1]},'
        '"rates":{}}'
    )
    assert to_columns(line) == columns
    assert from_columns(columns) == line


@pytest.mark.parametrize("numbers", [(1,), (0, 2), (1, 0)])
def test_epochs_that_are_not_numbered_from_0_stay_as_they_are(tmp_path, numbers):
    record = with_epochs(*(Epoch(number, 0.1, 0.2, RECORD.result.validation.error) for number in numbers))
    export([record], tmp_path)
    assert load(tmp_path) == (record,)


def test_a_column_that_lacks_a_number_is_refused_by_file_line_and_place(tmp_path):
    last = RECORD.result.validation.error
    (path,) = export([with_epochs(Epoch(0, 0.25, 0.5, last), Epoch(1, 0.125, 0.5, last))], tmp_path)
    number = len(path.read_text().splitlines())
    path.write_text(path.read_text().replace("[0.25,0.125]", "[0.25]"))
    with pytest.raises(
        EvidenceError, match=rf"rt-1k\.jsonl:{number}: not a valid record: result\.epochs: .* restore the"
    ):
        load(tmp_path)
