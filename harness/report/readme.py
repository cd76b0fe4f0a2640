"""The part of the README that is generated: the verdicts at a glance, and one figure of the paper.

It stands between two comments. Everything else in the file is prose, and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.report.at_a_glance import at_a_glance
from harness.report.faults import ReadmeError
from harness.report.page import ReportInputs
from harness.report.tables import Table, to_markdown

README = "README.md"
START, END = "<!-- verdicts -->", "<!-- end of verdicts -->"
FIGURE, RECIPE = "figures/error-against-decay", "compact"  # what is shown, and of which recipe where there are several
_OUTCOME = re.compile("(held|failed|undecided)(?=\N{NO-BREAK SPACE})")


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
    table = at_a_glance(inputs.verdicts, inputs.ages, inputs.titles, inputs.marks)
    measured = any(verdict.outcome != "no data" for verdict in inputs.verdicts)
    blocks = [to_markdown(_marked(table)).rstrip("\n") if measured else "", _the_rest(inputs, paper)]
    return "\n\n".join(block for block in (*blocks, _image(files, paper)) if block)


def _marked(table: Table) -> Table:
    """Set outcomes in bold."""
    rows = ((claim, *(_OUTCOME.sub(r"**\1**", cell) for cell in cells)) for claim, *cells in table.rows)
    return replace(table, rows=tuple(rows))


def _the_rest(inputs: ReportInputs, paper: str) -> str:
    """Count the verdicts without data, and say where the whole table is."""
    absent = sum(verdict.outcome == "no data" for verdict in inputs.verdicts)
    whole = f"[{paper}/tables/verdicts.md]({paper}/tables/verdicts.md)"
    return f"No data yet in {absent} of {len(inputs.verdicts)} pairs of claim and data set. All details: {whole}."


def _image(files: Iterable[str], paper: str) -> str:
    shown = sorted(name for name in files if name.startswith(FIGURE) and name.endswith(".svg"))
    if not shown:
        return ""
    chosen = f"{FIGURE}-{RECIPE}.svg" if f"{FIGURE}-{RECIPE}.svg" in shown else shown[0]
    return f"![Test error against decay, means with 95 % intervals]({paper}/{chosen})"
