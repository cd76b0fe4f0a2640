"""The report in a folder: one self-contained page, the figures as files and the main table for the paper.

The same records give the same bytes: nothing states when or where the report was rendered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report.again import again_table, repeated_cells
from harness.report.again_contrasts import contrasts_again_table
from harness.report.at_a_glance import apart, at_a_glance
from harness.report.baselines import baselines_table
from harness.report.beside_published import contrasts_table, published_table
from harness.report.bitmaps import bitmaps
from harness.report.comma_separated import to_csv
from harness.report.gallery import lead
from harness.report.in_short import in_short, in_words
from harness.report.inputs import ReportInputs
from harness.report.language_model_decays import language_model_decay_groups, language_model_decays_table
from harness.report.language_models import language_models_table
from harness.report.listings import (
    cells_table,
    claims_table,
    coverage_table,
    datasets_table,
    environments_table,
    gaps_table,
    reproduction_table,
    resolution_note,
    verdicts_table,
)
from harness.report.names import names_table
from harness.report.near_rates import near_rates_table
from harness.report.origins import address, commands, family_commands
from harness.report.pretraining import pretraining_table, tokens_table
from harness.report.rates_text import NEAR_HEAD, NEAR_REST, TUNED_REST, near_told, tuned_told
from harness.report.robustness import areas_table
from harness.report.same_rates import same_rates_table
from harness.report.summaries import without_shipped_model
from harness.report.tables import Table, errors_table, to_latex, to_markdown
from harness.report.tuning_budget import tuning_budget_table
from harness.report.variance import spreads, variance_table

MARK = '<meta name="generator" content="harness.report">'
CONTENTS = "<!-- contents -->"
_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>')
_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


def render(inputs: ReportInputs, output: Path) -> Path:
    """Write ``index.html``, ``figures/*.svg``, ``figures/*.png`` and ``tables/*.{md,tex,csv}``; return the page.

    An earlier report in ``output`` is replaced, with its figures.

    Raises:
        FileExistsError: when ``output`` holds something that is not a report.
        ValueError: when the records contradict each other, as :func:`harness.claims.final_records`.
    """
    check_output(output)
    tables = report_tables(inputs)
    page = _page(inputs, tables, _cells(inputs, output))
    files: dict[str, bytes] = {f"figures/{name}.svg": drawing for name, drawing in inputs.drawings.items()}
    files |= {f"figures/{name}.png": picture for name, picture in bitmaps(inputs.drawings).items()}
    for ending, write in (("md", to_markdown), ("tex", to_latex), ("csv", to_csv)):
        files |= {f"tables/{name}.{ending}": write(table).encode() for name, table in tables.items()}
    # The page first: it is what marks the folder as a report, should the rest be interrupted.
    _write(output, {"index.html": page.encode()} | files)
    return output / "index.html"


def report_tables(inputs: ReportInputs) -> dict[str, Table]:
    """Build the tables that are files as well, by file name."""
    titles, planned = inputs.titles, len(inputs.protocol.final_repetitions)
    margin, summaries, verdicts = inputs.protocol.margin, inputs.summaries, inputs.verdicts
    first, own_text = apart(inputs.judged, without_shipped_model(inputs.records))
    return {
        "at-a-glance": at_a_glance(first, titles, planned),
        "at-a-glance-own-text": at_a_glance(own_text, titles, planned),
        "verdicts": verdicts_table(inputs.judged, titles, planned),
        "errors": errors_table(summaries, titles),
        "areas": areas_table(summaries, titles),
        "near-rates": near_rates_table(inputs.near_rates, titles),
        "tuning-budget": tuning_budget_table(inputs.choices, inputs.protocol, titles),
        "published-errors": published_table(inputs.published, summaries, titles),
        "published-contrasts": contrasts_table(inputs.contrasts, titles, planned),
        "baselines": baselines_table(inputs.baselines),
        "same-rates": same_rates_table(inputs.records, summaries, inputs.protocol, titles),
        "again": again_table(repeated_cells(inputs.repeats, margin), titles, margin),
        "contrasts-again": contrasts_again_table(inputs.contrasts_again, titles, margin),
        "pretraining": pretraining_table(inputs.starts, titles),
        "tokens": tokens_table(inputs.starts, titles),
        "language-models": language_models_table(inputs.language_model_groups.values()),
        "language-model-decays": language_model_decays_table(language_model_decay_groups(summaries), titles),
        "variance": variance_table(spreads(inputs.records, summaries), titles),
        "claims": claims_table(verdicts, inputs.history),
        "coverage": coverage_table(inputs.coverage, titles),
    }


def _page(inputs: ReportInputs, tables: Mapping[str, Table], cells: Mapping[str, object]) -> str:
    drawings, planned = inputs.drawings, len(inputs.protocol.final_repetitions)
    own_text, first_plate = without_shipped_model(inputs.records), lead(inputs.plates)
    first, _ = apart(inputs.judged, own_text)
    plates = sorted(
        (plate for plate in inputs.plates if plate.name in drawings), key=lambda one: one is not first_plate
    )
    environment = Environment(
        loader=PackageLoader("harness.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html.jinja").render(
        mark=Markup(MARK),  # a constant of this module
        inputs=inputs,
        tables=tables,
        short=in_words(in_short(((verdict, marks) for verdict, _, marks in first), inputs.titles, planned)),
        note=resolution_note(inputs.verdicts, inputs.protocol),
        reproduction=reproduction_table(inputs.comparison),
        near=near_told(inputs.near_rates, own_text, inputs.titles),
        tuned=tuned_told(inputs.summaries, own_text, inputs.titles),
        rates_words={"near": NEAR_HEAD, "near_rest": NEAR_REST, "tuned_rest": TUNED_REST},
        names=names_table(inputs.records),
        plates=[(plate, inline_svg(drawings[plate.name], plate.name)) for plate in plates],
        early=1 if first_plate else 0,
        left_out=[plate for plate in inputs.plates if plate.name not in drawings],
        environments=environments_table(inputs.records),
        datasets=datasets_table(inputs.records),
        gaps=gaps_table(inputs.gaps),
        incomplete=[summary for summary in inputs.summaries if summary.missing or summary.rate is None],
        on_edge=[summary for summary in inputs.summaries if summary.on_edge],
        **cells,
    )
    return page.replace(CONTENTS, _contents(page))


def _contents(page: str) -> str:
    """List the headings of a page, each of which has an id, as links to them."""
    links = (f'<li><a href="#{name}">{text}</a></li>' for name, text in _HEADING.findall(page))
    return "\n".join(('<nav aria-label="Contents"><ul>', *links, "</ul></nav>"))


def _cells(inputs: ReportInputs, output: Path) -> dict[str, object]:
    """The table of all cells, and by cell the address of its record's file and the command that runs it again."""
    return {
        "cells": cells_table(inputs.records, inputs.places),
        "addresses": {cell: address(place, output) for cell, place in inputs.places.items()},
        "commands": commands(inputs.profiles, inputs.records, inputs.unshipped),
        "family_commands": family_commands(inputs.gaps) if inputs.profiles else {},
    }


def inline_svg(drawing: bytes, name: str) -> Markup:
    """Cut an SVG file down to its element and make its ids unique to ``name``, for several in one page."""
    text = drawing.decode()
    element = text[text.index("<svg") :].replace("<svg", '<svg aria-hidden="true"', 1)
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    return Markup(_REFERENCE.sub(rf"\g<1>{name}-", element))  # drawn here by matplotlib, which escapes its texts


def check_output(output: Path) -> None:
    """Raises FileExistsError when a report cannot be written there, because there is something else."""
    page = output / "index.html"
    taken = output.exists() and (not output.is_dir() or any(output.iterdir()))
    if taken and not (page.is_file() and MARK in page.read_text(encoding="utf-8", errors="replace")):
        raise FileExistsError(
            f"{output} holds something that is not a report; name an empty or a new folder with --output"
        )


def _write(output: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files`` and remove the figures of an earlier report that this one does not have."""
    for name, content in files.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for kind in ("svg", "png"):
        for path in (output / "figures").glob(f"*.{kind}"):
            if f"figures/{path.name}" not in files:
                path.unlink()
