"""The benchmark runs both implementations and states what it measured; how fast they are is not tested."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from tiny_study import RECIPE, Tiny, as_in_a_worker, tiny

from harness import benchmark
from harness.engine import Engine
from harness.jobs import ClassifierJob, LanguageModelJob
from harness.scratch import training as scratch
from harness.with_fastai import training as with_fastai


@pytest.fixture(autouse=True)
def _settings_put_back(tmp_path: Path) -> Iterator[None]:
    world: Tiny = tiny(tmp_path)
    with as_in_a_worker(Engine(world.place(tmp_path / "store"))):
        yield


def test_three_rows_compare_both_implementations_on_the_same_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, LanguageModelJob | ClassifierJob]] = []
    for side, module in (("torch", scratch), ("fastai", with_fastai)):
        for function in ("fine_tune_language_model", "fine_tune_classifier"):
            spy(monkeypatch, seen, side, module, function)
    written = io.StringIO()
    benchmark.run_benchmark(RECIPE, 1, 2, ("cpu", 1), Console(file=written, width=160))
    rows = re.findall(r"│ (\w[^│]*?) *│ *([\d,]+) │ *([\d,]+) │ *([\d.]+) │ *[\d.]+ to [\d.]+ *│", written.getvalue())
    assert [row[0] for row in rows] == [
        "language model, 4 × 8",
        "classifier, 8 × 24 tokens",
        "classifier, 8 × 216 tokens",
    ]
    for _, ours, theirs, ratio in rows:
        assert int(ours.replace(",", "")) / int(theirs.replace(",", "")) == pytest.approx(float(ratio), abs=0.02)
    assert [side for side, _ in seen] == ["torch", "fastai"] * 6  # three stages, a warm-up and one round
    assert all(seen[turn][1] is seen[turn + 1][1] for turn in range(0, len(seen), 2))


def spy(
    monkeypatch: pytest.MonkeyPatch,
    seen: list[tuple[str, LanguageModelJob | ClassifierJob]],
    side: str,
    module: object,
    function: str,
) -> None:
    original = getattr(module, function)

    def noted(job: LanguageModelJob | ClassifierJob, report: object) -> object:
        seen.append((side, job))
        return original(job, report)

    monkeypatch.setattr(module, function, noted)
