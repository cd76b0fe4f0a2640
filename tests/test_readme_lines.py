"""The lines with which the README extends the study: each is one line, and does what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import study.arms
import study.datasets
from harness.campaign import Selection, planned
from harness.corpus.load import load
from harness.corpus.sources import Sources
from harness.corpus.splits import split
from harness.plan import plan
from harness.specification import Arm, Dataset
from study.__main__ import STUDY

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## Extend it\n")[1].split("\n## ")[0]
LINES = re.findall(r"```python\n(.*?)\n```", SECTION, flags=re.DOTALL)
DECAY_LINE, ARM_LINE, DATASET_LINE = LINES


def test_each_takes_one_line() -> None:
    assert [line for line in LINES if "\n" in line] == []


def test_the_line_of_a_decay_adds_its_cells_and_no_other() -> None:
    names: dict[str, tuple[float, ...]] = {"DECAYS": (1.0, 2.6)}
    exec(DECAY_LINE, names)
    (new,) = set(names["DECAYS"]) - {1.0, 2.6}
    full = STUDY.profiles["full"]
    few, more = (
        set(plan(replace(full, sweeps=(replace(full.sweeps[0], decays=decays),)), STUDY.protocol, ()).cells)
        for decays in ((1.0, 2.6), names["DECAYS"])
    )
    assert few < more
    assert {cell.arm.decay for cell in more - few} == {new}


def test_the_line_of_an_arm_makes_it_run_by_name() -> None:
    arm = eval(ARM_LINE, dict(vars(study.arms)))
    assert isinstance(arm, Arm)
    assert f"--arm {arm.name}" in SECTION
    grown = replace(STUDY, arms={**STUDY.arms, arm.name: arm})
    own = planned(STUDY, Selection("full"), ()).cells
    cells = planned(grown, Selection("full", arms=(arm.name,)), ()).cells
    assert {replace(cell.arm, decay=arm.decay) for cell in cells} == {arm}
    assert len(set(cells) - set(own)) == len(own)


def test_the_line_of_a_data_set_declares_texts_that_load_and_split(tmp_path: Path) -> None:
    dataset = eval(DATASET_LINE, dict(vars(study.datasets)))
    assert isinstance(dataset, Dataset)
    assert dataset.title not in {other.title for other in STUDY.datasets.values() if other.name != dataset.name}
    parts = split(dataset, load(dataset, Sources(tmp_path)))
    assert len(parts.train) >= (dataset.labels or 1)
    assert {label for _, label in parts.train} == set(dataset.classes)


@pytest.mark.parametrize(
    ("chosen", "missing"),
    [
        (["--profile", "full"], "rt-1k/mini/torch/full+stlr"),
        (["--profile", "full", "--arm", "freez+cos-general"], "rt-1k/mini/torch/freez+cos-general"),
        (["--profile", "compact", "--dataset", "rt-2k"], "rt-2k/compact/torch/full+stlr"),
    ],
)
def test_the_lines_work_where_the_readme_puts_them(tmp_path: Path, chosen: list[str], missing: str) -> None:
    shutil.copytree(ROOT / "study", tmp_path / "study", ignore=shutil.ignore_patterns("models", "__pycache__"))
    insert(tmp_path / "study/arms.py", r"^DECAYS = .*\n", DECAY_LINE)
    insert(tmp_path / "study/arms.py", r"^ARMS = \{\n.*\n    for arm in \(\n", f"        {ARM_LINE},")
    insert(tmp_path / "study/datasets.py", r"^_DATASETS = \(\n", f"    {DATASET_LINE},")
    code = "from study.__main__ import STUDY, main; assert '3.2' not in repr(STUDY.claims); main(STUDY)"
    paths = f"import sys; sys.path[:0] = {[str(tmp_path), str(ROOT)]!r}; "
    command = [sys.executable, "-c", paths + code, "plan", *chosen]
    places = ["--store", str(tmp_path / "store"), "--results", str(tmp_path)]
    said = subprocess.run([*command, *places], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert re.findall(rf"^missing   {re.escape(missing)}/decay-3.2/", said, re.MULTILINE)


def insert(path: Path, anchor: str, line: str) -> None:
    """Put a line behind the first place that matches ``anchor``."""
    before = path.read_text(encoding="utf-8")
    text, count = re.subn(anchor, lambda found: f"{found[0]}{line}\n", before, count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(text, encoding="utf-8")
