"""The figure that sets our contrasts beside the published ones, sign by sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.appearance import BLACK, figure_style, new_figure
from harness.report.appearance import IMPLEMENTATION_COLOURS as COLOURS
from harness.report.appearance import IMPLEMENTATION_MARKERS as MARKERS
from harness.report.beside_published import Repeated

HEADING = "Paper’s Table"


@figure_style()
def beside_published(rows: Sequence[Repeated], titles: Mapping[str, str]) -> Figure | None:
    """Draw each measured contrast, a row each by table and dataset: the paper's difference and ours, in points.

    Ours has its 95 % BCa interval. Both sides of 0 are the two signs.
    """
    measured = [row for row in rows if row.ours is not None]
    if not measured:
        return None
    groups = list(dict.fromkeys((row.contrast.after.table, row.dataset) for row in measured))
    height = len(measured) + len(groups)
    figure, panels = new_figure(1, 1, 0.9 + 0.19 * height)
    axes = panels[0][0]
    axes.axvline(0, color="#777777", linewidth=0.9)
    labels: list[str] = []
    for table, dataset in groups:
        labels.append(f"{HEADING} {table}, {titles.get(dataset, dataset)}")
        for row in measured:
            if (row.contrast.after.table, row.dataset) == (table, dataset):
                _row(axes, len(labels), row)
                labels.append(_label(row, len({other.way for other in measured})))
    axes.set_yticks(range(len(labels)), labels)
    _bold_headings(axes, [label.startswith(HEADING) for label in labels])
    axes.set_ylim(height - 0.4, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("change of error, points")
    _legend(figure, measured)
    return figure


def _row(axes: Axes, place: int, row: Repeated) -> None:
    assert row.ours is not None
    assert row.way is not None
    colour, marker = COLOURS[row.way[1]], MARKERS[row.way[1]]
    if row.ours.interval is not None:
        axes.plot([100 * bound for bound in row.ours.interval], [place, place], color=colour)
    axes.plot(100 * row.ours.mean, place, marker, color=colour)
    axes.plot(100 * row.published, place, "D", color=BLACK, markerfacecolor="white", markersize=4)


def _label(row: Repeated, ways: int) -> str:
    """Name the contrast, and in what it was measured where there are several such ways."""
    way = f" ({row.way[0]})" if ways > 1 and row.way is not None else ""
    return f"{row.contrast.before.name} → {row.contrast.after.name}{way}"


def _bold_headings(axes: Axes, headings: Sequence[bool]) -> None:
    for label, heading in zip(axes.get_yticklabels(), headings, strict=True):
        label.set_fontsize(6.5)
        if heading:
            label.set_fontweight("bold")


def _legend(figure: Figure, rows: Sequence[Repeated]) -> None:
    sides = dict.fromkeys(row.way[1] for row in rows if row.way is not None)
    handles = [Line2D([], [], color=COLOURS[side], marker=MARKERS[side], label=f"ours, {side}") for side in sides]
    paper = Line2D([], [], color=BLACK, marker="D", markerfacecolor="white", linestyle="none", label="paper")
    figure.legend(handles=[paper, *handles], loc="outside lower center", ncols=3)
