"""Test error at every base rate, where all repetitions ran at each: what tuning had to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from matplotlib.figure import Figure

from harness.claims import Family
from harness.report.appearance import (
    MARKERS,
    SERIES,
    error_bars,
    figure_style,
    panels_in_rows,
    rate_axis,
    shared_legend,
)
from harness.report.summaries import UNIFORM
from harness.report.tuning_budget import Grid
from harness.statistics import mean_interval


@figure_style()
def every_rate(grids: Mapping[Family, Grid], titles: Mapping[str, str]) -> Figure | None:
    """Draw mean test errors with 95 % t intervals over all repetitions, a panel per arm and a line per decay."""
    panels: dict[Family, dict[float, Grid]] = {}
    for family, grid in grids.items():
        panels.setdefault(replace(family, decay=0.0), {})[family.decay] = grid
    if not panels:
        return None
    decays = sorted({family.decay for family in grids})
    figure, rows = panels_in_rows(len(panels), 2.9)
    for axes, (family, found) in zip([axes for row in rows for axes in row], panels.items(), strict=True):
        for decay, grid in sorted(found.items()):
            index = decays.index(decay)
            errors = [(float(column.mean()), mean_interval(column.tolist())) for column in grid.test.T]
            look = {"color": SERIES[index % len(SERIES)], "linestyle": "--" if decay == UNIFORM else "-"}
            look |= {"marker": MARKERS[index % len(MARKERS)], "label": f"{decay:g}"}
            error_bars(axes, grid.rates, errors, look)
        rate_axis(axes, sorted({rate for grid in found.values() for rate in grid.rates}))
        axes.set_title(
            f"{titles.get(family.dataset, family.dataset)}\n{family.implementation}, {family.arm}, {family.recipe}"
        )
    for row in rows:
        row[0].set_ylabel("test error, %")
    shared_legend(figure, rows, len(decays), title="decay (1 = uniform)")
    return figure
