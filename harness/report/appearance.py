"""How every figure looks, and how it becomes bytes.

Figures are made with matplotlib's object interface, so no window system or global state is involved. Colours are those
of Okabe and Ito (2008); markers and line styles repeat what colour says, for print in grey.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.statistics import Interval

COLUMN_WIDTH = 3.4  # inches, one column of a two-column page
PAGE_WIDTH = 7.0  # inches, both columns

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":")
IMPLEMENTATION_COLOURS = {"torch": BLUE, "fastai": VERMILION}
IMPLEMENTATION_MARKERS = {"torch": "o", "fastai": "s"}

_HASHED_NAME = re.compile(rb'id="((?:[a-z]|C[0-9a-f]+_[0-9a-f]+_)[0-9a-f]{10})"')
_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8.5,
    "font.size": 8,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "discriminative-fine-tuning",
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Set the appearance for all that is drawn or saved within, whatever the user's own matplotlib settings are."""
    with style.context(["default", _STYLE]):
        yield


def new_figure(
    rows: int, columns: int, height: float, *, sharex: bool = False, sharey: bool | Literal["row"] = "row"
) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure of ``rows`` × ``columns`` panels, each row ``height`` inches; one panel is one text column wide."""
    width = COLUMN_WIDTH if columns == 1 else PAGE_WIDTH
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    return figure, [list(row) for row in np.asarray(axes)]


def panels_in_rows(count: int, height: float) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure of ``count`` panels, two in a row and each ``height`` inches; rows may be shorter than others."""
    columns = min(2, count)
    figure, rows = new_figure(-(-count // columns), columns, height)
    for axes in [axes for row in rows for axes in row][count:]:
        axes.remove()
    return figure, [row[: count - columns * index] for index, row in enumerate(rows)]


def error_bars(
    axes: Axes, x: Sequence[float], errors: Sequence[tuple[float, Interval | None]], line: Mapping[str, Any]
) -> None:
    """Draw mean errors, fractions, in percent over ``x``, with their intervals where there are any, as a ``line``."""
    means = np.array([100 * mean for mean, _ in errors])
    bounds = np.array([interval or (mean, mean) for mean, interval in errors])
    axes.errorbar(x, means, yerr=np.abs(100 * bounds.T - means), capsize=2, elinewidth=0.9, **line)


def decay_axis(axes: Axes, decays: list[float]) -> None:
    """Lay out the horizontal axis for decays: logarithmic, one tick for each that was run, the uniform rate marked."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(decays, [f"{decay:g}" for decay in decays])
    axes.minorticks_off()
    axes.set_xlim(min(decays) / 1.25, max(decays) * 1.25)
    axes.axvline(1.0, color="#777777", linewidth=0.9, linestyle=":", zorder=1)
    axes.set_xlabel("decay (1 = uniform)")


def rate_axis(axes: Axes, rates: list[float]) -> None:
    """Lay out the horizontal axis for base rates: logarithmic, one tick for each that was tried."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates], rotation=45)
    axes.minorticks_off()
    axes.set_xlabel("base rate")


def shade(index: int, count: int) -> tuple[float, float, float, float]:
    """Pick from a map whose lightness is monotone, dark for the first of ``count``: their order survives in grey."""
    red, green, blue, alpha = mpl.colormaps["viridis"](0.85 * index / max(1, count - 1))
    return red, green, blue, alpha


def marker(index: int) -> str:
    """Pick the marker of the series at ``index``, from the start again after the last."""
    return MARKERS[index % len(MARKERS)]


def shared_legend(figure: Figure, panels: list[list[Axes]], columns: int, title: str | None = None) -> None:
    """Put one legend below all panels, each label once."""
    found: dict[str, Artist] = {}
    for axes in (axes for row in panels for axes in row):
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=columns, title=title)


def svg_bytes(figure: Figure) -> bytes:
    """Save as SVG without the date, and with numbers for names, so that the same figure gives the same bytes.

    matplotlib names what is used again by a hash of its coordinates, whose last bits differ between processors.
    """
    buffer = io.BytesIO()
    with figure_style():
        layout = figure.get_layout_engine()
        if layout is not None:
            layout.execute(figure)  # places the panels; saving would draw everything once more to do so
            figure.set_layout_engine(None)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    for number, name in enumerate(dict.fromkeys(_HASHED_NAME.findall(svg)), 1):
        svg = svg.replace(name, b"shared-%d" % number)
    return svg
