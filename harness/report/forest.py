"""The forest plot: every paired difference in test error to the uniform rate, in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.appearance import IMPLEMENTATION_COLOURS as COLOURS
from harness.report.appearance import IMPLEMENTATION_MARKERS as MARKERS
from harness.report.appearance import figure_style, new_figure
from harness.report.summaries import UNIFORM, Summary, datasets_of, difference_to_uniform, find
from harness.statistics import PairedDifference


@dataclass(frozen=True)
class Contrast:
    """A family's difference to its uniform rate; ``equally_tuned``: both chose, and from the same base rates."""

    summary: Summary
    difference: PairedDifference
    equally_tuned: bool


def contrasts_to_uniform(summaries: Sequence[Summary]) -> tuple[Contrast, ...]:
    """Pair every family with the same at decay 1, where both have final records of the same repetitions."""
    found = []
    for summary in summaries:
        difference = difference_to_uniform(summary, summaries)
        uniform = find(summaries, replace(summary.family, decay=UNIFORM))
        if difference is not None and uniform is not None:
            equally_tuned = len(summary.tried) > 1 and summary.tried == uniform.tried
            found.append(Contrast(summary, difference, equally_tuned))
    return tuple(found)


@figure_style()
def forest(summaries: Sequence[Summary], margin: float, titles: Mapping[str, str]) -> Figure | None:
    """Draw the mean differences with 95 % BCa intervals in points, a row each, grouped by dataset, over ±margin.

    ``margin`` is an error fraction. Hollow points and their uniform did not both choose from the same base rates.
    """
    contrasts = contrasts_to_uniform(summaries)
    if not contrasts:
        return None
    rows = len(contrasts) + len(datasets_of(contrast.summary for contrast in contrasts))
    figure, panels = new_figure(1, 1, 0.9 + 0.14 * rows)
    axes = panels[0][0]
    axes.axvspan(-100 * margin, 100 * margin, color="#d9d9d9", zorder=0)
    axes.axvline(0, color="#777777", linewidth=0.9)
    _rows(axes, contrasts, titles)
    axes.set_ylim(rows - 0.4, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("difference to decay 1, points")
    names = dict.fromkeys(contrast.summary.family.implementation for contrast in contrasts)
    handles = [Line2D([], [], color=COLOURS[name], marker=MARKERS[name], label=name) for name in names]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _rows(axes: Axes, contrasts: Sequence[Contrast], titles: Mapping[str, str]) -> None:
    """Draw a heading for each dataset and its rows below, from the top."""
    several_arms = len({contrast.summary.family.arm for contrast in contrasts}) > 1
    several_sides = len({contrast.summary.family.implementation for contrast in contrasts}) > 1
    labels: list[str] = []
    for dataset in datasets_of(contrast.summary for contrast in contrasts):
        _heading(axes, len(labels), titles.get(dataset, dataset))
        labels.append("")
        for contrast in (contrast for contrast in contrasts if contrast.summary.family.dataset == dataset):
            _row(axes, len(labels), contrast)
            labels.append(_label(contrast, several_arms, several_sides))
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylabel("arm, decay" if several_arms else "decay")


def _row(axes: Axes, place: int, contrast: Contrast) -> None:
    """Draw the point and, where there is one, the interval."""
    implementation, difference = contrast.summary.family.implementation, contrast.difference
    colour, mean = COLOURS[implementation], 100 * difference.mean
    if difference.interval is not None:
        axes.plot([100 * bound for bound in difference.interval], [place, place], color=colour)
    face = colour if contrast.equally_tuned else "white"
    axes.plot(mean, place, MARKERS[implementation], color=colour, markerfacecolor=face)


def _heading(axes: Axes, place: int, title: str) -> None:
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}  # over the band and the line at 0
    text = axes.text(0.01, place, title, transform=axes.get_yaxis_transform(), weight="bold", va="center", fontsize=7.5)
    text.set_bbox(ground)


def _label(contrast: Contrast, several_arms: bool, several_sides: bool) -> str:
    """Name the row by its decay, and by arm and implementation where the figure has several; count missing pairs."""
    summary, pairs = contrast.summary, contrast.difference.n
    name = f"{summary.family.arm}, {summary.family.decay:g}" if several_arms else f"{summary.family.decay:g}"
    name += f", {summary.family.implementation}" if several_sides else ""
    return name if pairs == len(summary.finals) + len(summary.missing) else f"{name}, n = {pairs}"
