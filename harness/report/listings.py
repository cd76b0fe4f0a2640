"""The page's further tables: verdicts, the fresh run, all cells, and where they ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.campaign import family_name
from harness.claim_history import Ages, History
from harness.claims import Protocol, Verdict
from harness.coverage import Coverage, Gap
from harness.evidence import Place, natural_key
from harness.record import Environment, Record
from harness.report.at_a_glance import Judged
from harness.report.marks import VERDICT_NOTE
from harness.report.sides_text import contrasts_text
from harness.report.tables import ABSENT, Column, Table, bracketed, p_value, percent, points
from harness.reproduction import Comparison
from harness.sample_size import POWER
from harness.statistics import smallest_sign_flip_p
from harness.verdicts import largest_family


def verdicts_table(judged: Sequence[Judged], titles: Mapping[str, str], planned: int) -> Table:
    """Build one row for each claim and dataset, those without data last, with the marks behind the difference.

    ``planned`` is the number of pairs of a complete study.
    """
    columns = (
        Column("Claim"),
        Column("Dataset"),
        Column("Verdict"),
        Column("Difference", numeric=True),
        Column("Interval", numeric=True),
        Column("p", numeric=True),
        Column("Lower", numeric=True),
        Column("Pairs", numeric=True),
        Column("Would decide", numeric=True),
        Column("Seeds and items", numeric=True),
        Column("Made after", numeric=True),
    )
    several_recipes = len({verdict.recipe for verdict, *_ in judged}) > 1
    rows = tuple(
        (
            verdict.claim.sentence,
            titles.get(verdict.dataset, verdict.dataset) + (f" ({verdict.recipe})" if several_recipes else ""),
            verdict.outcome,
            points(verdict.difference) + marks,
            bracketed(verdict.interval, signed=True),
            p_value(verdict.p),
            ABSENT if verdict.improvement is None else f"{verdict.improvement:.2f}",
            f"{verdict.n}" if verdict.n == planned else f"{verdict.n} of {planned}",
            ABSENT if verdict.deciding is None else f"{verdict.deciding.pairs} ({verdict.deciding.outcome})",
            bracketed(verdict.with_items, signed=True),
            later_text(age),
        )
        for verdict, age, marks in sorted(judged, key=lambda one: one[0].outcome == "no data")
    )
    caption = (
        "Differences in percentage points, paired by seed, of test error where the claim names nothing else. Of "
        "several contrasts that is told which speaks least for the claim, with the largest p and the fewest pairs. A "
        "lower value is claimed: 95 % BCa interval, sign-flip test. The same value, or none that is higher, is "
        "claimed within the margin: 90 % t interval, one-sided t tests. p is adjusted by Holm over the verdicts of "
        "a question. Lower: how often a run of the first side has a lower value than a run of the second, of all "
        "pairs of runs. With fewer pairs than planned a claim is undecided; it has no data where both sides are the "
        "same runs. Would decide: pairs with which it would be decided, and how, at a power of "
        f"{100 * POWER:g} %, were all like these; to hold is adjusted by Bonferroni's method. Seeds and items: 95 % "
        "interval of the difference with other seeds and other test items. Made after: records of both sides, "
        "tuning included, or final ones at a rate that a side names, that were made by code that had the claim as it "
        f"is now; where these are not all, it was written or sharpened when others could be known. {VERDICT_NOTE}"
    )
    return Table(caption, columns, rows)


def resolution_note(verdicts: Sequence[Verdict], protocol: Protocol) -> str | None:
    """Say that superiority cannot be shown where the planned pairs are too few for the sign-flip test, else nothing."""
    largest = largest_family(verdicts)
    planned = len(protocol.final_repetitions)
    smallest = min(1.0, largest * smallest_sign_flip_p(planned))
    if smallest <= 0.05:
        return None
    return (
        f"With {planned} pairs and {largest} comparisons of one question, the smallest adjusted p value of the first "
        f"rejection is {smallest:.3f}: no claim of a lower error can be held, whatever the data. More repetitions are "
        "needed."
    )


def reproduction_table(comparisons: Iterable[Comparison]) -> Table:
    """Build one row for each cell of the fresh run."""
    columns = (
        Column("Cell"),
        Column("Agreement"),
        Column("Test error %", numeric=True),
        Column("Committed %", numeric=True),
        Column("Expected %", numeric=True),
        Column("Seeds", numeric=True),
    )
    rows = tuple(
        (c.cell, c.agreement, percent(c.error), percent(c.committed), bracketed(c.interval), f"{c.seeds}")
        for c in comparisons
    )
    caption = (
        "Identical: the same result to the bit. Reproduced: within the 99 % prediction interval from the committed "
        "seeds of the same arm and base rate, widened by one test item. Drifted: outside. Undetermined: fewer than "
        "two committed seeds. Unmatched: no committed record."
    )
    return Table(caption, columns, rows)


def claims_table(verdicts: Sequence[Verdict], history: History) -> Table:
    """Build one row for each claim, or for those of one sentence and date: since when it stands as it does now."""
    rows: dict[tuple[str, ...], list[str]] = {}  # claims of one sentence, each about its own data sets, share a row
    for verdict in verdicts:
        claim, since = verdict.claim, history.since.get(verdict.claim.name)
        dated = (since.date, since.commit[:10]) if since else (ABSENT, ABSENT)
        row = (claim.sentence, contrasts_text(claim), claim.question, claim.kind, f"{100 * claim.margin:g}", *dated)
        rows.setdefault(row, []).append(f"{verdict.dataset} ({verdict.recipe})")
    caption = (
        "Since when each claim stands with the rule, sides, margin and question that it has now, by the history of the "
        "code. Its sentence may have been reworded, and data sets added; changes of how verdicts are reached "
        "(harness/verdicts.py) are not followed. Left against right: arm, implementation and decay, at the tuned base "
        "rate and in test error where nothing else is said."
    )
    columns = (
        Column("Claim"),
        Column("Left against right"),
        Column("Question"),
        Column("Claimed"),
        Column("Margin", numeric=True),
        Column("Stands since"),
        Column("Commit"),
        Column("About"),
    )
    return Table(caption, columns, tuple((*row, ", ".join(dict.fromkeys(about))) for row, about in rows.items()))


def coverage_table(rows: Iterable[Coverage], titles: Mapping[str, str]) -> Table:
    """Build one row for each profile and data set: how many of its cells, or linear baselines, are measured."""
    numbers = (Column(heading, numeric=True) for heading in ("Planned", "Measured", "Core hours"))
    columns = (Column("Profile"), Column("Dataset"), *numbers)
    caption = (
        "Cells of each profile: as many as are declared, final repetitions whose base rate is still to be chosen "
        "included, those that have a record, and the core hours that these took, without the language models that "
        "they share. A cell may belong to several profiles. In the last rows, linear baselines."
    )
    return Table(caption, columns, tuple(_coverage_row(row, titles) for row in rows))


def gaps_table(gaps: Iterable[Gap]) -> Table:
    """Build one row for each profile and family of which cells are missing."""
    numbers = (Column(heading, numeric=True) for heading in ("Planned", "Missing"))
    caption = (
        "Data set, recipe, implementation, arm and decay of cells of which some or all have no record; a cell may "
        "belong to several profiles. The command beneath runs them, tuning first, in the precision that it is given "
        "with --precision; --store names a folder to which adopt, with the same, has put those that are committed."
    )
    rows = ((gap.profile, family_name(gap.family), f"{gap.planned}", f"{gap.missing}") for gap in gaps)
    return Table(caption, (Column("Profile"), Column("Family"), *numbers), tuple(rows))


def _coverage_row(row: Coverage, titles: Mapping[str, str]) -> tuple[str, ...]:
    hours = f"{row.core_seconds / 3600:.2f}" if row.core_seconds else ABSENT
    return row.profile, titles.get(row.dataset, row.dataset), f"{row.planned}", f"{row.measured}", hours


def cells_table(records: Iterable[Record], places: Mapping[str, Place]) -> Table:
    """Build one row for each record, in natural order; ``places`` says by cell where records are."""
    columns = (
        Column("Cell"),
        Column("Outcome"),
        Column("Validation error %", numeric=True),
        Column("Test error %", numeric=True),
        Column("Seconds", numeric=True),
        Column("Record"),
        Column("Commit"),
        Column("Device"),
    )
    rows = tuple(
        (
            record.cell,
            record.result.outcome,
            percent(record.result.validation.error),
            percent(record.result.test.error),
            f"{record.cost.wall_seconds:.1f}",
            place_text(places[record.cell]) if record.cell in places else ABSENT,
            commit_text(record.environment),
            record.environment.device,
        )
        for record in sorted(records, key=lambda record: natural_key(record.cell))
    )
    caption = (
        "Every cell, tuning repetitions included; seconds without the stages it shares. Record: file and line of the "
        "committed evidence."
    )
    return Table(caption, columns, rows)


def datasets_table(records: Iterable[Record]) -> Table:
    """Build one row for each dataset: sizes, texts left out by reason, licence."""
    columns = (
        Column("Dataset"),
        Column("Labels", numeric=True),
        Column("Validation", numeric=True),
        Column("Test", numeric=True),
        Column("Left out"),
        Column("Licence"),
    )
    one = {record.specification.dataset.name: record for record in records}
    rows = tuple(
        (
            record.specification.dataset.title,
            "all" if record.specification.dataset.labels is None else f"{record.specification.dataset.labels}",
            f"{record.result.validation.items}",
            f"{record.result.test.items}",
            "; ".join(f"{count} {reason}" for reason, count in record.inputs.dropped.items() if count) or "none",
            record.specification.dataset.licence,
        )
        for _, record in sorted(one.items())
    )
    return Table("Documents of each part, and the texts left out of the corpus, by reason.", columns, rows)


def environments_table(records: Iterable[Record]) -> Table:
    """Build one row for each distinct environment, with the number of cells that ran in it."""
    counts: dict[tuple[str, ...], int] = {}
    for record in records:
        row = _environment_row(record.environment)
        counts[row] = counts.get(row, 0) + 1
    headings = ("Commit", "Python", "torch", "fastai", "numpy", "Platform", "Processor", "Device", "Precision")
    columns = (*map(Column, headings), Column("Threads", numeric=True), Column("Cells", numeric=True))
    rows = tuple((*row, f"{count}") for row, count in sorted(counts.items()))
    return Table("Where the cells ran; a commit with + had local changes.", columns, rows)


def later_text(age: Ages) -> str:
    """Show how many records are younger than the claim, of how many."""
    if not age.records:
        return ABSENT
    return f"{ABSENT if age.later is None else age.later} of {age.records}"


def place_text(place: Place) -> str:
    """Show the file with its folder, and the line."""
    return f"{place.path.parent.name}/{place.path.name}:{place.line}"


def commit_text(environment: Environment) -> str:
    """Show the first ten digits of the commit, with + where the working tree differed from it."""
    return environment.commit[:10] + ("+" if environment.modified else "")


def _environment_row(environment: Environment) -> tuple[str, ...]:
    return (
        commit_text(environment),
        environment.python,
        environment.torch,
        environment.fastai,
        environment.numpy,
        environment.platform,
        environment.processor,
        environment.device,
        environment.precision,
        f"{environment.threads}",
    )
