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
LINEAR = 1.0  # the scale is linear to ±1 point, logarithmic beyond
TICKS = (-10, -1, 0, 1, 10)


@figure_style()
def beside_published(rows: Sequence[Repeated], titles: Mapping[str, str]) -> Figure | None:
    """Draw each measured contrast, a row each by table, a panel for each dataset: the paper's difference and ours.

    In points, ours with its 95 % BCa interval. Both sides of 0 are the two signs.
    """
    measured = [row for row in rows if row.ours is not None]
    if not measured:
        return None
    several = len({row.way for row in measured}) > 1
    lines: list[tuple[str, str]] = []  # table and label; a table's own line is its heading
    for table in dict.fromkeys(row.contrast.after.table for row in measured):
        own = [row for row in measured if row.contrast.after.table == table]
        lines += [(table, f"{HEADING} {table}"), *dict.fromkeys((table, _label(row, several)) for row in own)]
    datasets = list(dict.fromkeys(row.dataset for row in measured))
    figure, panels = new_figure(1, len(datasets), 1.0 + 0.15 * len(lines), sharey=True)
    for axes, dataset in zip(panels[0], datasets, strict=True):
        axes.axvline(0, color="#777777", linewidth=0.9)
        for row in (row for row in measured if row.dataset == dataset):
            _row(axes, lines.index((row.contrast.after.table, _label(row, several))), row)
        axes.set_title(titles.get(dataset, dataset))
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xscale("symlog", linthresh=LINEAR)  # else the few large ones leave the others no room
        axes.set_xticks(TICKS, [f"{tick:g}".replace("-", "−") for tick in TICKS])
        axes.minorticks_off()
        axes.set_xlabel("change of error, points")
    panels[0][0].set_yticks(range(len(lines)), [label for _, label in lines])
    panels[0][0].set_ylim(len(lines) - 0.4, -0.7)
    _bold_headings(panels[0][0])
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


def _label(row: Repeated, several: bool) -> str:
    """Name the contrast, and in what it was measured where there are several such ways."""
    way = f" ({', '.join(row.way)})" if several and row.way is not None else ""
    return f"{row.contrast.before.name} → {row.contrast.after.name}{way}"


def _bold_headings(axes: Axes) -> None:
    for label in axes.get_yticklabels():
        label.set_fontsize(6.5)
        if label.get_text().startswith(HEADING):
            label.set_fontweight("bold")


def _legend(figure: Figure, rows: Sequence[Repeated]) -> None:
    sides = dict.fromkeys(row.way[1] for row in rows if row.way is not None)
    handles = [Line2D([], [], color=COLOURS[side], marker=MARKERS[side], label=f"ours, {side}") for side in sides]
    paper = Line2D([], [], color=BLACK, marker="D", markerfacecolor="white", linestyle="none", label="paper")
    figure.legend(handles=[paper, *handles], loc="outside lower center", ncols=3)
