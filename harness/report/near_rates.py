"""What decay 2.6 changes at other base rates that did nearly as well on validation data (``harness.near``)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.claims import Family, Protocol, best_rates, paired_errors
from harness.near import near
from harness.record import Record
from harness.report.marks import MIXED, MIXED_NOTE, NOTE, joined_marks, mixed_mark, rate_marks
from harness.report.summaries import DISCRIMINATIVE, UNIFORM, Summary, finals_by_rate, find, swept_arm
from harness.report.tables import ABSENT, Column, Table, Value, points
from harness.statistics import paired_difference

RatePair = tuple[float, float]  # at decay 1, at 2.6
Finals = Mapping[tuple[Family, float], Mapping[int, Record]]  # by family and base rate, then by repetition


@dataclass(frozen=True)
class NearRates:
    """The near rates of decays 1 and 2.6 of an arm, ``family`` being that of 2.6, and of how many each was chosen.

    ``differences`` are of mean test error (fractions), 2.6 minus 1 and paired, for each pair of near rates, at 1 and at
    2.6, at which both ran all final repetitions; ``chosen`` is the pair that tuning chose, ``marks`` those of its
    rates, ``tied`` are the other pairs among ``differences`` whose rates have the same validation errors, and ``mixed``
    those that did not run in one precision.
    """

    family: Family
    uniform: tuple[float, ...]
    discriminative: tuple[float, ...]
    tried: int
    differences: Mapping[RatePair, float]
    chosen: RatePair
    marks: str
    tied: tuple[RatePair, ...]
    mixed: frozenset[RatePair]

    @property
    def lower(self) -> int:
        """In how many pairs 2.6 has the lower error."""
        return sum(difference < 0 for difference in self.differences.values())

    @property
    def own(self) -> float:
        """The difference at the rates that were chosen."""
        return self.differences[self.chosen]

    @property
    def extremes(self) -> tuple[RatePair, RatePair]:
        """The pairs with the lowest and the highest difference."""
        pairs = sorted(self.differences, key=lambda pair: self.differences[pair])
        return pairs[0], pairs[-1]

    @property
    def own_is(self) -> str:
        """Whether the difference at the chosen rates is the highest or the lowest of all; else nothing."""
        others = [difference for pair, difference in self.differences.items() if pair != self.chosen]
        if not others or min(others) <= self.own <= max(others):
            return ""
        return "highest" if self.own > max(others) else "lowest"


def near_rates(summaries: Sequence[Summary], records: Iterable[Record], protocol: Protocol) -> tuple[NearRates, ...]:
    """Compare 2.6 with 1 for the swept arm of each data set, recipe and implementation that was tuned at both."""
    planned, finals = len(protocol.final_repetitions), finals_by_rate(records, protocol)
    whole = {key: found for key, found in finals.items() if len(found) == planned}
    arm = swept_arm(summaries)
    found = []
    for summary in summaries:
        uniform = find(summaries, replace(summary.family, decay=UNIFORM))
        if summary.family.arm != arm or summary.family.decay != DISCRIMINATIVE or uniform is None:
            continue
        if len(summary.tried) > 1 and summary.tried == uniform.tried and not (summary.missing or uniform.missing):
            found.append(_near_rates(uniform, summary, whole))
    return tuple(found)


def near_rates_table(found: Iterable[NearRates], titles: Mapping[str, str]) -> Table:
    """Build one row for each of ``found``."""
    columns = (
        Column("Dataset"),
        Column("Implementation"),
        Column("Near at 1", numeric=True),
        Column("Near at 2.6", numeric=True),
        Column("Of rates", numeric=True),
        Column("Pairs run", numeric=True),
        Column("2.6 − 1, chosen", numeric=True),
        Column("Lowest", numeric=True),
        Column("Highest", numeric=True),
        Column("2.6 lower in", numeric=True),
    )
    caption = (
        "Base rates near the chosen one: their mean validation error over the tuning repetitions is within one "
        "binomial standard error, by the size of the validation set, of the lowest. The difference in mean test error "
        "between decays 2.6 and 1 in points, at the chosen rates, and the lowest and highest of all pairs of near "
        "rates at which both ran all final repetitions, and in how many of them 2.6 is the lower; pairs share runs. "
        f"{NOTE} {MIXED_NOTE}"
    )
    return Table(caption, columns, tuple(_row(one, titles) for one in found))


def near_rate_numbers(
    found: Iterable[NearRates], titles: Mapping[str, str], unshipped: Collection[str]
) -> dict[str, Value]:
    """Count the rows of the table, and tell of those where more pairs than the chosen one were run.

    ``unshipped`` are the recipes that start from no shipped language model; nothing is said of them.
    """
    found = [one for one in found if one.family.recipe not in unshipped]
    numbers: dict[str, Value] = {}
    keys = []
    for one in found:
        if len(one.differences) > 1:
            family = one.family
            key = f"near/{family.dataset}/{family.recipe}/{family.implementation}"
            keys.append(key)
            numbers |= {
                f"{key}/title": f"{titles.get(family.dataset, family.dataset)}, {family.implementation}",
                f"{key}/pairs": len(one.differences),
                f"{key}/of": len(one.uniform) * len(one.discriminative),
                f"{key}/own": f"{points(one.own)}{one.marks}",
                f"{key}/lowest": points(one.differences[one.extremes[0]]),
                f"{key}/highest": points(one.differences[one.extremes[1]]),
                f"{key}/lower": one.lower,
                f"{key}/own-is": one.own_is or ABSENT,
                f"{key}/tied": tuple(points(one.differences[pair]) for pair in one.tied),
            }
    return numbers | {"near": tuple(keys), "near/rows": len(found)}


def _near_rates(uniform: Summary, discriminative: Summary, finals: Finals) -> NearRates:
    family, both = discriminative.family, (uniform, discriminative)
    errors = [dict(zip(one.tried, one.tuning, strict=True)) for one in both]
    items = uniform.finals[0].result.validation.items
    (at_1, at_26), (best_1, best_26) = ([near(each, items) for each in errors], [best_rates(each) for each in errors])
    chosen = (uniform.rate or 0.0, discriminative.rate or 0.0)
    differences, mixed = {}, set()
    for low in at_1:
        for high in at_26:
            right, left = finals.get((uniform.family, low), {}), finals.get((family, high), {})
            if right and left:
                differences[low, high] = paired_difference(*paired_errors(left, right)).mean
                mixed |= {(low, high)} if mixed_mark((*left.values(), *right.values())) else set()
    return NearRates(
        family=family,
        uniform=at_1,
        discriminative=at_26,
        tried=len(uniform.tried),
        differences=differences,
        chosen=chosen,
        marks=joined_marks(rate_marks(uniform), rate_marks(discriminative)),
        tied=tuple(pair for pair in differences if pair != chosen and pair[0] in best_1 and pair[1] in best_26),
        mixed=frozenset(mixed),
    )


def _title(family: Family, titles: Mapping[str, str]) -> str:
    return f"{titles.get(family.dataset, family.dataset)} ({family.recipe})"


def _mixed(one: NearRates, pair: RatePair) -> str:
    return MIXED if pair in one.mixed else ""


def _row(one: NearRates, titles: Mapping[str, str]) -> tuple[str, ...]:
    several = len(one.differences) > 1
    return (
        _title(one.family, titles),
        one.family.implementation,
        f"{len(one.uniform)}",
        f"{len(one.discriminative)}",
        f"{one.tried}",
        f"{len(one.differences)} of {len(one.uniform) * len(one.discriminative)}",
        f"{points(one.own)}{one.marks}{_mixed(one, one.chosen)}",
        *(f"{points(one.differences[pair])}{_mixed(one, pair)}" if several else ABSENT for pair in one.extremes),
        f"{one.lower}" if several else ABSENT,
    )
