"""The figure that sets the two implementations against each other, seed by seed (Bland and Altman 1986)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims import paired_errors
from harness.report.appearance import SERIES, figure_style, marker, new_figure, shared_legend
from harness.report.summaries import Summary, by_repetition, find

_NORMAL_95 = 1.96


@dataclass(frozen=True)
class Pairs:
    """Test errors of one dataset and decay in percent, ``torch`` and ``fastai`` paired by arm and seed, shape (n,)."""

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
            pair[0].extend(100 * error for error in left)
            pair[1].extend(100 * error for error in right)
    return tuple(Pairs(*key, tuple(left), tuple(right)) for key, (left, right) in found.items() if left)


@figure_style()
def agreement(pairs: Sequence[Pairs], margin: float, titles: Mapping[str, str]) -> Figure | None:
    """Draw torch minus fastai against their mean, with ±margin, and for each of ``pairs`` mean and limits of agreement.

    The colour tells the dataset, the marker the decay.

    ``margin`` is an error fraction. The limits are those of 95 % of differences; a single pair has none.
    """
    if not pairs:
        return None
    figure, panels = new_figure(1, 1, 2.4 + 0.135 * (1 + len(pairs)))  # the legend has a line for each
    axes = panels[0][0]
    datasets = list(dict.fromkeys(pair.dataset for pair in pairs))
    decays = sorted({pair.decay for pair in pairs})
    axes.axhspan(-100 * margin, 100 * margin, color="#d9d9d9", zorder=0, label=f"margin ±{100 * margin:g}")
    axes.axhline(0, color="#999999", linewidth=0.8)
    for pair in pairs:
        look = SERIES[datasets.index(pair.dataset)], marker(decays.index(pair.decay))
        _draw(axes, pair, look, titles.get(pair.dataset, pair.dataset))
    axes.set_xlabel("mean test error of the two, %")
    axes.set_ylabel("torch − fastai, points")
    shared_legend(figure, panels, 1)
    return figure


def _draw(axes: Axes, pair: Pairs, look: tuple[str, str], title: str) -> None:
    torch, fastai = np.array(pair.torch), np.array(pair.fastai)
    middles, differences = (torch + fastai) / 2, torch - fastai
    mean, (colour, shape) = float(differences.mean()), look
    limits = f" ± {_NORMAL_95 * differences.std(ddof=1):.2f}" if len(differences) > 1 else ""
    axes.plot(
        middles,
        differences,
        linestyle="none",
        color=colour,
        marker=shape,
        markersize=3.5,
        alpha=0.8,
        label=f"{title}, {pair.decay:g}: {mean:+.2f}{limits}".replace("-", "−"),
    )
    across = (float(middles.min()), float(middles.max()))
    axes.plot(across, (mean, mean), color=colour, linewidth=1.1)
    if len(differences) > 1:
        for side in (-1, 1):
            limit = mean + side * _NORMAL_95 * float(differences.std(ddof=1))
            axes.plot(across, (limit, limit), color=colour, linewidth=0.9, linestyle="--")
