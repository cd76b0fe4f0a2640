"""The part of the README that is generated: the verdicts that have data, and one figure of the paper.

It stands between two comments. Everything else in the file is prose, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.report.faults import ReadmeError
from harness.report.listings import verdicts_table
from harness.report.page import ReportInputs
from harness.report.tables import Column, Table, to_markdown

README = "README.md"
START, END = "<!-- verdicts -->", "<!-- end of verdicts -->"
FIGURE, RECIPE = "figures/error-against-decay", "compact"  # what is shown, and of which recipe where there are several
NO_DATA = "no data"


def readme_of(paper: Path) -> Path:
    """Name the README of the repository whose paper is in the folder ``paper``."""
    return paper.resolve().parent / README


def updated(inputs: ReportInputs, files: Iterable[str], paper: Path) -> str:
    """Return what the README beside the folder ``paper`` should be; ``files`` name what was generated for the paper.

    Raises:
        ReadmeError: when there is no README, or as :func:`with_part`.
    """
    path = readme_of(paper)
    if not path.is_file():
        raise ReadmeError(f"{path}: no such file; restore it from its last commit")
    return with_part(path.read_text(encoding="utf-8"), generated_part(inputs, files, paper.name), path)


def with_part(text: str, part: str, path: Path) -> str:
    """Put ``part`` between the markers of ``text``, which was read from ``path``.

    Raises:
        ReadmeError: when a marker is missing, occurs twice, or the end comes before the start.
    """
    if text.count(START) != 1 or text.count(END) != 1 or text.index(END) < text.index(START):
        raise ReadmeError(
            f"{path}: the generated part needs one line {START} and, below it, one line {END}; put them where the "
            "verdicts belong, or restore the file from its last commit"
        )
    return text[: text.index(START)] + f"{START}\n\n{part}\n\n" + text[text.index(END) :]


def generated_part(inputs: ReportInputs, files: Iterable[str], paper: str) -> str:
    """Write the part as Markdown, with addresses that begin with the name of the folder ``paper``."""
    table = verdicts_table(inputs.verdicts, inputs.ages, inputs.titles, len(inputs.protocol.final_repetitions))
    compact = _compact(table)
    blocks = [to_markdown(compact).rstrip("\n") if compact.rows else "", _the_rest(table, paper), _image(files, paper)]
    return "\n\n".join(block for block in blocks if block)


def _compact(table: Table) -> Table:
    """Keep what a reader looks for first, of the verdicts that have data."""
    columns = (
        *map(Column, ("Claim", "Data set", "Verdict")),
        Column("Difference [interval]", numeric=True),
        Column("Made after", numeric=True),
    )
    rows = tuple(
        (claim, dataset, f"**{outcome}**", f"{difference} {interval}", made_after)
        for claim, dataset, outcome, difference, interval, *_, made_after in table.rows
        if outcome != NO_DATA
    )
    caption = (
        "Differences in percentage points, of test error where the claim names nothing else, paired by seed. Where a "
        "lower value is claimed, a negative one is in its favour, with a 95 % BCa interval; where one that is the same "
        "or not higher is claimed, the interval is a 90 % t interval. Made after: records of both sides, tuning "
        "included, that are younger than the claim as it is now."
    )
    return Table(caption, columns, rows)


def _the_rest(table: Table, paper: str) -> str:
    """Sum up the verdicts without data in one line, and say where the whole table is."""
    absent = sum(row[2] == NO_DATA for row in table.rows)
    whole = f"[{paper}/tables/verdicts.md]({paper}/tables/verdicts.md)"
    return f"No data yet in {absent} of {len(table.rows)} pairs of claim and data set. All details: {whole}."


def _image(files: Iterable[str], paper: str) -> str:
    shown = sorted(name for name in files if name.startswith(FIGURE) and name.endswith(".svg"))
    if not shown:
        return ""
    chosen = f"{FIGURE}-{RECIPE}.svg" if f"{FIGURE}-{RECIPE}.svg" in shown else shown[0]
    return f"![Test error against decay, means with 95 % intervals]({paper}/{chosen})"
