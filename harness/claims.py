"""Claims, and which records they are about.

The base rate of a family is chosen on validation error alone, over the tuning repetitions; what is compared are the
final repetitions, whose seeds the choice has not seen. ``harness.verdicts`` has the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from harness.record import Record
from harness.specification import Cell, Dataset, Implementation, Recipe, ShippedModel

if TYPE_CHECKING:
    from harness.statistics import Interval

PRIMARY = "decay"  # the question that the study is named after
AGREEMENT = "agreement"  # of the two implementations
RANKING = "ranking"  # of decays, by the two implementations
FACTOR = "factor"  # whether 2.6 is as good as the others
LABELS = "labels"  # what pre-training is worth in labels
Outcome = Literal["held", "failed", "undecided", "no data"]
Place = tuple[str, str]  # dataset and recipe
Choice = Literal["lowest error", "lowest test error", "highest test error", "least movement", "most movement"]
Directions = Literal["forward", "backward", "both"]
Measure = Literal[
    "test error", "validation error", "area", "movement of the lowest layer", "movement of the highest LSTM"
]


class ClaimsError(ValueError):
    """Records that cannot be judged together; the message says which and what to do."""


@dataclass(frozen=True)
class Protocol:
    """Repetitions that choose the base rate, those that are reported, and the equivalence margin (error fraction)."""

    tuning_repetitions: tuple[int, ...]
    final_repetitions: tuple[int, ...]
    margin: float


@dataclass(frozen=True)
class Family:
    """The cells that differ only in base rate and repetition."""

    dataset: str
    recipe: str
    implementation: Implementation
    arm: str
    decay: float


@dataclass(frozen=True)
class Selector:
    """One side of a contrast, within one dataset and recipe.

    Of several ``decay`` factors it is the one that ``chosen_by`` names, over the final repetitions and once all factors
    have all of these: that with the lowest validation error, the lowest or highest test error, or whose lowest layer
    moves least or most. The choice is made among the records of the implementation ``chosen_with`` where one is named.
    ``rate`` is the one that tuning chose (None), a number, or the name of an arm whose tuned rate is taken. ``dataset``
    is another than the claim's, and so may ``recipe`` be. ``direction`` "backward" reads the cells of the backward
    model's recipe (``backward_of``), "both" averages the probabilities that the two directions' cells of a repetition
    predict, each at its own base rate. ``measure`` is what is compared, always a fraction: the test or validation
    error; the area under validation error against the log of the base rate (``statistics.area_under_error``, over all
    base rates); or how far a layer moves, relative to its weights before. ``less`` is another selector whose value is
    subtracted in each repetition, so that a side is an effect.
    """

    implementation: Implementation
    arm: str
    decay: float | tuple[float, ...]
    rate: float | str | None = None
    dataset: str | None = None
    measure: Measure = "test error"
    chosen_by: Choice = "lowest error"
    less: Selector | None = None
    recipe: str | None = None
    direction: Directions = "forward"
    chosen_with: Implementation | None = None


@dataclass(frozen=True)
class Claim:
    """A sentence with its contrast, or several, and rule.

    ``margin`` is a fraction. ``places`` are the datasets and recipes that it is about, with records or without; None:
    those that have some. Claims that share a ``question`` are one family of tests (Holm), whose size the places fix.
    ``also`` has further pairs of sides, left and right, of all of which the same is claimed. Not equivalence: of its
    contrasts, which err to either side, none speaks least for the claim.
    """

    name: str
    sentence: str
    kind: Literal["superior", "equivalent", "not inferior"]
    left: Selector
    right: Selector
    margin: float
    places: tuple[Place, ...] | None = None
    question: str = PRIMARY
    also: tuple[tuple[Selector, Selector], ...] = ()

    def __post_init__(self) -> None:
        if self.also and self.kind == "equivalent":
            raise ValueError(
                f"claim {self.name}: equivalence cannot be claimed of several contrasts; write a claim each"
            )

    @property
    def contrasts(self) -> tuple[tuple[Selector, Selector], ...]:
        """All pairs of sides, left and right."""
        return ((self.left, self.right), *self.also)

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """All that is read, once: the sides, and what each is compared with first."""
        sides = tuple(side for contrast in self.contrasts for side in contrast)
        return tuple(dict.fromkeys((*sides, *(side.less for side in sides if side.less is not None))))


@dataclass(frozen=True)
class Deciding:
    """The fewest pairs with which an undecided claim would be decided, and how."""

    pairs: int
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """What the records say of a claim on one dataset and recipe.

    ``interval`` is the 95 % BCa interval for superiority and the 90 % t interval otherwise; ``p`` is that of the
    sign-flip test, or of the one or two one-sided t tests, Holm-adjusted over the question. They are absent where there
    are no data. Of several contrasts ``difference``, ``interval`` and ``improvement`` are those of the one at the index
    ``contrast`` of the claim's, which speaks least for it, ``p`` is the largest and ``n`` the smallest of any.
    """

    claim: Claim
    dataset: str
    recipe: str
    outcome: Outcome
    difference: float | None
    interval: Interval | None
    p: float | None
    n: int
    with_items: Interval | None = None  # 95 %, over repetitions and test items at once
    improvement: float | None = None  # probability that a run of the left side has a lower value than one of the right
    deciding: Deciding | None = None  # were all pairs like these; None: decided, several contrasts, or no number would
    contrast: int = 0


def backward_of(recipe: str) -> str:
    """Name the recipe like that called ``recipe`` that starts from the backward language model and reads backward."""
    return f"{recipe}-backward"


def without_language_model(recipe: Recipe) -> Recipe:
    """What recipes share that differ in nothing but their general language model, its direction and their names."""
    return replace(recipe, name="", general=ShippedModel("", ""), direction="forward")


def without_labels(dataset: Dataset) -> Dataset:
    """What data sets share that differ in nothing but their budget of labels and their names."""
    return replace(dataset, name="", title="", labels=None)


def directions(side: Selector) -> tuple[Selector, ...]:
    """The side itself, or for one of both directions either of them."""
    if side.direction != "both":
        return (side,)
    return replace(side, direction="forward"), replace(side, direction="backward")


def families(side: Selector, place: Place) -> tuple[Family, ...]:
    """All families that a side may read or chooses from on a dataset and recipe, without those of ``less``."""
    dataset, recipe = side.dataset or place[0], side.recipe or place[1]
    choosers = () if side.chosen_with is None or not isinstance(side.decay, tuple) else (side.chosen_with,)
    return tuple(
        Family(
            dataset,
            backward_of(recipe) if one.direction == "backward" else recipe,
            implementation,
            side.arm,
            decay,
        )
        for implementation in dict.fromkeys((side.implementation, *choosers))
        for one in directions(side)
        for decay in (side.decay if isinstance(side.decay, tuple) else (side.decay,))
    )


def rate_choosers(side: Selector, place: Place) -> tuple[Family, ...]:
    """The families whose tuning chooses the base rate of a side that takes that of another arm, at the uniform rate."""
    if not isinstance(side.rate, str):
        return ()
    return tuple(dict.fromkeys(replace(one, arm=side.rate, decay=1.0) for one in families(side, place)))


def without_unread(records: Iterable[Record], claims: Iterable[Claim], protocol: Protocol) -> tuple[Record, ...]:
    """The records, with probabilities only where a claim averages them: they are much of a record's size."""
    records = tuple(records)
    everywhere = dict.fromkeys((r.specification.dataset.name, r.specification.recipe.name) for r in records)
    averaged = {
        family
        for claim in claims
        for side in claim.selectors
        if side.direction == "both"
        for place in (everywhere if claim.places is None else claim.places)
        for family in families(side, place)
    }
    return tuple(
        record
        if family_of(record) in averaged and record.specification.repetition in protocol.final_repetitions
        else replace(record, probabilities=None)
        for record in records
    )


def family_of(record: Record) -> Family:
    """Name the family that a record belongs to."""
    return family_of_cell(record.specification)


def family_of_cell(cell: Cell) -> Family:
    """Name the family that a cell belongs to."""
    return Family(cell.dataset.name, cell.recipe.name, cell.implementation, cell.arm.name, cell.arm.decay)


def tuning_errors(records: Iterable[Record], protocol: Protocol) -> dict[Family, dict[float, float]]:
    """Mean validation error of each base rate for which all tuning repetitions exist, by family that has any."""
    found: dict[Family, dict[float, dict[int, float]]] = {}
    for record in records:
        if record.specification.repetition in protocol.tuning_repetitions:
            rates = found.setdefault(family_of(record), {})
            errors = rates.setdefault(record.specification.base_rate, {})
            errors[record.specification.repetition] = record.result.validation.error
    planned = len(protocol.tuning_repetitions)
    return {
        family: {
            rate: sum(errors.values()) / planned for rate, errors in sorted(rates.items()) if len(errors) == planned
        }
        for family, rates in found.items()
    }


def best_rates(errors: Mapping[float, float]) -> tuple[float, ...]:
    """The base rates with the lowest mean validation error, lowest rate first: several where they tie."""
    lowest = min(map(comparable, errors.values()))
    return tuple(rate for rate in sorted(errors) if comparable(errors[rate]) == lowest)


def comparable(value: float) -> float:
    """A sum or mean of errors, rounded so that ties of counts are ties, in whatever order they were added."""
    return round(value, 9)


def chosen_rates(records: Iterable[Record], protocol: Protocol) -> dict[Family, float]:
    """Choose the base rate of each family: lowest mean validation error over the tuning repetitions; ties: the lower.

    A family without tuning records takes its only rate. One with several rates and nothing to choose by, or whose
    tuning is not complete for any rate, is left out: its choice is still open.
    """
    records = tuple(records)
    tuned = tuning_errors(records, protocol)
    chosen = {family: best_rates(errors)[0] for family, errors in tuned.items() if errors}
    untuned: dict[Family, set[float]] = {}
    for record in records:
        if family_of(record) not in tuned:
            untuned.setdefault(family_of(record), set()).add(record.specification.base_rate)
    return chosen | {family: min(rates) for family, rates in untuned.items() if len(rates) == 1}


def final_records(records: Iterable[Record], protocol: Protocol) -> dict[Family, dict[int, Record]]:
    """Select the records that are reported: by family, then repetition, at the chosen rate.

    Raises:
        ClaimsError: when a cell occurs twice.
    """
    records = tuple(records)
    chosen = chosen_rates(records, protocol)
    finals: dict[Family, dict[int, Record]] = {family: {} for family in chosen}
    for record in records:
        family, cell = family_of(record), record.specification
        if cell.repetition in protocol.final_repetitions and chosen.get(family) == cell.base_rate:
            if cell.repetition in finals[family]:
                raise ClaimsError(f"{record.cell}: two records of this cell; leave one of them out")
            finals[family][cell.repetition] = record
    return finals


def paired_errors(left: Mapping[int, Record], right: Mapping[int, Record]) -> tuple[list[float], list[float]]:
    """Test errors of the repetitions that both sides have, in the order of the repetitions."""
    shared = sorted(set(left) & set(right))
    return [left[n].result.test.error for n in shared], [right[n].result.test.error for n in shared]
