"""What tuning saw: validation error over base rate and decay, as a heat map and as curves.

Both take the summaries of one dataset and arm and draw a panel per implementation, from the tuning repetitions alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from harness.report.appearance import (
    BLACK,
    figure_style,
    marker,
    new_figure,
    rate_axis,
    shade,
    shared_legend,
)
from harness.report.summaries import UNIFORM, Summary, implementations_of

_SMALLEST = 0.01  # percent; no colour on a logarithmic scale is lower
_LIGHT = 0.45  # a background lighter than this bears black numbers


@figure_style()
def tuning_heat_map(summaries: Sequence[Summary]) -> Figure | None:
    """Draw the mean validation error in percent as a table of base rates × decays, the chosen rates framed.

    Cells that were not run, or whose tuning repetitions are not complete, stay white.
    """
    drawn = [summary for summary in summaries if summary.tried]
    if not drawn:
        return None
    decays, rates = _decays(drawn), _rates(drawn)
    errors = [max(100 * error, _SMALLEST) for summary in drawn for error in summary.tuning]
    highest = max(*errors, 1.001 * min(errors))  # of a single error, or equal ones, too there is a scale
    scale = LogNorm(min(errors), highest, clip=True)  # else a few large errors leave one colour for the others
    figure, panels = new_figure(1, len(implementations_of(drawn)), 0.85 + 0.24 * len(decays), sharey=True)
    for axes, implementation in zip(panels[0], implementations_of(drawn), strict=True):
        rows = [summary for summary in drawn if summary.family.implementation == implementation]
        _heat_panel(axes, rows, (decays, rates), scale)
        axes.set_title(implementation)
    panels[0][0].set_yticks(np.arange(len(decays)) + 0.5, [f"{decay:g}" for decay in decays])
    panels[0][0].set_ylabel("decay")
    return figure


@figure_style()
def sensitivity(summaries: Sequence[Summary]) -> Figure | None:
    """Draw the mean validation error against the base rate, a line per decay; a ring marks the rate that was chosen.

    The axis ends at twice the lowest error, else the largest ones press together those that a choice is between.
    Uniform is dashed. There is nothing to draw where no decay was tried with two base rates.
    """
    drawn = [summary for summary in summaries if len(summary.tried) > 1]
    if not drawn:
        return None
    decays, implementations = _decays(drawn), implementations_of(drawn)
    figure, panels = new_figure(1, len(implementations), 2.6)
    for axes, implementation in zip(panels[0], implementations, strict=True):
        rows = [summary for summary in drawn if summary.family.implementation == implementation]
        for summary in rows:
            _sensitivity_line(axes, summary, decays)
        rate_axis(axes, _rates(rows))
        axes.set_title(implementation)
    lowest = min(100 * error for summary in drawn for error in summary.tuning)
    axes = panels[0][0]  # the others of the row share its vertical axis
    if 0 < 2 * lowest < axes.get_ylim()[1]:
        axes.set_ylim(top=2 * lowest)
    panels[0][0].set_ylabel("validation error, %")
    shared_legend(figure, panels, 7 if len(implementations) > 1 else 4, title="decay (1 = uniform)")
    return figure


def _heat_panel(
    axes: Axes, summaries: Sequence[Summary], places: tuple[list[float], list[float]], scale: LogNorm
) -> None:
    """Draw one implementation over (decays, base rates), the lowest decay at the bottom."""
    decays, rates = places
    errors = np.full((len(decays), len(rates)), np.nan)
    for summary in summaries:
        columns = [rates.index(rate) for rate in summary.tried]
        errors[decays.index(summary.family.decay), columns] = 100 * np.array(summary.tuning)
    colours = mpl.colormaps["YlGnBu"]
    axes.pcolormesh(np.ma.masked_invalid(errors), cmap=colours, norm=scale, edgecolors="white", linewidth=0.8)
    for (row, column), error in np.ndenumerate(errors):
        if not np.isnan(error):
            red, green, blue, _ = colours(scale(error))
            ink = BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > _LIGHT else "white"
            axes.text(column + 0.5, row + 0.5, f"{error:.1f}", color=ink, fontsize=6.5, ha="center", va="center")
    for summary in summaries:
        if summary.rate in rates:
            _frame(axes, rates.index(summary.rate), decays.index(summary.family.decay))
    axes.set_xticks(np.arange(len(rates)) + 0.5, [f"{rate:g}" for rate in rates], rotation=45)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("base rate")


def _frame(axes: Axes, column: int, row: int) -> None:
    """Frame a cell in black with a white edge, which can be seen on any background."""
    edge = [patheffects.Stroke(linewidth=3.2, foreground="white"), patheffects.Normal()]
    place = (column + 0.06, row + 0.06)
    axes.add_patch(Rectangle(place, 0.88, 0.88, fill=False, edgecolor=BLACK, linewidth=1.5, path_effects=edge))


def _sensitivity_line(axes: Axes, summary: Summary, decays: list[float]) -> None:
    index = decays.index(summary.family.decay)
    colour, errors = shade(index, len(decays)), [100 * error for error in summary.tuning]
    style = "--" if summary.family.decay == UNIFORM else "-"
    label = f"{summary.family.decay:g}"
    axes.plot(summary.tried, errors, style, color=colour, marker=marker(index), markersize=3.5, label=label)
    if summary.rate in summary.tried:
        lowest = errors[summary.tried.index(summary.rate)]
        axes.plot(summary.rate, lowest, "o", color=colour, markersize=9, markerfacecolor="none", clip_on=False)


def _decays(summaries: Sequence[Summary]) -> list[float]:
    return sorted({summary.family.decay for summary in summaries})


def _rates(summaries: Sequence[Summary]) -> list[float]:
    return sorted({rate for summary in summaries for rate in summary.tried})
