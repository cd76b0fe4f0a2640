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

from harness.claims import Protocol, Verdict
from harness.record import Record
from harness.report.again import again_numbers, precision_numbers, repeated_cells
from harness.report.again_contrasts import contrast_again_numbers
from harness.report.at_a_glance import collections_of
from harness.report.baselines import baseline_numbers
from harness.report.beside_published import Kept, Repeated
from harness.report.inputs import ReportInputs
from harness.report.language_models import language_model_numbers
from harness.report.listings import commit_text
from harness.report.near_rates import near_rate_numbers
from harness.report.pretraining import pretraining_numbers
from harness.report.same_rates import same_rates_table
from harness.report.summaries import Summary, without_shipped_model
from harness.report.sweeps import sweep_numbers, tuning_numbers
from harness.report.tables import ABSENT, Value, p_value, percent
from harness.report.tuning_budget import choice_numbers
from harness.report.variance import spreads, variance_numbers
from harness.report.verdict_numbers import age_numbers, verdict_numbers
from harness.sample_size import MOST_PAIRS, POWER
from harness.specification import Recipe, ShippedModel
from harness.statistics import RESAMPLES, expanded_level, smallest_sign_flip_p
from harness.verdicts import SIGNIFICANCE, largest_family


def numbers(inputs: ReportInputs) -> dict[str, Value]:
    """Map names to texts, counts and lists of names, sorted by name; errors are in percent, differences in points."""
    records, protocol, summaries, verdicts = inputs.records, inputs.protocol, inputs.summaries, inputs.verdicts
    unshipped = without_shipped_model(records)
    found = (
        _study_numbers(summaries, records, protocol)
        | _environment_numbers(records)
        | _protocol_numbers(protocol, verdicts)
        | verdict_numbers(verdicts, inputs.titles, inputs.marks, unshipped, len(protocol.final_repetitions))
        | age_numbers(inputs.ages, verdicts)
        | _spread_numbers(summaries)
        | _recipe_numbers(records)
        | sweep_numbers(summaries, unshipped)
        | near_rate_numbers(inputs.near_rates, inputs.titles, unshipped)
        | tuning_numbers(records, protocol)
        | baseline_numbers(inputs.baselines, summaries)
        | _published_numbers(inputs.contrasts, inputs.titles, len(protocol.final_repetitions))
        | again_numbers(repeated_cells(inputs.repeats, protocol.margin))
        | precision_numbers(inputs.repeats, protocol.margin)
        | contrast_again_numbers(inputs.contrasts_again)
        | variance_numbers(spreads(records, summaries))
        | choice_numbers(inputs.choices, protocol, inputs.titles)
        | pretraining_numbers(inputs.starts)
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
    tuning = [record for record in records if record.specification.repetition in protocol.tuning_repetitions]
    titles = {record.specification.dataset.name: record.specification.dataset.title for record in records}
    told = {record.cell for summary in summaries for record in summary.finals} | {record.cell for record in tuning}
    elsewhere = [record for record in records if record.cell not in told]
    return {
        "study/cells": len(records),
        "study/cells/crossed": crossed,
        "study/cells/tuning": len(tuning),
        "study/cells/final": sum(len(summary.finals) for summary in summaries),
        "study/cells/other-rates": len(elsewhere),
        "study/cells/diverged": sum(record.result.outcome == "diverged" for record in records),
        "study/cells/diverged/tuning": sum(record.result.outcome == "diverged" for record in tuning),
        "study/cells/diverged/final": sum(summary.diverged for summary in summaries),
        "study/cells/diverged/other-rates": sum(record.result.outcome == "diverged" for record in elsewhere),
        "study/cells/torch": implementations["torch"],
        "study/cells/fastai": implementations["fastai"],
        "study/families": len(summaries),
        "study/datasets": _distinct(record.specification.dataset.title for record in records),
        "study/datasets/count": len({record.specification.dataset.name for record in records}),
        "study/datasets/collections": len(set(collections_of(titles).values())),
        "study/grids": _grids(summaries),
        "study/core-hours": f"{hours:.1f}",
        "study/largest-ratio-error": f"{max((r.result.rates.largest_ratio_error for r in records), default=0.0):.1e}",
    }


def _grids(summaries: Iterable[Summary]) -> str:
    """From where to where base rates were tried, with the recipes that share each range."""
    rates: dict[str, set[float]] = {}
    for summary in summaries:
        if len(summary.tried) > 1:
            rates.setdefault(summary.family.recipe, set()).update(summary.tried)
    recipes: dict[tuple[float, float], list[str]] = {}
    for recipe, tried in sorted(rates.items()):
        recipes.setdefault((min(tried), max(tried)), []).append(recipe)
    return " and ".join(f"{low:g} to {high:g} ({', '.join(names)})" for (low, high), names in sorted(recipes.items()))


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
        "protocol/expanded-level": f"{100 * expanded_level(planned):.1f}" if planned > 1 else ABSENT,
        "protocol/power": f"{100 * POWER:g}",
        "protocol/most-pairs": f"{MOST_PAIRS:,}",
        "protocol/comparisons": largest,
        "protocol/smallest-p": p_value(min(1.0, largest * smallest_sign_flip_p(planned))),
        "protocol/next-p": p_value(min(1.0, 2 * largest * smallest_sign_flip_p(planned))),
    }


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


def _published_numbers(contrasts: Sequence[Repeated], titles: Mapping[str, str], planned: int) -> dict[str, Value]:
    """Count, for each published table, the contrasts repeated and those whose sign is kept or reversed."""
    found: dict[str, Value] = {}
    for table in sorted({row.contrast.after.table for row in contrasts}):
        judged = [(row, row.verdict(planned)) for row in contrasts if row.contrast.after.table == table]
        counts = Counter(verdict for _, verdict in judged if verdict is not None)
        datasets = dict.fromkeys(row.dataset for row, verdict in judged if verdict is not None)
        key = f"published/{table}"
        found[f"{key}/measured"] = counts.total()
        for verdict in get_args(Kept):
            found[f"{key}/{verdict}"] = counts[verdict] if counts else ABSENT
        found[f"{key}/datasets"] = tuple(titles.get(dataset, dataset) for dataset in datasets) or ABSENT
        found |= {f"{key}/title": f"Howard and Ruder’s Table {table}"}
    return found | {"published": tuple(dict.fromkeys(name.rsplit("/", 1)[0] for name in found))}


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))
