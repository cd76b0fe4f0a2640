"""All figures of a report, with their names and captions, and the reason for each that is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from harness.claims import Family, Protocol, without_language_model
from harness.record import RealisedRates, Record
from harness.report import figures
from harness.report.agreement import agreement, implementation_pairs
from harness.report.beside_figure import beside_published
from harness.report.beside_published import Repeated
from harness.report.every_rate import every_rate
from harness.report.forest import forest
from harness.report.low_shot import ALL, Budgets, label_budgets, low_shot
from harness.report.pretraining import Start, error_against_tokens
from harness.report.summaries import DISCRIMINATIVE, UNIFORM, Summary, swept_arm
from harness.report.tuning import sensitivity, tuning_heat_map
from harness.report.tuning_budget import Grid
from harness.specification import Arm, LanguageModelArm


@dataclass(frozen=True)
class Plate:
    """A figure under its file name; ``figure`` is absent where the records lack what it ``needs``.

    ``recipe`` is named where each of several has a figure of its own.
    """

    name: str
    caption: str
    figure: Figure | None
    needs: str
    recipe: str = ""


def lead(plates: Sequence[Plate]) -> Plate | None:
    """Pick the figure to show first: error against decay, of recipe ``compact`` where several have one."""
    found = [plate for plate in plates if plate.figure is not None and plate.name.startswith("error-against-decay")]
    return min(found, key=lambda plate: plate.recipe != "compact", default=None)


def gallery(
    summaries: Sequence[Summary],
    protocol: Protocol,
    titles: Mapping[str, str],
    contrasts: Sequence[Repeated],
    starts: Sequence[Start],
    grids: Mapping[Family, Grid],
) -> tuple[Plate, ...]:
    """Draw all figures; those by dataset once for each dataset and, with several recipes, for each recipe.

    ``contrasts`` are the published ones with ours beside them, ``starts`` what was fine-tuned from each general
    language model, and ``grids`` the errors at every base rate; of all recipes in one figure. Recipes that differ from
    an earlier one in the language model alone have no figures of their own. Error against decay and the course of
    training are drawn of families with all final repetitions, where there are some.
    """
    arm = swept_arm(summaries)
    swept = [summary for summary in summaries if summary.family.arm == arm]
    shown = [summary for summary in swept if summary.finals and not summary.missing] or swept  # no partly filled ones
    plates: list[Plate] = []
    recipes = _recipes(summaries) or [""]
    for recipe in recipes:
        own = recipe if len(recipes) > 1 else ""
        suffix, note = (f"-{own}", f" Recipe {own}.") if own else ("", "")
        within = [summary for summary in swept if summary.family.recipe == recipe]
        drawn = [summary for summary in shown if summary.family.recipe == recipe]
        everything = [summary for summary in summaries if summary.family.recipe == recipe]
        shared = [
            *_comparing_plates(drawn, everything, (arm or "no arm", protocol), titles),
            *_checking_plates(everything, protocol, titles),
        ]
        plates += [replace(p, name=p.name + suffix, caption=p.caption + note, recipe=own) for p in shared]
        for dataset in dict.fromkeys(summary.family.dataset for summary in within):
            rows = [summary for summary in within if summary.family.dataset == dataset]
            title = titles.get(dataset, dataset)
            course = [summary for summary in rows if summary in drawn]
            by_dataset = [*_tuning_plates(rows, title), *_course_plates(course, rows[0].family.arm, title)]
            plates += [
                replace(p, name=f"{p.name}-{dataset}{suffix}", caption=p.caption + note, recipe=own) for p in by_dataset
            ]
    return (*plates, _rates_plate(grids, titles), _tokens_plate(starts, titles), _published_plate(contrasts, titles))


def _recipes(summaries: Sequence[Summary]) -> list[str]:
    """Name the recipes, without those that differ from an earlier one in the general language model alone."""
    first: dict[object, str] = {}
    variants = set()
    for record in (record for summary in summaries for record in summary.finals[:1]):
        recipe = record.specification.recipe
        if first.setdefault(without_language_model(recipe), recipe.name) != recipe.name:
            variants.add(recipe.name)
    names = dict.fromkeys(summary.family.recipe for summary in summaries)
    return [name for name in names if name not in variants]


def example_rates(cells: Sequence[Record]) -> dict[str, RealisedRates]:
    """The rates of the cells' classifiers, and of the language models' fine-tuning before them, by title.

    Of classifiers that differ in nothing but where they start, the first is shown; of language models, for each
    schedule and place of the embedding, the one whose decay is nearest to 2.6.
    """
    classifiers: dict[Arm, Record] = {}
    language_models: dict[tuple[str, str], tuple[LanguageModelArm, RealisedRates]] = {}
    for record in cells:
        arm, before = record.specification.arm, record.inputs.language_model_rates
        classifiers.setdefault(replace(arm, name="", start="general"), record)
        if before is not None and before.trace and isinstance(arm.start, LanguageModelArm):
            key = (arm.start.schedule, arm.start.embedding_group)
            known = language_models.setdefault(key, (arm.start, before))
            if abs(arm.start.decay - DISCRIMINATIVE) < abs(known[0].decay - DISCRIMINATIVE):
                language_models[key] = (arm.start, before)
    found: dict[str, RealisedRates] = {}
    for record in classifiers.values():
        found[f"{record.specification.arm.name}, decay {record.specification.arm.decay:g}"] = record.result.rates
    for stage, rates in language_models.values():
        lowest = ", embedding lowest" if stage.embedding_group == "bottom" else ""
        found[f"language model, {stage.schedule},\ndecay {stage.decay:g}{lowest}"] = rates
    return found


def example_cells(summaries: Sequence[Summary]) -> tuple[Record, ...]:
    """Pick one cell for each arm, and for the swept arm the uniform one too, all of one dataset and implementation.

    These are the ones with the most arms. The decay shown is that nearest to 2.6.
    """
    usable = [summary for summary in summaries if any(record.result.rates.trace for record in summary.finals)]
    if not usable:
        return ()
    arms: dict[tuple[str, str], set[str]] = {}
    for summary in usable:
        arms.setdefault((summary.family.dataset, summary.family.implementation), set()).add(summary.family.arm)
    most = max(arms, key=lambda place: len(arms[place]))
    usable = [summary for summary in usable if (summary.family.dataset, summary.family.implementation) == most]
    chosen: list[Record] = []
    for arm in dict.fromkeys(summary.family.arm for summary in usable):
        rows = sorted((s for s in usable if s.family.arm == arm), key=_distance_from_discriminative)
        uniform = [s for s in rows if s.family.decay == UNIFORM and arm == swept_arm(usable)]
        chosen += [s.finals[0] for s in (uniform if uniform != rows[:1] else []) + rows[:1]]
    return tuple(chosen)


def _distance_from_discriminative(summary: Summary) -> float:
    return abs(summary.family.decay - DISCRIMINATIVE)


def _comparing_plates(
    swept: Sequence[Summary],
    summaries: Sequence[Summary],
    arm_and_protocol: tuple[str, Protocol],
    titles: Mapping[str, str],
) -> tuple[Plate, ...]:
    """Compare decays and label budgets over the datasets."""
    (arm, protocol), budgets = arm_and_protocol, label_budgets(summaries, titles)
    return (
        Plate(
            "error-against-decay",
            f"Test error against decay, arm {arm}, each at the base rate that validation data chose. Points are means "
            "over the final seeds, bars 95 % t intervals; a ring marks the lowest mean, the dotted line the uniform "
            "rate. Hollow points: the base rate lies on the edge of the grid, or was chosen by a tie. Families that "
            "lack final seeds are left out where others have all.",
            figures.error_against_decay(swept, titles),
            "final repetitions",
        ),
        Plate(
            "differences-to-uniform",
            "Differences in test error to the uniform rate, all arms, paired by seed: means and 95 % BCa intervals, "
            "which are not adjusted for their number; below 0 the decay has the lower error. The band is the "
            "equivalence margin. Hollow points and their uniform did not both choose from the same base rates: they "
            "ran at rates that were given.",
            forest(summaries, protocol.margin, titles),
            "an arm with final repetitions at decay 1 and at another",
        ),
        Plate(
            "low-shot",
            "Test error against the number of labels, on data sets that differ in nothing else, of arms that ran with "
            "several: means over the final seeds, each tuned, 95 % t intervals."
            + (" All: however many there are, not to scale." if _with_all(budgets) else ""),
            low_shot(budgets),
            "two data sets that differ only in their number of labels",
        ),
    )


def _with_all(budgets: Sequence[Budgets]) -> bool:
    return any(labels == ALL for budget in budgets for labels, _ in budget.points)


def _rates_plate(grids: Mapping[Family, Grid], titles: Mapping[str, str]) -> Plate:
    return Plate(
        "every-rate",
        "Test error at every base rate, of all repetitions, those that chose the rate included: means and 95 % t "
        "intervals.",
        every_rate(grids, titles),
        "a decay that all repetitions ran at every base rate",
    )


def _tokens_plate(starts: Sequence[Start], titles: Mapping[str, str]) -> Plate:
    return Plate(
        "error-against-tokens",
        "Test error of full ULMFiT against the tokens that its forward language model was pre-trained on, and that of "
        "training from scratch: means over the final seeds, each tuned on the same grid, 95 % t intervals.",
        error_against_tokens(starts, titles),
        "full ULMFiT from two language models that read different numbers of tokens",
    )


def _published_plate(contrasts: Sequence[Repeated], titles: Mapping[str, str]) -> Plate:
    return Plate(
        "published-contrasts",
        "Contrasts that the paper draws: the change in validation error in the paper, one run each, and ours, means "
        "over the final seeds at tuned base rates with 95 % BCa intervals, not adjusted for their number. A point on "
        "the other side of 0 has the opposite sign; the scale is linear to ±1 point and logarithmic beyond.",
        beside_published(contrasts, titles),
        "final repetitions on both sides of a published contrast",
    )


def _checking_plates(summaries: Sequence[Summary], protocol: Protocol, titles: Mapping[str, str]) -> tuple[Plate, ...]:
    """Show that the implementations agree, and that the rates were what they should be."""
    examples = example_cells(summaries)
    example = examples[0].specification if examples else None
    cell = f" Dataset {example.dataset.name}, {example.implementation}." if example else ""
    return (
        Plate(
            "agreement",
            "Difference in test error between the implementations against their mean, a point for each final seed, "
            "each at its own tuned base rate; each data set with a horizontal scale of its own. Solid lines: mean; "
            "dashed: 95 % limits of agreement of single runs; each ends in the marker of its decay, and the legend has "
            "both numbers. The band is the equivalence margin, which is about a mean.",
            agreement(implementation_pairs(summaries), protocol.margin, titles),
            "an arm with final repetitions in both implementations",
        ),
        Plate(
            "realised-rates",
            "Learning rates read back from the optimizer: one example cell for each way to fine-tune the classifier, "
            f"and one for each schedule of the language model's own fine-tuning.{cell} Frozen groups, at rate 0, are "
            "not drawn, nor rates below a hundred-thousandth of the highest.",
            figures.realised_rates(example_rates(examples)),
            "final repetitions with a trace of their rates",
        ),
    )


def _tuning_plates(swept: Sequence[Summary], title: str) -> tuple[Plate, ...]:
    """Show what one dataset's base rates were chosen by."""
    arm, needs = swept[0].family.arm, "tuning repetitions at {} base rate"
    return (
        Plate(
            "tuning",
            f"{title}: validation error in percent over base rate and decay, arm {arm}, means over the tuning "
            "repetitions. Lighter is lower, on a log scale; the frame marks the base rate that each decay chose.",
            tuning_heat_map(swept),
            needs.format("a"),
        ),
        Plate(
            "sensitivity",
            f"{title}: validation error against base rate for each decay, arm {arm}, means over the tuning "
            "repetitions; errors above twice the lowest lie outside. Rings mark the rates that were chosen; the areas "
            "under these curves are tabulated above.",
            sensitivity(swept),
            needs.format("more than one"),
        ),
    )


def _course_plates(swept: Sequence[Summary], arm: str, title: str) -> tuple[Plate, ...]:
    """Show the course of one dataset's training, and where it led."""
    return (
        Plate(
            "learning-curves",
            f"{title}: validation error and training loss after each epoch, arm {arm}, uniform and "
            "decay 2.6. Lines are means over the final seeds, bands their range; values that are absent because a "
            "run diverged do not enter.",
            figures.learning_curves(swept),
            "final repetitions at decay 1 or 2.6",
        ),
        Plate(
            "displacement",
            f"{title}: how far each layer group moved from where it started, ‖θ − θ₀‖ / ‖θ₀‖, against decay: "
            "means over the final seeds, each decay at its own tuned base rate, which differ. Hollow points: that rate "
            "lies on the edge of the grid, or was chosen by a tie.",
            figures.displacement(swept),
            "final repetitions with displacements",
        ),
    )
