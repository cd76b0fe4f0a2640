"""The figure that sets the two implementations against each other, seed by seed (Bland and Altman 1986)."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.claims import paired_errors
from harness.report.appearance import COLUMN_WIDTH, SERIES, figure_style, marker, new_figure, shared_legend
from harness.report.summaries import DISCRIMINATIVE, UNIFORM, Summary, by_repetition, find
from harness.report.tables import points

_NORMAL_95 = 1.96


@dataclass(frozen=True)
class Pairs:
    """Test errors of one dataset and decay, fractions, ``torch`` and ``fastai`` paired by arm and seed, shape (n,)."""

    dataset: str
    decay: float
    torch: tuple[float, ...]
    fastai: tuple[float, ...]


def implementation_pairs(summaries: Sequence[Summary]) -> tuple[Pairs, ...]:
    """Pair the final records of the two implementations, each at its own base rate; none where there are no pairs."""
    found: dict[tuple[str, float], tuple[list[float], list[float]]] = {}
    for summary in summaries:
        other = find(summaries, replace(summary.family, implementation="fastai"))
        if summary.family.implementation == "torch" and other is not None:
            left, right = paired_errors(by_repetition(summary), by_repetition(other))
            pair = found.setdefault((summary.family.dataset, summary.family.decay), ([], []))
            pair[0].extend(left)
            pair[1].extend(right)
    return tuple(Pairs(*key, tuple(left), tuple(right)) for key, (left, right) in found.items() if left)


@figure_style()
def agreement(pairs: Sequence[Pairs], margin: float, titles: Mapping[str, str]) -> Figure | None:
    """Draw torch minus fastai against their mean, with ±margin, and for each of ``pairs`` mean and limits of agreement.

    A dataset has a panel with its own horizontal scale, and a colour; the marker, which the lines of the mean and of
    the limits end in too, tells the decay: the same one in every figure for uniform and for 2.6.

    ``margin`` is an error fraction. The limits are those of 95 % of differences; a single pair has none.
    """
    if not pairs:
        return None
    datasets = list(dict.fromkeys(pair.dataset for pair in pairs))
    decays = sorted({pair.decay for pair in pairs}, key=lambda decay: (decay not in (UNIFORM, DISCRIMINATIVE), decay))
    heads = [textwrap.fill(titles.get(name, name).partition(",")[0], 36 // len(datasets)) for name in datasets]
    lines = 1 + len(pairs) + max(head.count("\n") for head in heads)  # the legend has one for each
    height = 2.3 + 0.135 * lines
    figure, panels = new_figure(1, len(datasets), height)
    figure.set_figwidth(COLUMN_WIDTH)
    for axes, dataset, head, colour in zip(panels[0], datasets, heads, itertools.cycle(SERIES), strict=False):
        axes.axhspan(-100 * margin, 100 * margin, color="#d9d9d9", zorder=0, label=f"margin ±{100 * margin:g}")
        axes.axhline(0, color="#999999", linewidth=0.8)
        axes.set_title(head, fontsize=7.5)
        axes.set_xlabel("mean, %")
        axes.xaxis.set_major_locator(MaxNLocator(max(2, 12 // len(datasets)), integer=True, min_n_ticks=2))
        for pair in (pair for pair in pairs if pair.dataset == dataset):
            _draw(axes, pair, (colour, marker(decays.index(pair.decay))), titles.get(dataset, dataset))
    panels[0][0].set_ylabel("torch − fastai, points")
    shared_legend(figure, panels, 1)
    return figure


def _draw(axes: Axes, pair: Pairs, look: tuple[str, str], title: str) -> None:
    torch, fastai = np.array(pair.torch), np.array(pair.fastai)
    middles, differences = 50 * (torch + fastai), 100 * (torch - fastai)
    mean, (colour, shape) = float(differences.mean()), look
    limits = f" ± {_NORMAL_95 * differences.std(ddof=1):.2f}" if len(differences) > 1 else ""
    told = points(round(float((torch - fastai).mean()), 12))  # as in the tables, where it lies between two hundredths
    axes.plot(
        middles,
        differences,
        linestyle="none",
        color=colour,
        marker=shape,
        markersize=3.5,
        alpha=0.8,
        label=f"{title}, {pair.decay:g}: {told}{limits}",
    )
    across = (float(middles.min()), float(middles.max()))
    end: dict[str, Any] = {"color": colour, "marker": shape, "markersize": 5, "markevery": [1], "clip_on": False}
    axes.plot(across, (mean, mean), linewidth=1.1, **end)
    if len(differences) > 1:
        for side in (-1, 1):
            limit = mean + side * _NORMAL_95 * float(differences.std(ddof=1))
            axes.plot(across, (limit, limit), linewidth=0.9, linestyle="--", markerfacecolor="white", **end)
