"""All figures of a report, with their names and captions, and the reason for each that is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from harness.claims import Protocol
from harness.record import Record
from harness.report import figures
from harness.report.agreement import agreement, implementation_pairs
from harness.report.summaries import Summary, swept_arm


@dataclass(frozen=True)
class Plate:
    """A figure under its file name; ``figure`` is absent where the records hold nothing to draw."""

    name: str
    caption: str
    figure: Figure | None


def gallery(summaries: Sequence[Summary], protocol: Protocol, titles: Mapping[str, str]) -> tuple[Plate, ...]:
    """Draw all figures; those by dataset once for each dataset and, with several recipes, for each recipe."""
    arm = swept_arm(summaries)
    swept = [summary for summary in summaries if summary.family.arm == arm]
    plates: list[Plate] = []
    recipes = list(dict.fromkeys(summary.family.recipe for summary in summaries)) or [""]
    for recipe in recipes:
        suffix, note = (f"-{recipe}", f" Recipe {recipe}.") if len(recipes) > 1 else ("", "")
        within = [summary for summary in swept if summary.family.recipe == recipe]
        everything = [summary for summary in summaries if summary.family.recipe == recipe]
        shared = _shared_plates(within, everything, protocol, titles)
        plates += [replace(p, name=p.name + suffix, caption=p.caption + note) for p in shared]
        for dataset in dict.fromkeys(summary.family.dataset for summary in within):
            rows = [summary for summary in within if summary.family.dataset == dataset]
            by_dataset = _dataset_plates(rows, titles.get(dataset, dataset))
            plates += [replace(p, name=f"{p.name}-{dataset}{suffix}", caption=p.caption + note) for p in by_dataset]
    return tuple(plates)


def example_cells(summaries: Sequence[Summary]) -> tuple[Record, ...]:
    """Pick one cell for each arm, and for the swept arm the uniform one too, all of one dataset and implementation.

    The decay shown is that nearest to 2.6.
    """
    usable = [summary for summary in summaries if any(record.result.rates.trace for record in summary.finals)]
    if not usable:
        return ()
    first = usable[0].family
    usable = [s for s in usable if (s.family.dataset, s.family.implementation) == (first.dataset, first.implementation)]
    chosen: list[Record] = []
    for arm in dict.fromkeys(summary.family.arm for summary in usable):
        rows = sorted((s for s in usable if s.family.arm == arm), key=_distance_from_discriminative)
        uniform = [s for s in rows if s.family.decay == figures.UNIFORM and arm == swept_arm(usable)]
        chosen += [s.finals[0] for s in (uniform if uniform != rows[:1] else []) + rows[:1]]
    return tuple(chosen)


def _distance_from_discriminative(summary: Summary) -> float:
    return abs(summary.family.decay - figures.DISCRIMINATIVE)


def _shared_plates(
    swept: Sequence[Summary], summaries: Sequence[Summary], protocol: Protocol, titles: Mapping[str, str]
) -> tuple[Plate, ...]:
    arm = swept[0].family.arm if swept else "no arm"
    examples = example_cells(summaries)
    cell = (
        f" Dataset {examples[0].specification.dataset.name}, {examples[0].specification.implementation}."
        if examples
        else ""
    )
    return (
        Plate(
            "error-against-decay",
            f"Test error against decay, arm {arm}, each at its own best base rate. Points are means over the final "
            "seeds, bars 95 % t intervals; the dotted line marks the uniform rate.",
            figures.error_against_decay(swept, titles),
        ),
        Plate(
            "agreement",
            "The two implementations, all arms, paired by seed: difference against mean. Dashed lines are the 95 % "
            "limits of agreement of single runs; the band is the equivalence margin, which is about their mean.",
            agreement(implementation_pairs(summaries), protocol.margin, titles),
        ),
        Plate(
            "realised-rates",
            f"Learning rates read back from the optimizer, one example cell for each arm.{cell} Frozen groups, at "
            "rate 0, are not drawn.",
            figures.realised_rates(examples),
        ),
    )


def _dataset_plates(swept: Sequence[Summary], title: str) -> tuple[Plate, ...]:
    return (
        Plate(
            "learning-curves",
            f"{title}: validation error and training loss after each epoch, arm {swept[0].family.arm}, uniform and "
            "decay 2.6. Lines are means over the final seeds, bands their range; values that are absent because a "
            "run diverged do not enter.",
            figures.learning_curves(swept),
        ),
        Plate(
            "displacement",
            f"{title}: how far each layer group moved from where it started, ‖θ − θ₀‖ / ‖θ₀‖, against decay: "
            "means over the final seeds.",
            figures.displacement(swept),
        ),
    )
