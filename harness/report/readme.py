"""The part of the README that is generated: the main verdicts, what base rates do to them, and one of the figures.

It stands between two comments. Everything else in the file is prose, and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.claims import Family
from harness.report.at_a_glance import apart, at_a_glance
from harness.report.faults import ReadmeError
from harness.report.in_short import in_short, in_words
from harness.report.near_rates import NearRates
from harness.report.page import ReportInputs
from harness.report.summaries import DISCRIMINATIVE, UNIFORM, find, swept_arm, without_shipped_model
from harness.report.tables import Table, points, rate_text, to_markdown

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
        _image(files, paper),
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
    own_text = without_shipped_model(inputs.records)
    shipped = [one for one in inputs.near_rates if one.family.recipe not in own_text]
    found = [one for one in shipped if len(one.differences) > 1]
    lines = [
        f"- {_place(one.family, inputs)}: {points(min(one.differences.values()))} to "
        f"{points(max(one.differences.values()))} points, lower at {one.lower} of {_pairs(one)}; "
        f"{points(one.own)}{one.marks} at the chosen one"
        for one in found
    ]
    head = (
        "**What the choice of base rates is worth.** A verdict is about the rates that tuning chose. At pairs of rates "
        f"that did nearly as well on validation data ({_link(paper, 'near-rates')}) decay 2.6 changes the test error by"
    )
    if not lines:
        return ""
    rest = "\n\nElsewhere only the chosen pair was run." if len(found) < len(shipped) else ""
    return "\n".join((head, "", *lines)) + rest


def _pairs(one: NearRates) -> str:
    """Count the pairs of near rates that were run, and all where these are more."""
    run, pairs = len(one.differences), len(one.uniform) * len(one.discriminative)
    return f"{run} pairs" if run == pairs else f"{run} pairs that were run, of {pairs}"


def _tuned(inputs: ReportInputs) -> str:
    """Tell the tuned base rates of the main contrast, from a shipped model."""
    own_text, arm = without_shipped_model(inputs.records), swept_arm(inputs.summaries)
    chosen = []
    for summary in inputs.summaries:
        family, uniform = summary.family, find(inputs.summaries, replace(summary.family, decay=UNIFORM))
        swept = family.arm == arm and family.recipe not in own_text and len(summary.tried) > 1
        if swept and family.decay == DISCRIMINATIVE and uniform is not None and uniform.rate and summary.rate:
            chosen.append(f"- {_place(family, inputs)}: {rate_text(uniform)} and {rate_text(summary)}")
    head = "**Tuned base rates, uniform and at decay 2.6.** Tune the rate again when you change the decay."
    return "\n".join((head, "", *chosen)) if chosen else ""


def _place(family: Family, inputs: ReportInputs) -> str:
    return f"{inputs.titles.get(family.dataset, family.dataset)} ({family.recipe}, {family.implementation})"


def _image(files: Iterable[str], paper: str) -> str:
    shown = sorted(name for name in files if name.startswith(FIGURE) and name.endswith(".svg"))
    if not shown:
        return ""
    chosen = f"{FIGURE}-{RECIPE}.svg" if f"{FIGURE}-{RECIPE}.svg" in shown else shown[0]
    return f"![Test error against decay, means with 95 % intervals]({paper}/{chosen})"
