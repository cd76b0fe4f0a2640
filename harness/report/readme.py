"""The part of the README that is generated: the main verdicts, what base rates do to them, and one of the figures.

It stands between two comments. Everything else in the file is prose, and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.report.at_a_glance import apart, at_a_glance
from harness.report.faults import ReadmeError
from harness.report.gallery import lead
from harness.report.in_short import in_short, in_words
from harness.report.inputs import ReportInputs
from harness.report.rates_text import NEAR_HEAD, NEAR_REST, TUNED_REST, near_told, tuned_told
from harness.report.summaries import without_shipped_model
from harness.report.tables import Table, to_markdown

README = "README.md"
START, END = "<!-- verdicts -->", "<!-- end of verdicts -->"
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
    told = [one for one in inputs.judged if not inputs.headlines or one[0].claim.name in inputs.headlines]
    first, _ = apart(told, without_shipped_model(inputs.records))
    measured = any(verdict.outcome != "no data" for verdict, *_ in first)
    planned = len(inputs.protocol.final_repetitions)
    glance = at_a_glance(first, inputs.titles, planned)
    table = to_markdown(_marked(glance)).rstrip("\n") if measured else ""
    short = in_words(in_short(((verdict, marks) for verdict, _, marks in first), inputs.titles, planned))
    blocks = (
        f"**In short.** {short}" if short else "",
        table,
        _the_rest(inputs, paper),
        _near(inputs, paper),
        _tuned(inputs),
        _image(inputs, files, paper),
    )
    return "\n\n".join(filter(None, blocks))


def _marked(table: Table) -> Table:
    """Set outcomes in bold."""
    rows = ((claim, *(_OUTCOME.sub(r"**\1**", cell) for cell in cells)) for claim, *cells in table.rows)
    return replace(table, rows=tuple(rows))


def _the_rest(inputs: ReportInputs, paper: str) -> str:
    """Count the verdicts without data, and say where the others are."""
    absent = sum(verdict.outcome == "no data" for verdict in inputs.verdicts)
    return (
        f"All claims, from the shipped model: {_link(paper, 'at-a-glance')}; from models of the data set's own text "
        f"alone: {_link(paper, 'at-a-glance-own-text')}; both with all details: {_link(paper, 'verdicts')}. No data "
        f"yet in {absent} of {len(inputs.verdicts)} pairs of claim and data set."
    )


def _link(paper: str, table: str) -> str:
    return f"[{table}]({paper}/tables/{table}.md)"


def _near(inputs: ReportInputs, paper: str) -> str:
    """Tell what the main contrast is at other base rates, where it was run at some."""
    told = near_told(inputs.near_rates, without_shipped_model(inputs.records), inputs.titles)
    head = (
        f"**What the choice of base rates is worth.** {NEAR_HEAD} ({_link(paper, 'near-rates')}) decay 2.6 changes the "
        "test error by"
    )
    if not told.lines:
        return ""
    rest = f"\n\n{NEAR_REST}" if told.only_chosen else ""
    return "\n".join((head, "", *(f"- {line}" for line in told.lines))) + rest


def _tuned(inputs: ReportInputs) -> str:
    """Tell the tuned base rates of the main contrast, from a shipped model."""
    lines = tuned_told(inputs.summaries, without_shipped_model(inputs.records), inputs.titles)
    head = f"**Tuned base rates, uniform and at decay 2.6.** {TUNED_REST}"
    return "\n".join((head, "", *(f"- {line}" for line in lines))) if lines else ""


def _image(inputs: ReportInputs, files: Iterable[str], paper: str) -> str:
    """Show the first figure, where it is among the ``files``, with its caption below."""
    plate = lead(inputs.plates)
    path = f"figures/{plate.name}.svg" if plate else ""
    if plate is None or path not in files:
        return ""
    return f"![Test error against decay, means with 95 % intervals]({paper}/{path})\n\n{plate.caption}"
