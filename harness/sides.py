"""One side of a claim: its value in each final repetition."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.claims import (
    ClaimsError,
    Family,
    Place,
    Protocol,
    Selector,
    Verdict,
    chosen_rates,
    comparable,
    directions,
    families,
    family_of,
    rate_choosers,
    tuning_errors,
    without_language_model,
)
from harness.crossed import Correct, unpack_correct
from harness.probabilities import average_right
from harness.record import Record
from harness.specification import Recipe
from harness.statistics import area_under_error

Finals = Mapping[float, Mapping[int, Record]]  # final repetitions by base rate


@dataclass(frozen=True)
class Evidence:
    """Records as claims read them.

    ``chosen`` has the tuned rate of each family that was tuned at as many rates as any other of its dataset and recipe,
    or of a recipe that differs in the language model alone: equal budgets are what makes tuned arms comparable.
    ``grids`` has those rates.
    """

    finals: Mapping[Family, Finals]
    chosen: Mapping[Family, float]
    grids: Mapping[Place, frozenset[float]]
    places: tuple[Place, ...]


def gather(records: Iterable[Record], protocol: Protocol) -> Evidence:
    """Sort the records; crossed repetitions are left out.

    Raises:
        ClaimsError: when a cell occurs twice.
    """
    records = tuple(record for record in records if record.specification.recipe.crossing is None)
    tuned = tuning_errors(records, protocol)
    recipes = {r.specification.recipe.name: without_language_model(r.specification.recipe) for r in records}
    places = dict.fromkeys((r.specification.dataset.name, r.specification.recipe.name) for r in records)
    rates: dict[tuple[str, Recipe], set[float]] = {}
    for family, errors in tuned.items():
        rates.setdefault((family.dataset, recipes[family.recipe]), set()).update(errors)
    grids = {place: frozenset(rates.get((place[0], recipes[place[1]]), ())) for place in places}
    chosen = {
        family: rate
        for family, rate in chosen_rates(records, protocol).items()
        if set(tuned.get(family, ())) == grids[family.dataset, family.recipe]
    }
    return Evidence(_finals(records, protocol), chosen, grids, tuple(places))


def _finals(records: Iterable[Record], protocol: Protocol) -> dict[Family, dict[float, dict[int, Record]]]:
    found: dict[Family, dict[float, dict[int, Record]]] = {}
    for record in records:
        cell = record.specification
        if cell.repetition in protocol.final_repetitions:
            at_rate = found.setdefault(family_of(record), {}).setdefault(cell.base_rate, {})
            if cell.repetition in at_rate:
                raise ClaimsError(f"{record.cell}: two records of this cell; leave one of them out")
            at_rate[cell.repetition] = record
    return found


def records_of(selector: Selector, place: Place, evidence: Evidence, protocol: Protocol) -> Mapping[int, Record]:
    """The final records at the base rate of a side of one direction, by repetition.

    There are none where its rate or decay is still open.

    Raises:
        ClaimsError: for a side of both directions.
    """
    family = _family(selector, place, evidence, protocol)
    if family is None:
        return {}
    rate = selector.rate
    if rate is None:
        rate = evidence.chosen.get(family)
    elif isinstance(rate, str):
        (chooser,) = rate_choosers(replace(selector, decay=family.decay), place)
        rate = evidence.chosen.get(chooser)
    return {} if rate is None else evidence.finals.get(family, {}).get(rate, {})


def by_family(records: Iterable[Record]) -> dict[Family, list[Record]]:
    """Sort records by family."""
    found: dict[Family, list[Record]] = {}
    for record in records:
        found.setdefault(family_of(record), []).append(record)
    return found


def records_read(
    verdict: Verdict, records: Mapping[Family, Sequence[Record]], protocol: Protocol
) -> tuple[Record, ...]:
    """Those of the records, given by family, that a verdict's claim reads.

    They are those of a side's arm at its decays, tuning included: final ones at the tuned rate, or all of them for an
    area or a rate that another arm chose. Of a side that names its rate they are the final ones there.
    """
    finals = protocol.final_repetitions
    place = (verdict.dataset, verdict.recipe)
    read: dict[str, Record] = {}
    for side in verdict.claim.selectors:
        for family in families(side, place):
            own = records.get(family, ())
            tuned = chosen_rates(own, protocol).get(family) if side.rate is None and side.measure != "area" else None
            for record in own:
                cell = record.specification
                final = cell.repetition in finals
                elsewhere = final and tuned is not None and cell.base_rate != tuned
                if not elsewhere and (not isinstance(side.rate, float) or (final and cell.base_rate == side.rate)):
                    read[record.cell] = record
        for family in rate_choosers(side, place):
            read |= {record.cell: record for record in records.get(family, ())}
    return tuple(read.values())


def rights_of(selector: Selector, place: Place, evidence: Evidence, protocol: Protocol) -> dict[int, Correct]:
    """Which test items were right, shape (items,), in each repetition that all of the side's directions have.

    The averaged predictions of both directions need the probabilities of both.
    """
    read = [records_of(one, place, evidence, protocol) for one in directions(selector)]
    shared = sorted(set(read[0]).intersection(*read[1:]))
    if len(read) == 1:
        return {n: unpack_correct(read[0][n].result.correct, read[0][n].result.test.items) for n in shared}
    found: dict[int, Correct] = {}
    for repetition in shared:
        packed = [records[repetition].probabilities for records in read]
        known = [text for text in packed if text is not None]
        if len(known) == len(packed):
            record = read[0][repetition]
            found[repetition] = average_right(
                known, record.result.test.items, len(record.specification.dataset.classes)
            )
    return found


def values_of(selector: Selector, place: Place, evidence: Evidence, protocol: Protocol) -> dict[int, float]:
    """The side's measure in each repetition that has one; a movement is missing where weights are not finite."""
    less, selector = selector.less, replace(selector, less=None)
    if less is not None:
        if coincide(less, selector, place, evidence, protocol):
            return {}  # there is no effect to speak of
        whole = values_of(selector, place, evidence, protocol)
        part = values_of(less, place, evidence, protocol)
        return {repetition: value - part[repetition] for repetition, value in whole.items() if repetition in part}
    if selector.direction == "both":
        if selector.measure != "test error":
            raise ClaimsError(f"predictions of both directions have a test error, and no {selector.measure}")
        rights = rights_of(selector, place, evidence, protocol)
        return {repetition: float(1 - right.mean()) for repetition, right in rights.items()}
    if selector.measure == "area":
        return _areas(selector, place, evidence, protocol)
    records = records_of(selector, place, evidence, protocol)
    measured = {repetition: _value(selector, record) for repetition, record in records.items()}
    return {repetition: value for repetition, value in measured.items() if value is not None}


def coincide(left: Selector, right: Selector, place: Place, evidence: Evidence, protocol: Protocol) -> bool:
    """Whether the decays or rates that the records chose make both sides the same runs, which have no difference."""
    if left.measure != right.measure or left.less or right.less or "both" in (left.direction, right.direction):
        return False
    one, other = (records_of(side, place, evidence, protocol) for side in (left, right))
    return bool(one) and one == other


def _family(selector: Selector, place: Place, evidence: Evidence, protocol: Protocol) -> Family | None:
    if selector.direction == "both":
        raise ClaimsError("either direction has records of its own; ask for one of them")
    chooser = replace(selector, implementation=selector.chosen_with or selector.implementation, chosen_with=None)
    candidates = families(chooser, place)
    if len(candidates) == 1:
        return replace(candidates[0], implementation=selector.implementation)
    ranks: dict[Family, float] = {}
    for family in candidates:
        finals = evidence.finals.get(family, {}).get(evidence.chosen.get(family, 0.0), {})
        if len(finals) < len(protocol.final_repetitions):
            return None
        ranks[family] = sum(_rank(selector, record) for record in finals.values())
    chosen = min(ranks, key=lambda family: (comparable(ranks[family]), family.decay))
    return replace(chosen, implementation=selector.implementation)


def _rank(selector: Selector, record: Record) -> float:
    """What the chosen decay has the lowest sum of; weights that are not finite have moved without bound."""
    if selector.chosen_by == "lowest error":
        return record.result.validation.error
    if selector.chosen_by in ("lowest test error", "highest test error"):
        return record.result.test.error * (1 if selector.chosen_by == "lowest test error" else -1)
    moved = _value(replace(selector, measure="movement of the lowest layer"), record)
    distance = math.inf if moved is None else moved
    return distance if selector.chosen_by == "least movement" else -distance


def _value(selector: Selector, record: Record) -> float | None:
    groups = record.result.rates.groups
    if selector.measure == "movement of the lowest layer":
        return record.result.displacement[groups[0]]
    if selector.measure == "movement of the highest LSTM":
        return record.result.displacement[groups[-2]]
    return (record.result.validation if selector.measure == "validation error" else record.result.test).error


def _areas(selector: Selector, place: Place, evidence: Evidence, protocol: Protocol) -> dict[int, float]:
    """The area of each repetition that was run at every base rate that tuning had."""
    family = _family(selector, place, evidence, protocol)
    rates = [] if family is None else sorted(evidence.grids.get((family.dataset, family.recipe), ()))
    if family is None or len(rates) < 2:
        return {}
    at_rates = [evidence.finals.get(family, {}).get(rate, {}) for rate in rates]
    return {
        repetition: area_under_error(rates, [at[repetition].result.validation.error for at in at_rates])
        for repetition in protocol.final_repetitions
        if all(repetition in at for at in at_rates)
    }
