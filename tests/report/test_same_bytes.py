from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from report.synthetic import study

from harness import evidence
from harness.report.readme import END, START

ROOT = Path(__file__).resolve().parents[2]
RECORDS = study(("rt-1k", "trec6"), (1.0, 2.6, 4.19), finals=3)


def reported(folder: Path, results: Path, hash_seed: str) -> dict[str, bytes]:
    """All files after the command ``report``, in a process of its own, whose sets have an order of their own."""
    shutil.copytree(ROOT / "paper", folder / "paper", ignore=shutil.ignore_patterns("*.pdf", "numbers.json", "tables"))
    (folder / "README.md").write_text(f"{START}\n{END}\n")
    places = ("--results", results, "--output", folder / "report", "--paper", folder / "paper")
    subprocess.run(
        [sys.executable, "-m", "study", "report", *map(str, places)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
    )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_records_give_the_same_bytes_of_page_readme_tables_figures_and_paper(tmp_path):
    evidence.export(RECORDS, tmp_path / "results")
    one, other = (reported(tmp_path / seed, tmp_path / "results", seed) for seed in ("1", "2"))
    assert set(one) == set(other)
    assert [name for name, content in one.items() if other[name] != content] == []
    made = {"README.md", "report/index.html", "paper/paper.pdf", "paper/numbers.json", "paper/figures/captions.json"}
    figures = {f"{place}/figures/error-against-decay.{kind}" for place, kind in (("report", "png"), ("paper", "svg"))}
    assert made | figures | {"report/tables/errors.csv", "paper/tables/verdicts.json"} <= set(one)
    assert one["README.md"].count(b"\n|") > 3
