"""The benchmark runs both implementations and states what it measured; how fast they are is not tested."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from rich.console import Console
from tiny_study import RECIPE, Tiny, as_in_a_worker, tiny

from harness import benchmark
from harness.engine import Engine
from harness.jobs import ClassifierJob, LanguageModelJob
from harness.scratch import training as scratch
from harness.specification import Hardware, Implementation
from harness.with_fastai import training as with_fastai

SIDES: dict[Implementation, Hardware] = {"torch": Hardware(), "fastai": Hardware()}


@pytest.fixture(autouse=True)
def _settings_put_back(tmp_path: Path) -> Iterator[None]:
    world: Tiny = tiny(tmp_path)
    with as_in_a_worker(Engine(world.place(tmp_path / "store"))):
        yield


def test_three_rows_compare_both_implementations_on_the_same_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Implementation, LanguageModelJob | ClassifierJob]] = []
    modules: dict[Implementation, object] = {"torch": scratch, "fastai": with_fastai}
    for side, module in modules.items():
        for function in ("fine_tune_language_model", "fine_tune_classifier"):
            spy(monkeypatch, seen, side, module, function)
    written = io.StringIO()
    benchmark.run_benchmark(RECIPE, 1, 2, SIDES, Console(file=written, width=160))
    rows = re.findall(r"│ (\w[^│]*?) *│ *([\d,]+) │ *([\d,]+) │ *([\d.]+) │ *[\d.]+ to [\d.]+ *│", written.getvalue())
    assert [row[0] for row in rows] == [
        "language model, 4 × 8",
        "classifier, 8 × 24 tokens",
        "classifier, 8 × 216 tokens",
    ]
    for _, ours, theirs, ratio in rows:
        assert int(ours.replace(",", "")) / int(theirs.replace(",", "")) == pytest.approx(float(ratio), abs=0.02)
    assert [side for side, _ in seen] == ["torch", "fastai"] * 6  # three stages, a warm-up and one round
    assert all(same(seen[turn][1], seen[turn + 1][1]) for turn in range(0, len(seen), 2))
    assert all(job.hardware is SIDES[side] for side, job in seen)


def same(left: LanguageModelJob | ClassifierJob, right: LanguageModelJob | ClassifierJob) -> bool:
    """Whether the jobs are one, but for their hardware."""
    names = {field.name for field in fields(left)} - {"hardware"}
    return all(getattr(left, name) is getattr(right, name) for name in names)


def spy(
    monkeypatch: pytest.MonkeyPatch,
    seen: list[tuple[Implementation, LanguageModelJob | ClassifierJob]],
    side: Implementation,
    module: object,
    function: str,
) -> None:
    original = getattr(module, function)

    def noted(job: LanguageModelJob | ClassifierJob, report: object) -> object:
        seen.append((side, job))
        return original(job, report)

    monkeypatch.setattr(module, function, noted)
