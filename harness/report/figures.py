"""Figures of one quantity each: error against decay, learning curves, realised rates, displacement.

Each function takes records or summaries and returns a figure, or nothing where there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from harness.record import Epoch, RealisedRates
from harness.report.appearance import (
    LINES,
    MARKERS,
    SERIES,
    decay_axis,
    error_bars,
    figure_style,
    marker,
    new_figure,
    shade,
    shared_legend,
)
from harness.report.marks import rate_marks
from harness.report.summaries import DISCRIMINATIVE, UNIFORM, Summary, datasets_of, implementations_of

LOWEST_RATE = 1e-5  # of the highest one: what is drawn of rates
_OFFSET = 1.035  # shifts the implementations apart on the decay axis, so that their intervals do not overlap


@figure_style()
def error_against_decay(summaries: Sequence[Summary], titles: Mapping[str, str]) -> Figure | None:
    """Draw mean test error with 95 % t intervals against decay: a panel per dataset, a line per implementation."""
    drawn = [summary for summary in summaries if summary.test_error is not None]
    if not drawn:
        return None
    datasets = datasets_of(drawn)
    columns = min(2, len(datasets))  # three would be too narrow for the ticks of a whole sweep
    figure, panels = new_figure(-(-len(datasets) // columns), columns, 2.5, sharey=False)
    flat = [axes for row in panels for axes in row]
    for axes, dataset in zip(flat, datasets, strict=False):
        _sweep_panel(axes, [summary for summary in drawn if summary.family.dataset == dataset])
        axes.set_title(titles.get(dataset, dataset))
        axes.set_ylabel("test error, %")
    for axes in flat[len(datasets) :]:
        axes.remove()
    shared_legend(figure, panels, 2)
    return figure


@figure_style()
def learning_curves(summaries: Sequence[Summary]) -> Figure | None:
    """Draw validation error and training loss against epoch for one dataset's uniform and discriminative arm.

    A column per implementation; lines are means over seeds, bands their range.
    """
    drawn = [s for s in summaries if s.finals and s.family.decay in (UNIFORM, DISCRIMINATIVE)]
    if not drawn:
        return None
    implementations = implementations_of(drawn)
    figure, panels = new_figure(2, len(implementations), 1.9, sharex=True)
    for column, implementation in enumerate(implementations):
        for summary in (s for s in drawn if s.family.implementation == implementation):
            _curve(panels[0][column], summary, lambda epoch: 100 * epoch.validation_error)
            _curve(panels[1][column], summary, lambda epoch: epoch.training_loss)
        panels[0][column].set_title(implementation)
        panels[1][column].set_xlabel("epoch")
        panels[1][column].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0][0].set_ylabel("validation error, %")
    panels[1][0].set_ylabel("training loss, nats")
    shared_legend(figure, panels, 2)
    return figure


@figure_style()
def realised_rates(examples: Mapping[str, RealisedRates]) -> Figure | None:
    """Draw the rates read from the optimizer, per layer group against step on a log axis: a panel per titled example.

    A group that is frozen, at rate 0, is not drawn there, nor are rates below a hundred-thousandth of the highest.
    """
    if not examples:
        return None
    columns = min(3, len(examples))
    figure, panels = new_figure(-(-len(examples) // columns), columns, 2.1, sharey=True)
    flat = [axes for row in panels for axes in row]
    names = tuple(dict.fromkeys(group for rates in examples.values() for group in rates.groups))
    for axes, (title, rates) in zip(flat, examples.items(), strict=False):
        _ladder_panel(axes, rates, names)
        axes.set_title(title)
    for axes in flat[len(examples) :]:
        axes.remove()
    highest = max((rate for rates in examples.values() for _, *row in rates.trace for rate in row), default=0.0)
    for row in panels:
        row[0].set_ylabel("learning rate")
        row[0].set_ylim(bottom=max(row[0].get_ylim()[0], LOWEST_RATE * highest))  # shared with the others of the row
    shared_legend(figure, panels, 5 if columns > 1 else 3, title="layer group, lowest first")
    return figure


@figure_style()
def displacement(summaries: Sequence[Summary]) -> Figure | None:
    """Draw the relative displacement of each layer group against decay for one dataset: a column per implementation.

    Means over seeds, of ‖θ − θ₀‖ / ‖θ₀‖; hollow where the base rate lies on the edge of its grid, or a tie chose it.
    """
    drawn = [summary for summary in summaries if any(record.result.displacement for record in summary.finals)]
    if not drawn:
        return None
    implementations = implementations_of(drawn)
    figure, panels = new_figure(1, len(implementations), 2.6)
    for axes, implementation in zip(panels[0], implementations, strict=True):
        rows = [summary for summary in drawn if summary.family.implementation == implementation]
        groups = list(dict.fromkeys(g for s in rows for r in s.finals for g in r.result.displacement))
        for index, group in enumerate(groups):
            moved = [_mean_displacement(summary, group) for summary in rows]
            decays = [summary.family.decay for summary in rows]
            look: dict[str, Any] = {"color": shade(index, len(groups)), "marker": marker(index)}
            axes.plot(decays, moved, label=group, **look)
            doubtful = [place for place, summary in enumerate(rows) if rate_marks(summary)]
            if doubtful:
                hollow = ([values[place] for place in doubtful] for values in (decays, moved))
                axes.plot(*hollow, linestyle="none", markerfacecolor="white", label="_hollow", **look)
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,), numticks=12))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        decay_axis(axes, sorted({summary.family.decay for summary in rows}))
        axes.set_title(implementation)
    shared_legend(figure, panels, 5 if len(implementations) > 1 else 3, title="layer group, lowest first")
    panels[0][0].set_ylabel("relative displacement")
    return figure


def _sweep_panel(axes: Axes, summaries: Sequence[Summary]) -> None:
    for index, implementation in enumerate(implementations_of(summaries)):
        rows = [summary for summary in summaries if summary.family.implementation == implementation]
        doubtful = [summary for summary in rows if rate_marks(summary)]
        axes.plot(
            [_beside(summary.family.decay, index) for summary in doubtful],
            [100 * (summary.test_error or 0.0) for summary in doubtful],
            color=SERIES[index],
            marker=MARKERS[index],
            markerfacecolor="white",
            linestyle="none",
            zorder=3,
        )
        error_bars(
            axes,
            [_beside(summary.family.decay, index) for summary in rows],
            [(summary.test_error or 0.0, summary.interval) for summary in rows],
            {
                "color": SERIES[index],
                "marker": MARKERS[index],
                "linestyle": LINES[index],
                "label": implementation,
            },
        )
        best = min(rows, key=lambda summary: summary.test_error or 0.0)
        axes.plot(
            _beside(best.family.decay, index),
            100 * (best.test_error or 0.0),
            marker="o",
            markersize=9,
            fillstyle="none",
            linestyle="none",
            color=SERIES[index],
        )
    decay_axis(axes, sorted({summary.family.decay for summary in summaries}))


def _beside(decay: float, index: int) -> float:
    """Where the second implementation's points stand beside those of the first."""
    return decay * (_OFFSET if index else 1 / _OFFSET)


def _curve(axes: Axes, summary: Summary, value: Callable[[Epoch], float | None]) -> None:
    """Draw the mean over seeds and their range; a value that is absent (diverged) does not enter."""
    by_epoch: dict[int, list[float]] = {}
    for record in summary.finals:
        for epoch in record.result.epochs:
            found = value(epoch)
            if found is not None:
                by_epoch.setdefault(epoch.epoch + 1, []).append(found)  # records count from 0
    epochs = sorted(by_epoch)
    uniform = summary.family.decay == UNIFORM
    colour = SERIES[not uniform]
    means = [float(np.mean(by_epoch[epoch])) for epoch in epochs]
    low, high = ([bound(by_epoch[epoch]) for epoch in epochs] for bound in (min, max))
    axes.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0)
    label = "uniform" if uniform else f"decay {summary.family.decay:g}"
    axes.plot(epochs, means, LINES[uniform], color=colour, marker=MARKERS[uniform], label=label)


def _ladder_panel(axes: Axes, rates: RealisedRates, names: Sequence[str]) -> None:
    """Draw one trace; ``names`` are the groups of all panels, by which one looks the same in each."""
    trace = np.array(rates.trace, dtype=float)
    for index, group in enumerate(rates.groups):
        place, values = names.index(group), trace[:, 1 + index] if len(trace) else np.empty(0)
        drawn = np.flatnonzero(values > 0)
        axes.plot(
            trace[:, 0] if len(trace) else [],
            np.where(values > 0, values, np.nan),
            color=shade(place, len(names)),
            marker=marker(place),
            # Apart, so that groups at the same rate can all be seen.
            markevery=drawn[index % max(1, len(drawn)) :: len(rates.groups)].tolist(),
            markersize=3.5,
            label=group,
        )
    axes.set_yscale("log")
    axes.set_xlabel("step")


def _mean_displacement(summary: Summary, group: str) -> float:
    found = (record.result.displacement.get(group) for record in summary.finals)
    moved = [value for value in found if value is not None]
    return float(np.mean(moved)) if moved else float("nan")
