"""The figure that sets the two implementations against each other, seed by seed (Bland and Altman 1986)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims import paired_errors
from harness.report.appearance import BLACK, MARKERS, SERIES, figure_style, new_figure, shared_legend
from harness.report.summaries import Summary, by_repetition, find

_NORMAL_95 = 1.96


@dataclass(frozen=True)
class Pairs:
    """Test errors of one dataset in percent, ``torch`` and ``fastai`` paired by decay, arm and seed, shape (n,)."""

    dataset: str
    torch: tuple[float, ...]
    fastai: tuple[float, ...]


def implementation_pairs(summaries: Sequence[Summary]) -> tuple[Pairs, ...]:
    """Pair the final records of the two implementations, each at its own base rate; none for datasets without pairs."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for summary in summaries:
        other = find(summaries, replace(summary.family, implementation="fastai"))
        if summary.family.implementation == "torch" and other is not None:
            left, right = paired_errors(by_repetition(summary), by_repetition(other))
            pair = found.setdefault(summary.family.dataset, ([], []))
            pair[0].extend(100 * error for error in left)
            pair[1].extend(100 * error for error in right)
    return tuple(Pairs(name, tuple(left), tuple(right)) for name, (left, right) in found.items() if left)


@figure_style()
def agreement(pairs: Sequence[Pairs], margin: float, titles: Mapping[str, str]) -> Figure | None:
    """Draw torch minus fastai against their mean, with the mean difference, its 95 % limits of agreement and ±margin.

    ``margin`` is an error fraction. A single pair has no limits.
    """
    if not pairs:
        return None
    figure, panels = new_figure(1, 1, 2.9)
    axes = panels[0][0]
    axes.axhspan(-100 * margin, 100 * margin, color="#d9d9d9", zorder=0, label=f"margin ±{100 * margin:g}")
    axes.axhline(0, color="#999999", linewidth=0.8)
    for index, pair in enumerate(pairs):
        torch, fastai = np.array(pair.torch), np.array(pair.fastai)
        axes.plot(
            (torch + fastai) / 2,
            torch - fastai,
            linestyle="none",
            color=SERIES[index % len(SERIES)],
            marker=MARKERS[index % len(MARKERS)],
            markersize=3.5,
            alpha=0.8,
            label=titles.get(pair.dataset, pair.dataset),
        )
    _limits(axes, np.concatenate([np.array(pair.torch) - np.array(pair.fastai) for pair in pairs]))
    axes.set_xlabel("mean test error of the two, %")
    axes.set_ylabel("torch − fastai, points")
    shared_legend(figure, panels, 2)
    return figure


def _limits(axes: Axes, differences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    mean = float(differences.mean())
    axes.axhline(mean, color=BLACK, linewidth=1.1, label=f"mean {mean:+.2f}".replace("-", "−"))
    if len(differences) > 1:
        half = _NORMAL_95 * float(differences.std(ddof=1))
        axes.axhline(mean - half, color=BLACK, linewidth=0.9, linestyle="--", label=f"mean ± {half:.2f}")
        axes.axhline(mean + half, color=BLACK, linewidth=0.9, linestyle="--")
