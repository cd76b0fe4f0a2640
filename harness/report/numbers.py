"""Every number and verdict that the paper's prose may state, under a flat name, already written as it is to be read.

The paper has no typed results: it asks for them by name, so that its text follows the records. Lists of names let it go
through data sets, claims and sweeps without knowing any of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

import numpy as np

from harness.claim_history import Ages
from harness.claims import AGREEMENT, PRIMARY, RANKING, Claim, Outcome, Protocol, Selector, Verdict, without_labels
from harness.record import Record
from harness.report.baselines import baseline_numbers
from harness.report.beside_published import Kept, Repeated
from harness.report.language_models import language_model_numbers
from harness.report.listings import commit_text, later_text
from harness.report.page import ReportInputs
from harness.report.same_rates import same_rates_table
from harness.report.summaries import Summary
from harness.report.sweeps import sweep_numbers, tuning_numbers
from harness.report.tables import ABSENT, Value, bracketed, p_value, percent, points
from harness.report.tuning_budget import choice_numbers
from harness.sample_size import MOST_PAIRS, POWER
from harness.specification import Recipe, ShippedModel
from harness.statistics import RESAMPLES, Interval, expanded_level, smallest_sign_flip_p
from harness.variance import crossed_errors
from harness.verdicts import SIGNIFICANCE, largest_family

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


def numbers(inputs: ReportInputs) -> dict[str, Value]:
    """Map names to texts, counts and lists of names, sorted by name; errors are in percent, differences in points."""
    records, protocol, summaries, verdicts = inputs.records, inputs.protocol, inputs.summaries, inputs.verdicts
    found = (
        _study_numbers(summaries, records, protocol)
        | _environment_numbers(records)
        | _protocol_numbers(protocol, verdicts)
        | _verdict_numbers(verdicts, inputs.titles)
        | _age_numbers(inputs.ages, verdicts)
        | _spread_numbers(summaries)
        | _recipe_numbers(records)
        | sweep_numbers(summaries)
        | tuning_numbers(records, protocol)
        | baseline_numbers(inputs.baselines, summaries)
        | _published_numbers(inputs.contrasts, len(protocol.final_repetitions))
        | {"again/cells": sum(map(len, inputs.again.values())), "variance/rows": len(crossed_errors(records))}
        | choice_numbers(inputs.choices, protocol, inputs.titles)
        | {"pretraining/rows": len(inputs.starts)}
        | language_model_numbers(inputs.language_model_groups)
        | {"same-rates/rows": len(same_rates_table((), summaries, protocol, {}).rows)}
    )
    return dict(sorted(found.items()))


def to_json(found: Mapping[str, Value]) -> str:
    """Write the numbers as JSON, one a line, sorted."""
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def place_title(summary: Summary) -> str:
    """Name a data set and recipe for a reader."""
    cell = summary.finals[0].specification
    return f"{cell.dataset.title} ({cell.recipe.name})"


def _study_numbers(summaries: Sequence[Summary], records: Sequence[Record], protocol: Protocol) -> dict[str, Value]:
    hours = sum(record.cost.cpu_seconds for record in records) / 3600
    crossed = sum(record.specification.recipe.crossing is not None for record in records)
    records = [record for record in records if record.specification.recipe.crossing is None]
    implementations = Counter(record.specification.implementation for record in records)
    return {
        "study/cells": len(records),
        "study/cells/crossed": crossed,
        "study/cells/tuning": sum(r.specification.repetition in protocol.tuning_repetitions for r in records),
        "study/cells/final": sum(len(summary.finals) for summary in summaries),
        "study/cells/diverged": sum(record.result.outcome == "diverged" for record in records),
        "study/cells/diverged/final": sum(
            record.result.outcome == "diverged" for summary in summaries for record in summary.finals
        ),
        "study/cells/torch": implementations["torch"],
        "study/cells/fastai": implementations["fastai"],
        "study/families": len(summaries),
        "study/datasets": _distinct(record.specification.dataset.title for record in records),
        "study/datasets/count": len({record.specification.dataset.name for record in records}),
        "study/datasets/texts": len({without_labels(record.specification.dataset) for record in records}),
        "study/core-hours": f"{hours:.1f}",
        "study/largest-ratio-error": f"{max((r.result.rates.largest_ratio_error for r in records), default=0.0):.1e}",
    }


def _environment_numbers(records: Iterable[Record]) -> dict[str, Value]:
    environments = tuple(record.environment for record in records)
    return {
        "environment/commits": _distinct(map(commit_text, environments)),
        "environment/processors": _distinct(environment.processor for environment in environments),
        "environment/devices": _distinct(environment.device for environment in environments),
        "environment/precisions": _distinct(environment.precision for environment in environments),
        "environment/python": _distinct(environment.python for environment in environments),
        "environment/torch": _distinct(environment.torch for environment in environments),
        "environment/fastai": _distinct(environment.fastai for environment in environments),
        "environment/numpy": _distinct(environment.numpy for environment in environments),
    }


def _protocol_numbers(protocol: Protocol, verdicts: Sequence[Verdict]) -> dict[str, Value]:
    largest = largest_family(verdicts)
    planned = len(protocol.final_repetitions)
    return {
        "protocol/tuning-seeds": len(protocol.tuning_repetitions),
        "protocol/final-seeds": planned,
        "protocol/margin": f"{100 * protocol.margin:g}",
        "protocol/significance": f"{SIGNIFICANCE:g}",
        "protocol/resamples": f"{RESAMPLES:,}",
        "protocol/expanded-level": f"{100 * expanded_level(planned):.1f}",
        "protocol/power": f"{100 * POWER:g}",
        "protocol/most-pairs": f"{MOST_PAIRS:,}",
        "protocol/comparisons": largest,
        "protocol/smallest-p": p_value(min(1.0, largest * smallest_sign_flip_p(planned))),
    }


def _verdict_numbers(verdicts: Sequence[Verdict], titles: Mapping[str, str]) -> dict[str, Value]:
    claims = {verdict.claim.name: verdict.claim for verdict in verdicts}
    counts = Counter(verdict.outcome for verdict in verdicts)
    found: dict[str, Value] = {f"outcomes/{_slug(outcome)}": counts[outcome] for outcome in OUTCOMES}
    primary = tuple(name for name, claim in claims.items() if claim.question == PRIMARY)
    found |= {"claims": tuple(claims), "claims/primary": primary, "outcomes": len(verdicts)}
    found["claims/agreement"] = tuple(name for name, claim in claims.items() if claim.question in (AGREEMENT, RANKING))
    for claim in claims.values():
        found |= _claim_numbers(claim, [verdict for verdict in verdicts if verdict.claim == claim])
    for verdict in verdicts:
        title = f"{titles.get(verdict.dataset, verdict.dataset)} ({verdict.recipe})"
        found |= _judged(verdict, _key(verdict), title)
    return found


def _age_numbers(aged: Sequence[Ages], verdicts: Sequence[Verdict]) -> dict[str, Value]:
    """Say for each verdict how many of its records are younger than its claim, and count the verdicts where all are."""
    judged = {_key(verdict): age for age, verdict in zip(aged, verdicts, strict=True) if verdict.outcome != "no data"}
    found: dict[str, Value] = {f"{_key(verdict)}/made-after": ABSENT for verdict in verdicts}
    found |= {f"{key}/made-after": "all" if age.all_later else later_text(age) for key, age in judged.items()}
    return found | {
        "verdicts/with-data": len(judged),
        "verdicts/all-after": sum(age.all_later for age in judged.values()),
    }


def _claim_numbers(claim: Claim, verdicts: Sequence[Verdict]) -> dict[str, Value]:
    key = f"claim/{claim.name}"
    counts = Counter(verdict.outcome for verdict in verdicts)
    stated: tuple[Outcome, ...] = OUTCOMES if claim.question in (PRIMARY, AGREEMENT, RANKING) else ("no data",)
    found: dict[str, Value] = {f"{key}/{_slug(outcome)}": counts[outcome] for outcome in stated}
    return found | {
        f"{key}/sentence": claim.sentence,
        f"{key}/kind": _slug(claim.kind),
        f"{key}/measure": _measured(claim),
        f"{key}/margin": f"{100 * claim.margin:g}",
        f"{key}/contrasts": len(claim.contrasts),
        f"{key}/verdicts": tuple(map(_key, verdicts)),
    }


def _key(verdict: Verdict) -> str:
    return f"verdict/{verdict.claim.name}/{verdict.dataset}/{verdict.recipe}"


def _measured(claim: Claim) -> str:
    """Say what a claim compares, once where both sides have the same."""
    sides = [side for contrast in claim.contrasts for side in contrast]
    measures = (f"difference of {side.measure}" if side.less is not None else side.measure for side in sides)
    return " against ".join(dict.fromkeys(measures))


def _judged(verdict: Verdict, key: str, title: str) -> dict[str, Value]:
    return {
        f"{key}/title": title,
        f"{key}/outcome": _slug(verdict.outcome),
        f"{key}/difference": points(verdict.difference),
        f"{key}/interval": bracketed(verdict.interval, signed=True),
        f"{key}/side": _side(verdict.interval),
        f"{key}/p": p_value(verdict.p),
        f"{key}/pairs": verdict.n or ABSENT,
        f"{key}/deciding": ABSENT if verdict.deciding is None else f"{verdict.deciding.pairs:,}",
        f"{key}/deciding/outcome": ABSENT if verdict.deciding is None else verdict.deciding.outcome,
        f"{key}/with-items": bracketed(verdict.with_items, signed=True),
        f"{key}/told": _told(verdict),
    }


def _told(verdict: Verdict) -> str:
    """Name the sides of the contrast that is told, where the claim has several."""
    if not verdict.claim.also or verdict.outcome == "no data":
        return ABSENT
    return " against ".join(map(_named, verdict.claim.contrasts[verdict.contrast]))


def _named(side: Selector) -> str:
    if not isinstance(side.decay, tuple):
        return f"{side.arm} at {side.decay:g}"
    chooser = f" of {side.chosen_with}" if side.chosen_with else ""
    return f"{side.arm} of {side.implementation} at the decay with the {side.chosen_by}{chooser}"


def _side(interval: Interval | None) -> str:
    """Say on which side of no difference an interval lies."""
    if interval is None:
        return ABSENT
    return "below" if interval[1] < 0 else "above" if interval[0] > 0 else "across"


def _spread_numbers(summaries: Sequence[Summary]) -> dict[str, Value]:
    """Standard deviations over seeds, by data set and recipe, and what one test figure owes to its test items."""
    places: dict[str, list[Summary]] = {}
    for summary in summaries:
        if len(summary.finals) > 1:
            places.setdefault(f"{summary.family.dataset}/{summary.family.recipe}", []).append(summary)
    found: dict[str, Value] = {"spreads": tuple(f"spread/{place}" for place in places)}
    for place, rows in places.items():
        errors = [[record.result.test.error for record in row.finals] for row in rows]
        spreads = [float(np.std(of_family, ddof=1)) for of_family in errors]
        error = float(np.mean([np.mean(of_family) for of_family in errors]))
        items = rows[0].finals[0].result.test.items
        found |= {
            f"spread/{place}/title": place_title(rows[0]),
            f"spread/{place}/families": len(rows),
            f"spread/{place}/smallest": percent(min(spreads)),
            f"spread/{place}/median": percent(float(np.median(spreads))),
            f"spread/{place}/largest": percent(max(spreads)),
            f"spread/{place}/items": f"{items:,}",
            f"spread/{place}/of-items": percent(float(np.sqrt(error * (1 - error) / items))),
        }
    return found


def _recipe_numbers(records: Sequence[Record]) -> dict[str, Value]:
    precisions: dict[str, set[str]] = {}
    for record in records:
        precisions.setdefault(record.specification.recipe.name, set()).add(record.environment.precision)
    used = (record.specification.recipe for record in records)
    recipes = {recipe.name: recipe for recipe in used if recipe.crossing is None}
    found: dict[str, Value] = {"recipes": tuple(f"recipe/{name}" for name in sorted(recipes))}
    for name, recipe in recipes.items():
        found |= {f"recipe/{name}/{key}": value for key, value in _recipe(recipe).items()}
        found[f"recipe/{name}/precision"] = ", ".join(sorted(precisions[name]))
    return found


def _recipe(recipe: Recipe) -> dict[str, Value]:
    size, classifier, optimization = recipe.size, recipe.classifier, recipe.classifier.optimization
    general = recipe.general if isinstance(recipe.general, ShippedModel) else None
    return {
        "title": recipe.name,
        "size": f"{size.embedding}/{size.hidden}×{size.layers}",
        "vocabulary": f"{size.max_vocabulary:,}",
        "start": f"pre-trained, {general.name}" if general is not None else "trained on the data set’s own text",
        "target-epochs": recipe.target.epochs,
        "epochs": classifier.epochs,
        "batch": classifier.batch_size,
        "bptt": classifier.bptt,
        "betas": f"({optimization.beta1:g}, {optimization.beta2:g})",
        "weight-decay": f"{optimization.weight_decay:g}",
    }


def _published_numbers(contrasts: Sequence[Repeated], planned: int) -> dict[str, Value]:
    """Count, for each published table, the contrasts repeated and those whose sign is kept or reversed."""
    found: dict[str, Value] = {}
    for table in sorted({row.contrast.after.table for row in contrasts}):
        judged = [row.verdict(planned) for row in contrasts if row.contrast.after.table == table]
        counts = Counter(verdict for verdict in judged if verdict is not None)
        key = f"published/{table}"
        found[f"{key}/measured"] = counts.total()
        for verdict in get_args(Kept):
            found[f"{key}/{verdict}"] = counts[verdict] if counts else ABSENT
        found |= {f"{key}/title": f"Howard and Ruder’s Table {table}"}
    return found | {"published": tuple(dict.fromkeys(name.rsplit("/", 1)[0] for name in found))}


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


def _slug(text: str) -> str:
    return text.replace(" ", "-")
