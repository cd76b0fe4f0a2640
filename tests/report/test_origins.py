from __future__ import annotations

import html
import json
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from report.synthetic import study

from harness import evidence
from harness.campaign import Selection, planned
from harness.evidence import Place
from harness.report.origins import address, commands
from harness.report.page import render
from harness.report_inputs import report_inputs
from harness.specification import cell_id
from study.__main__ import STUDY

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = evidence.load(ROOT / "results")
RECORDS = study(("rt-1k",), finals=2)


@dataclass(frozen=True)
class Row:
    cell: str
    command: str
    address: str
    shown: str


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    inputs = report_inputs(STUDY, COMMITTED, (), ROOT / "results")
    return render(inputs, tmp_path_factory.mktemp("origins") / "report")


@pytest.fixture(scope="module")
def rows(page):
    """The rows of the table of all cells: the only ones with a link."""
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        if link := re.search(r'<a href="([^"]*)">([^<]*)</a>', row):
            cell, command = re.search(r"<code>(.*?)</code></summary><code [^>]*>(.*?)</code>", row).groups()
            found.append(Row(cell, html.unescape(command), *link.groups()))
    return found


def test_every_committed_record_has_a_row(rows):
    assert sorted(row.cell for row in rows) == sorted(record.cell for record in COMMITTED)


def test_the_command_of_a_row_names_a_profile_whose_plan_has_the_cell(rows):
    plans = {name: planned(STUDY, Selection(name), COMMITTED).cells for name in STUDY.profiles}
    ids = {name: set(map(cell_id, cells)) for name, cells in plans.items()}
    for row in rows:
        *_, command = row.command.split(" && ")
        program, *arguments = shlex.split(command)
        assert (program, arguments[:3]) == (".nox/shared/bin/python", ["-m", "study", "run"])
        options = dict(zip(arguments[3::2], arguments[4::2], strict=True))
        assert options["--cell"] == row.cell
        assert row.cell in ids[options["--profile"]]


def test_link_and_line_point_to_the_record_of_the_cell(rows, page):
    for row in rows:
        path = (page.parent / row.address).resolve()
        name, _, line = row.shown.rpartition(":")
        assert path == ROOT / name
        assert json.loads(path.read_text(encoding="utf-8").split("\n")[int(line) - 1])["cell"] == row.cell


def test_a_cell_runs_again_on_the_hardware_of_its_record():
    hardware = (("cpu", "float32"), ("cuda:1: A card, CUDA 13.0, cuDNN 92000", "float32"), ("cuda: A card", "bfloat16"))
    records = [
        replace(record, environment=replace(record.environment, device=device, precision=precision))
        for record, (device, precision) in zip(RECORDS, hardware, strict=False)
    ]
    found = commands({record.cell: "full" for record in records}, records)
    ends = [found[record.cell].partition(record.cell)[2] for record in records]
    assert ends == ["", " --device cuda:1", " --device cuda --precision bfloat16"]


def test_a_model_that_does_not_ship_is_trained_before_its_cell_runs(rows):
    for row in rows:
        recipe = row.cell.split("/")[1]
        before = [part.split()[-2:] for part in row.command.split(" && ")[:-1]]
        part = recipe.removeprefix("compact-")
        model = [["pretrain", f"wikipedia-forward-{part}"]] if part in ("sixteenth", "quarter") else []
        assert before == model
        assert all((ROOT / f"study/models/{name}.json").exists() for _, name in before)


def test_a_file_is_addressed_relative_to_the_page():
    assert address(Place(Path("a b/results/x.jsonl"), 3), Path("a b/report")) == "../results/x.jsonl"
    assert address(Place(Path("my results/x.jsonl"), 3), Path("report")) == "../my%20results/x.jsonl"
