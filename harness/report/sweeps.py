"""What the paper states of each sweep of the decay: where the error is lowest, what 2.6 costs, how far layers move."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.claims import Family, Protocol, best_rates, chosen_rates, tuning_errors
from harness.record import Record
from harness.report.marks import MIXED, mixed_mark
from harness.report.summaries import (
    DISCRIMINATIVE,
    UNIFORM,
    Summary,
    by_repetition,
    difference_to_uniform,
    swept_arm,
)
from harness.report.tables import ABSENT, Value, bracketed, difference_text, percent, points, rate_text


def sweep_numbers(summaries: Sequence[Summary], unshipped: Collection[str]) -> dict[str, Value]:
    """State each sweep: the swept arm of one data set, recipe and implementation, at two decays or more.

    Those over the most decays, and the contrasts of 2.6 with 1, are also told apart from those of the recipes
    ``unshipped``, which start from no shipped language model.
    """
    sweeps = _sweeps(summaries)
    found: dict[str, Value] = {
        "sweeps": tuple(sweeps),
        "sweeps/count": len(sweeps),
        "sweeps/arm": swept_arm(summaries) or ABSENT,
        "sweeps/several-sittings": sum(len(_sittings(rows)) > 1 for rows in sweeps.values()),
    }
    for key, rows in sweeps.items():
        found |= {f"{key}/{name}": value for name, value in _sweep(rows).items()}
    shown = {key: (str(found[f"{key}/{name}"]) for name in ("contrast", "lowest/difference")) for key in sweeps}
    found["sweeps/mixed"] = sum(any(MIXED in text for text in texts) for texts in shown.values())
    shipped = {key: rows for key, rows in sweeps.items() if rows[0].family.recipe not in unshipped}
    return found | _shipped_numbers(shipped)


def _shipped_numbers(sweeps: Mapping[str, Sequence[Summary]]) -> dict[str, Value]:
    most = max(map(len, sweeps.values()), default=0)
    contrasted = [rows for rows in sweeps.values() if _contrast(rows)]
    contrasts = [_contrast(rows) for rows in contrasted]
    return {
        "sweeps/whole": tuple(key for key, rows in sweeps.items() if len(rows) == most > 2),
        "sweeps/whole/decays": most if most > 2 else ABSENT,
        "sweeps/contrasts": len(contrasts),
        "sweeps/contrasts/datasets": len({rows[0].family.dataset for rows in contrasted}),
        "sweeps/contrasts/test": sum(test < 0 for test, _ in contrasts),
        "sweeps/contrasts/validation": sum(validation < 0 for _, validation in contrasts),
        "sweeps/contrasts/apart": sum(test * validation < 0 for test, validation in contrasts),
    }


def tuning_numbers(records: Iterable[Record], protocol: Protocol) -> dict[str, Value]:
    """Count the families with rates to choose from, those whose repetitions alone choose apart, and the ties."""
    records = tuple(records)
    tuned = {family: errors for family, errors in tuning_errors(records, protocol).items() if len(errors) > 1}
    choices: dict[Family, set[float]] = {}
    for repetition in protocol.tuning_repetitions:
        for family, rate in chosen_rates(records, replace(protocol, tuning_repetitions=(repetition,))).items():
            choices.setdefault(family, set()).add(rate)
    return {
        "tuning/families": len(tuned),
        "tuning/apart": sum(len(choices[family]) > 1 for family in tuned),
        "tuning/tied": sum(len(best_rates(errors)) > 1 for errors in tuned.values()),
    }


def _sweeps(summaries: Sequence[Summary]) -> dict[str, list[Summary]]:
    arm = swept_arm(summaries)
    found: dict[str, list[Summary]] = {}
    for summary in summaries:
        family = summary.family
        if family.arm == arm and summary.finals and not summary.missing:
            key = f"sweep/{family.dataset}/{family.recipe}/{family.implementation}"
            found.setdefault(key, []).append(summary)
    return {key: rows for key, rows in found.items() if len(rows) > 1}


def _sweep(rows: Sequence[Summary]) -> dict[str, Value]:
    cell, lowest = rows[0].finals[0].specification, _lowest(rows)
    difference = difference_to_uniform(lowest, rows)
    found: dict[str, Value] = {
        "title": f"{cell.dataset.title} ({cell.recipe.name})",
        "implementation": cell.implementation,
        "decays": len(rows),
        "on-edge": sum(row.on_edge for row in rows),
        "lowest/decay": f"{lowest.family.decay:g}",
        "lowest/difference": difference_text(difference) + (_mark(lowest, _at(rows, UNIFORM)) if difference else ""),
        "chosen/decay": f"{min(rows, key=lambda row: row.validation_error or 0.0).family.decay:g}",
    }
    contrast = " / ".join(map(points, _contrast(rows)))
    found["contrast"] = contrast + _mark(_at(rows, DISCRIMINATIVE), _at(rows, UNIFORM)) if contrast else ABSENT
    for name, decay in (("uniform", UNIFORM), ("discriminative", DISCRIMINATIVE)):
        row = _at(rows, decay)
        bottom, top = (ABSENT, ABSENT) if row is None else _moved(row)
        found |= {
            f"{name}/error": ABSENT if row is None else _error(row),
            f"{name}/rate": ABSENT if row is None else rate_text(row),
            f"{name}/moved/bottom": bottom,
            f"{name}/moved/top": top,
        }
    return found


def _at(rows: Sequence[Summary], decay: float) -> Summary | None:
    return next((row for row in rows if row.family.decay == decay), None)


def _mark(*sides: Summary | None) -> str:
    """The mark of several precisions, where both sides are there."""
    return mixed_mark(record for side in sides if side for record in side.finals) if all(sides) else ""


def _contrast(rows: Sequence[Summary]) -> tuple[float, ...]:
    """Decay 2.6 minus the uniform rate, paired, in mean test and in mean validation error of the same runs."""
    uniform, discriminative = _at(rows, UNIFORM), _at(rows, DISCRIMINATIVE)
    if uniform is None or discriminative is None:
        return ()
    right, left = by_repetition(uniform), by_repetition(discriminative)
    shared = sorted(set(left) & set(right))
    if not shared:
        return ()
    pairs = [(left[n].result, right[n].result) for n in shared]
    test = float(np.mean([one.test.error - other.test.error for one, other in pairs]))
    return test, float(np.mean([one.validation.error - other.validation.error for one, other in pairs]))


def _sittings(rows: Sequence[Summary]) -> set[tuple[str, str]]:
    """The processors, each with a digest of training code, that final repetitions of a sweep were made with."""
    return {(record.environment.processor, record.inputs.source) for row in rows for record in row.finals}


def _lowest(rows: Sequence[Summary]) -> Summary:
    return min(rows, key=lambda row: row.test_error or 0.0)


def _error(row: Summary) -> str:
    return f"{percent(row.test_error)} {bracketed(row.interval)}"


def _moved(row: Summary) -> tuple[str, str]:
    """Mean relative displacement of the lowest and the highest layer group, over the final seeds where it is finite."""
    groups = row.finals[0].result.rates.groups
    moved = []
    for group in (groups[0], groups[-1]):
        values = [record.result.displacement.get(group) for record in row.finals]
        finite = [value for value in values if value is not None]
        moved.append(f"{np.mean(finite):.3f}" if finite else ABSENT)
    return moved[0], moved[1]
