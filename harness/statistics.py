"""Estimates, intervals and tests over repetitions; scipy and statsmodels do the computing.

Values are errors (fractions) of repetitions, shape (n,). Two arms are paired by repetition, because a repetition fixes
the label subset, the initialisation and the data order for every arm. All randomness is seeded, so that a
report made twice from the same records states the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.multitest import multipletests

Values = npt.NDArray[np.float64]
Interval = tuple[float, float]

SEED = 1801
RESAMPLES = 9999  # the sign-flip test is exact up to n = 13, where 2**n is smaller than this
_HIGHEST_LEVEL = 1 - 1e-9  # of a bootstrap interval; at 1, which two pairs ask for, BCa is not defined
_DECIMALS = 12  # of a fraction; numbers that agree in these are the same


@dataclass(frozen=True)
class PairedDifference:
    """Mean of ``a - b`` over ``n`` pairs, its 95 % BCa interval (absent for n = 1) and two-sided sign-flip p value."""

    mean: float
    interval: Interval | None
    p: float
    n: int


def paired_difference(a: npt.ArrayLike, b: npt.ArrayLike) -> PairedDifference:
    """Estimate the mean of ``a - b``, both of shape (n,) and paired by position.

    The interval is the bias-corrected and accelerated bootstrap (Efron 1987), at a level raised so that it covers as
    often as it says for few pairs too (:func:`expanded_level`), but not for fewer than six: it lies between the lowest
    and the highest difference. It collapses to the mean where all differences are equal. The test flips the signs of
    the differences; it is exact for n up to 13.

    Raises:
        ValueError: when the shapes differ, or a value is missing or not finite.
    """
    differences = _differences(a, b)
    mean = _plain(float(differences.mean()))
    if len(differences) == 1:
        return PairedDifference(mean, None, 1.0, 1)
    interval = (mean, mean) if _constant(differences) else _bootstrap_interval(differences)
    return PairedDifference(mean, interval, _sign_flip_p(differences), len(differences))


def expanded_level(n: int, level: float = 0.95) -> float:
    """The level at which a bootstrap interval for a mean of ``n`` values, two at least, is as wide as ``level`` needs.

    A bootstrap knows neither that the spread is estimated nor that it divides by n instead of n - 1. The level whose
    normal quantile is t(n - 1) · sqrt(n / (n - 1)) makes up for both (Hesterberg 2015, the expanded percentile
    interval).
    """
    quantile = stats.t.ppf(0.5 + level / 2, n - 1) * np.sqrt(n / (n - 1))
    return float(min(1 - 2 * stats.norm.sf(quantile), _HIGHEST_LEVEL))


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval | None:
    """Student's t interval for the mean of ``values``, shape (n,); absent for n = 1."""
    sample = _sample(values)
    return None if len(sample) == 1 else _student_interval(sample, level, np.sqrt(1 / len(sample)))


def prediction_interval(values: npt.ArrayLike, level: float = 0.99, new: int = 1) -> Interval:
    """Interval for the mean of ``new`` further observations of the population that ``values``, shape (n,), came from.

    Normal theory: mean ± t(n - 1) · s · sqrt(1/n + 1/new).

    Raises:
        ValueError: for fewer than two values, from which no spread can be estimated, or ``new`` below 1.
    """
    sample = _sample(values)
    if len(sample) < 2:
        raise ValueError(f"a prediction interval needs at least 2 values, got {len(sample)}; add repetitions")
    if new < 1:
        raise ValueError(f"a prediction interval is for at least 1 new observation, got new={new}")
    return _student_interval(sample, level, np.sqrt(1 / len(sample) + 1 / new))


def equivalence(a: npt.ArrayLike, b: npt.ArrayLike, margin: float) -> float:
    """Compute the p value of two one-sided paired t tests (Schuirmann 1987) of |mean of a - b| >= ``margin``.

    It is at most 0.05 exactly where the 90 % t interval of the mean difference lies within ±``margin``.
    A single pair gives 1: it carries no information on the spread.

    Raises:
        ValueError: as :func:`non_inferiority`.
    """
    return max(non_inferiority(a, b, margin), non_inferiority(b, a, margin))


def non_inferiority(a: npt.ArrayLike, b: npt.ArrayLike, margin: float) -> float:
    """Compute the p value of the one-sided paired t test of mean of a - b >= ``margin``.

    It is at most 0.05 exactly where the 90 % t interval of the mean difference lies below ``margin``. A single pair
    gives 1.

    Raises:
        ValueError: as :func:`paired_difference`, or when ``margin`` is not positive.
    """
    if margin <= 0:
        raise ValueError(f"a margin must be positive, got {margin}")
    differences = _differences(a, b)
    if len(differences) == 1:
        return 1.0
    if _constant(differences):
        return 0.0 if _plain(float(differences.mean())) < margin else 1.0
    return float(stats.ttest_1samp(differences, margin, alternative="less").pvalue)


def probability_of_improvement(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Estimate how probable it is that a run of ``a`` has a lower error than a run of ``b``; ties count half.

    The common-language effect size over all pairs of runs, Mann-Whitney's U over n·m (Agarwal et al. 2021, section 4).

    Raises:
        ValueError: when a value is missing or not finite.
    """
    first, second = (np.round(_sample(values), _DECIMALS) for values in (a, b))
    return float(stats.mannwhitneyu(second, first).statistic) / (len(first) * len(second))


def area_under_error(rates: npt.ArrayLike, errors: npt.ArrayLike) -> float:
    """Mean error over the range of log rates, by the trapezoid rule: low where many rates work.

    Args:
        rates: base rates, shape (n,), positive, in any order, two at least.
        errors: the error at each rate, shape (n,).

    Raises:
        ValueError: when the shapes differ, a rate is not positive or all are the same.
    """
    places, values = _sample(rates), _sample(errors)
    if len(places) != len(values) or (places <= 0).any() or len(set(places.tolist())) < 2:
        raise ValueError(f"expected an error for each of two or more positive rates, got {places} and {values}")
    order = np.argsort(places)
    logs = np.log(places[order])
    return float(np.trapezoid(values[order], logs) / (logs[-1] - logs[0]))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down adjusted p values, in the order given."""
    if not p_values:
        return ()
    return tuple(float(p) for p in multipletests(list(p_values), method="holm")[1])


def smallest_sign_flip_p(n: int) -> float:
    """Bound the two-sided sign-flip p value of ``n`` pairs from below: 2 of 2**n sign patterns."""
    return min(1.0, 2.0 / 2.0**n)


def _sample(values: npt.ArrayLike) -> Values:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) == 0:
        raise ValueError(f"expected at least one value in one dimension, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"expected finite values, got {sample.tolist()}; a diverged cell counts with its error")
    return sample


def _differences(a: npt.ArrayLike, b: npt.ArrayLike) -> Values:
    first, second = _sample(a), _sample(b)
    if len(first) != len(second):
        raise ValueError(f"paired values must be as many on both sides, got {len(first)} and {len(second)}")
    return first - second


def _plain(value: float) -> float:
    """``value`` without what rounding made of it: errors are counts over counts, whose ties have to stay ties.

    A bound that is 0, or a margin, is neither above nor below it by accident.
    """
    return round(value, _DECIMALS) + 0.0  # the sum is never -0.0


def _constant(sample: Values) -> bool:
    return bool(np.ptp(sample) <= 10.0**-_DECIMALS)


def _student_interval(sample: Values, level: float, scale: float) -> Interval:
    quantile = stats.t.ppf(0.5 + level / 2, len(sample) - 1)
    half = float(quantile * sample.std(ddof=1) * scale)
    mean = float(sample.mean())
    return _plain(mean - half), _plain(mean + half)


def _bootstrap_interval(differences: Values) -> Interval:
    interval = stats.bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        method="BCa",
        confidence_level=expanded_level(len(differences)),
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return _plain(float(interval.low)), _plain(float(interval.high))


def _mean(values: Values, axis: int) -> Values:
    return np.asarray(np.round(values.mean(axis=axis), _DECIMALS))  # as _plain


def _sign_flip_p(differences: Values) -> float:
    test = stats.permutation_test(
        (differences,),
        _mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(SEED),
    )
    return float(test.pvalue)
