"""Tables as neutral data, written as Markdown, LaTeX and, for the paper, JSON; the page shows the same ones.

Cells are text with typographic signs (−, –, ×); the LaTeX writer turns them into its own, that of CSV
(``harness.report.comma_separated``) into those that programs read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from harness.report.marks import MIXED_NOTE, NOTE, mixed_mark, rate_marks
from harness.report.summaries import Summary, difference_to_uniform, uniform_of
from harness.statistics import Interval, PairedDifference

Value = str | int | tuple[str, ...]  # of a number, text or list of names that the paper may state
ABSENT = "–"
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "–": "--",
    "×": r"$\times$",
    "±": r"$\pm$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "§": r"\S{}",
    "∗": r"$^\ast$",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "\N{NO-BREAK SPACE}": "~",
}


@dataclass(frozen=True)
class Column:
    """A heading; numbers are aligned to the right."""

    heading: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and rows of text, every row as long as ``columns``; ``caption`` is a full sentence or several."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


def percent(fraction: float | None) -> str:
    """Show an error fraction in percent with two decimals, without the sign %."""
    return ABSENT if fraction is None else f"{100 * fraction:.2f}"


def points(difference: float | None) -> str:
    """Show a difference of error fractions in percentage points, always signed."""
    return ABSENT if difference is None else f"{100 * difference:+.2f}".replace("-", "−")


def bracketed(interval: Interval | None, signed: bool = False) -> str:
    """Show an interval of fractions, for example ``[14.10, 15.32]``."""
    show = points if signed else percent
    return ABSENT if interval is None else f"[{show(interval[0])}, {show(interval[1])}]"


def difference_text(difference: PairedDifference | None) -> str:
    """Show a paired difference in points with its interval."""
    return f"{points(difference.mean)} {bracketed(difference.interval, signed=True)}" if difference else ABSENT


def p_value(p: float | None) -> str:
    """Show a p value with three decimals, or that it is smaller."""
    return ABSENT if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def rate_text(summary: Summary) -> str:
    """Show the chosen base rate, with its marks."""
    if summary.rate is None:
        return "not chosen"
    return f"{summary.rate:g}{rate_marks(summary)}"


def seeds_text(summary: Summary) -> str:
    """Show how many final seeds there are, of how many where some are missing, and how many diverged."""
    found, planned = len(summary.finals), len(summary.finals) + len(summary.missing)
    diverged = f" ({summary.diverged} diverged)" if summary.diverged else ""
    return f"{found if found == planned else f'{found} of {planned}'}{diverged}"


def errors_table(summaries: Sequence[Summary], titles: Mapping[str, str]) -> Table:
    """Build the main table: one row for each dataset, recipe, implementation, arm and decay."""
    several_recipes = len({summary.family.recipe for summary in summaries}) > 1
    columns = (
        Column("Dataset"),
        Column("Implementation"),
        Column("Arm"),
        Column("Decay", numeric=True),
        Column("Base rate", numeric=True),
        Column("Seeds", numeric=True),
        Column("Validation error %", numeric=True),
        Column("Test error\N{NO-BREAK SPACE}% [95\N{NO-BREAK SPACE}%]", numeric=True),
        Column("Difference to uniform [95\N{NO-BREAK SPACE}%]", numeric=True),
    )
    caption = (
        "Mean error over the final seeds at the base rate chosen on validation error, or at the one that was given. "
        "Intervals of the error are Student's t over seeds; differences to decay 1 are in percentage points, paired by "
        f"seed, with BCa bootstrap intervals that are not adjusted for their number. {NOTE} "
        f"{MIXED_NOTE}"
    )
    return Table(caption, columns, tuple(_error_row(s, summaries, titles, several_recipes) for s in summaries))


def to_markdown(table: Table) -> str:
    """Write the table and its caption as Markdown."""
    lines = [
        _markdown_row([column.heading for column in table.columns]),
        _markdown_row(["---:" if column.numeric else "---" for column in table.columns]),
        *(_markdown_row(row) for row in table.rows),
    ]
    return "\n".join(lines) + f"\n\n{table.caption}\n"


def to_latex(table: Table) -> str:
    """Write the table as a booktabs ``tabular`` with every special character escaped; the caption as a comment."""
    alignment = "".join("r" if column.numeric else "l" for column in table.columns)
    lines = [
        f"% {table.caption}",
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        _latex_row([column.heading for column in table.columns]),
        r"\midrule",
        *(_latex_row(row) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def to_neutral(table: Table) -> str:
    """Write the table as JSON: caption, columns with heading and alignment, rows."""
    return json.dumps(asdict(table), indent=1, ensure_ascii=False) + "\n"


def _error_row(
    summary: Summary, summaries: Sequence[Summary], titles: Mapping[str, str], several_recipes: bool
) -> tuple[str, ...]:
    family, dataset = summary.family, titles.get(summary.family.dataset, summary.family.dataset)
    uniform, difference = uniform_of(summary, summaries), difference_to_uniform(summary, summaries)
    return (
        f"{dataset} ({family.recipe})" if several_recipes else dataset,
        family.implementation,
        family.arm,
        f"{family.decay:g}",
        rate_text(summary),
        seeds_text(summary),
        percent(summary.validation_error),
        f"{percent(summary.test_error)} {bracketed(summary.interval)}" if summary.finals else ABSENT,
        difference_text(difference)
        + (mixed_mark((*summary.finals, *uniform.finals)) if difference and uniform else ""),
    )


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join("".join(_LATEX.get(sign, sign) for sign in cell) for cell in cells) + r" \\"
