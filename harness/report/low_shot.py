"""Test error against the number of labels, for datasets that differ in nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.report.appearance import LINES, SERIES, error_bars, figure_style, marker, panels_in_rows, shared_legend
from harness.report.summaries import DISCRIMINATIVE, UNIFORM, Summary
from harness.specification import Dataset, Implementation

_OFFSET = 1.025  # shifts the arms apart on the axis of labels, so that their intervals do not overlap


@dataclass(frozen=True)
class Budgets:
    """Summaries of one corpus and implementation, with the number of labels of each, two different ones at least."""

    title: str
    implementation: Implementation
    points: tuple[tuple[int, Summary], ...]


def label_budgets(summaries: Sequence[Summary], titles: Mapping[str, str]) -> tuple[Budgets, ...]:
    """Group the summaries whose datasets differ only in name, title and number of labels.

    Only uniform and decay 2.6 are taken, of arms with two budgets at least. A dataset that uses all labels is left out:
    records do not say how many.
    """
    found: dict[tuple[Dataset, Implementation], list[tuple[int, Summary]]] = {}
    for summary in summaries:
        dataset = summary.finals[0].specification.dataset if summary.finals else None
        if dataset is not None and dataset.labels is not None and summary.family.decay in (UNIFORM, DISCRIMINATIVE):
            corpus = replace(dataset, name="", title="", labels=None)
            found.setdefault((corpus, summary.family.implementation), []).append((dataset.labels, summary))
    return tuple(
        Budgets(_shared_title(points, titles) or corpus.reader, implementation, points)
        for (corpus, implementation), rows in found.items()
        if (points := _lines(rows))
    )


def _lines(points: Sequence[tuple[int, Summary]]) -> tuple[tuple[int, Summary], ...]:
    """Keep the points of arms with two budgets at least: of the others there is no line to draw."""
    budgets: dict[tuple[str, float], set[int]] = {}
    for labels, summary in points:
        budgets.setdefault(_line(summary), set()).add(labels)
    return tuple(point for point in points if len(budgets[_line(point[1])]) > 1)


@figure_style()
def low_shot(budgets: Sequence[Budgets]) -> Figure | None:
    """Draw mean test error with 95 % t intervals against labels on a log axis: a panel for each of ``budgets``."""
    if not budgets:
        return None
    figure, panels = panels_in_rows(len(budgets), 2.4)
    lines = sorted({_line(summary) for budget in budgets for _, summary in budget.points})
    for axes, budget in zip([axes for row in panels for axes in row], budgets, strict=True):
        for index, line in enumerate(lines):
            _curve(axes, [point for point in budget.points if _line(point[1]) == line], index)
        axes.set_title(f"{budget.title}, {budget.implementation}")
        _label_axis(axes, sorted({labels for labels, _ in budget.points}))
    for row in panels:
        row[0].set_ylabel("test error, %")
    shared_legend(figure, panels, min(2, len(budgets)))
    return figure


def _curve(axes: Axes, points: Sequence[tuple[int, Summary]], index: int) -> None:
    """Draw one arm, with its intervals where there are any."""
    if not points:
        return
    rows = sorted(points, key=lambda point: point[0])
    error_bars(
        axes,
        [labels * _OFFSET**index for labels, _ in rows],
        [(summary.test_error or 0.0, summary.interval) for _, summary in rows],
        {
            "color": SERIES[index % len(SERIES)],
            "marker": marker(index),
            "linestyle": LINES[index % len(LINES)],
            "label": _name(rows[0][1]),
        },
    )


def _label_axis(axes: Axes, budgets: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(budgets, [f"{labels:,}" for labels in budgets])
    axes.minorticks_off()
    axes.set_xlim(min(budgets) / 1.25, max(budgets) * 1.25)
    axes.set_xlabel("labels")


def _line(summary: Summary) -> tuple[str, float]:
    return summary.family.arm, summary.family.decay


def _name(summary: Summary) -> str:
    arm, decay = _line(summary)
    return f"{arm}, uniform" if decay == UNIFORM else f"{arm}, decay {decay:g}"


def _shared_title(points: Sequence[tuple[int, Summary]], titles: Mapping[str, str]) -> str:
    """Keep what the datasets' titles begin with alike, in parts between commas."""
    parts = [titles.get(summary.family.dataset, summary.family.dataset).split(", ") for _, summary in points]
    shared = []
    for candidates in zip(*parts, strict=False):
        if len(set(candidates)) > 1:
            break
        shared.append(candidates[0])
    return ", ".join(shared)
