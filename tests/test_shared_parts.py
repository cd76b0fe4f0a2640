from __future__ import annotations

import json
from dataclasses import replace

import pytest
from report.synthetic import cell, make_record

from harness.evidence import EvidenceError, export, load, places

RECORDS = [make_record(cell(decay=decay, repetition=seed)) for decay in (1.0, 2.6) for seed in (0, 1)]


def lines(path):
    return path.read_text().splitlines()


def of_kind(path, key):
    return [json.loads(line) for line in lines(path) if key in json.loads(line)]


def test_what_records_share_is_written_once_and_read_back(tmp_path):
    (path,) = export(RECORDS, tmp_path)
    assert load(tmp_path) == tuple(RECORDS)
    written = of_kind(path, "cell")
    assert len({json.dumps(record["specification"]["recipe"]) for record in written}) == 1
    assert len({json.dumps(record["specification"]["arm"]) for record in written}) == 2
    values = [json.dumps(part["value"]) for part in of_kind(path, "part")]
    assert len(set(values)) == len(values)
    assert sum("max_vocabulary" in value for value in values) == 1
    assert "max_vocabulary" not in "".join(map(json.dumps, written))


def test_a_record_is_found_at_its_line_below_the_parts(tmp_path):
    (path,) = export(RECORDS, tmp_path)
    found = places(tmp_path)
    assert list(found) == [record.cell for record in load(tmp_path)]
    for name, place in found.items():
        assert json.loads(lines(path)[place.line - 1])["cell"] == name


@pytest.mark.parametrize("text", ['{"part":"0123456789ab"}', '"environment":null', '"result":{"rates":1}'])
def test_a_text_that_looks_like_a_part_or_its_place_is_kept(tmp_path, text):
    record = RECORDS[0]
    inputs = replace(record.inputs, corpus=text, dropped={text: 1})
    record = replace(record, inputs=inputs, result=replace(record.result, displacement={text: 1.0}), finished=text)
    export([record], tmp_path)
    assert load(tmp_path) == (record,)


def test_a_part_that_was_changed_is_refused_by_file_and_line(tmp_path):
    (path,) = export(RECORDS, tmp_path)
    number = next(number for number, line in enumerate(lines(path), start=1) if '"max_vocabulary":8000' in line)
    path.write_text(path.read_text().replace('"max_vocabulary":8000', '"max_vocabulary":9000'))
    with pytest.raises(EvidenceError, match=rf"rt-1k\.jsonl:{number}: the value of part .* restore the file"):
        load(tmp_path)


def test_a_part_that_is_missing_is_named_at_the_record_that_needs_it(tmp_path):
    (path,) = export(RECORDS, tmp_path)
    kept = [line for line in lines(path) if "max_vocabulary" not in line]
    first = next(number for number, line in enumerate(kept, start=1) if "cell" in json.loads(line))
    path.write_text("\n".join(kept) + "\n")
    with pytest.raises(EvidenceError, match=rf"rt-1k\.jsonl:{first}: refers to part [0-9a-f]{{12}}, which no line"):
        load(tmp_path)
