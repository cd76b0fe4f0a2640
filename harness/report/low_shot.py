"""Test error against the number of labels, for datasets that differ in nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims import without_labels
from harness.report.appearance import LINES, SERIES, error_bars, figure_style, marker, panels_in_rows, shared_legend
from harness.report.summaries import DISCRIMINATIVE, UNIFORM, Summary, line_name
from harness.specification import Dataset, Implementation

ALL = math.inf  # labels
_OFFSET = 1.025  # shifts the arms apart on the axis of labels, so that their intervals do not overlap


@dataclass(frozen=True)
class Budgets:
    """Summaries of one corpus and implementation, with the number of labels of each, two different ones at least.

    All labels that there are count as ``ALL``: records do not say how many.
    """

    title: str
    implementation: Implementation
    points: tuple[tuple[float, Summary], ...]


def label_budgets(summaries: Sequence[Summary], titles: Mapping[str, str]) -> tuple[Budgets, ...]:
    """Group the summaries whose datasets differ only in name, title and number of labels.

    Only uniform and decay 2.6 are taken, of arms with two budgets at least.
    """
    found: dict[tuple[Dataset, Implementation], list[tuple[float, Summary]]] = {}
    for summary in summaries:
        dataset = summary.finals[0].specification.dataset if summary.finals else None
        if dataset is not None and summary.family.decay in (UNIFORM, DISCRIMINATIVE):
            labels = ALL if dataset.labels is None else float(dataset.labels)
            found.setdefault((without_labels(dataset), summary.family.implementation), []).append((labels, summary))
    return tuple(
        Budgets(_shared_title(points, titles) or corpus.reader, implementation, points)
        for (corpus, implementation), rows in found.items()
        if (points := _lines(rows))
    )


def _lines(points: Sequence[tuple[float, Summary]]) -> tuple[tuple[float, Summary], ...]:
    """Keep the points of arms with two budgets at least: of the others there is no line to draw."""
    budgets: dict[tuple[str, float], set[float]] = {}
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
        places = _places({labels for labels, _ in budget.points})
        for index, line in enumerate(lines):
            points = [(places[labels], summary) for labels, summary in budget.points if _line(summary) == line]
            _curve(axes, points, index)
        axes.set_title(f"{budget.title}, {budget.implementation}")
        _label_axis(axes, places)
    for row in panels:
        row[0].set_ylabel("test error, %")
    shared_legend(figure, panels, min(2, len(budgets)))
    return figure


def _places(budgets: set[float]) -> dict[float, float]:
    """Where budgets stand on the axis, in ascending order; all labels to the right of any number of them."""
    numbers = sorted(budgets - {ALL})
    return {labels: labels for labels in numbers} | ({ALL: 3 * numbers[-1]} if ALL in budgets else {})


def _curve(axes: Axes, points: Sequence[tuple[float, Summary]], index: int) -> None:
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
            "label": line_name(rows[0][1].family),
        },
    )


def _label_axis(axes: Axes, places: Mapping[float, float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(list(places.values()), ["all" if labels == ALL else f"{labels:,g}" for labels in places])
    axes.minorticks_off()
    axes.set_xlim(min(places.values()) / 1.25, max(places.values()) * 1.25)
    axes.set_xlabel("labels")


def _line(summary: Summary) -> tuple[str, float]:
    return summary.family.arm, summary.family.decay


def _shared_title(points: Sequence[tuple[float, Summary]], titles: Mapping[str, str]) -> str:
    """Keep what the datasets' titles begin with alike, in parts between commas."""
    parts = [titles.get(summary.family.dataset, summary.family.dataset).split(", ") for _, summary in points]
    shared = []
    for candidates in zip(*parts, strict=False):
        if len(set(candidates)) > 1:
            break
        shared.append(candidates[0])
    return ", ".join(shared)
