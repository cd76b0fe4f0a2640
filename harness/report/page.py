"""The report in a folder: one self-contained page, the figures as files and the main table for the paper.

The same records give the same bytes: nothing states when or where the report was rendered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.baseline_evidence import BaselineRecord
from harness.claim_history import Ages, History, ages
from harness.claims import Claim, Family, Protocol, Verdict
from harness.coverage import Coverage, Gap
from harness.evidence import Place
from harness.language_model_evidence import LanguageModelRecord
from harness.published import Published
from harness.record import Record
from harness.report.again import Repeat, again_table, paired_with_committed, repeated_cells
from harness.report.again_contrasts import ContrastAgain, contrasts_again, contrasts_again_table
from harness.report.appearance import svg_bytes
from harness.report.at_a_glance import Judged, apart, at_a_glance
from harness.report.baselines import baselines_table
from harness.report.beside_published import Repeated, contrasts_table, published_table, repeat_contrasts
from harness.report.bitmaps import bitmaps
from harness.report.comma_separated import to_csv
from harness.report.gallery import Plate, gallery
from harness.report.in_short import in_short, in_words
from harness.report.language_model_decays import language_model_decay_groups, language_model_decays_table
from harness.report.language_models import Group, Like, language_model_groups, language_models_table
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
from harness.report.marks import marked_families, verdict_marks
from harness.report.near_rates import NearRates, near_rates, near_rates_table
from harness.report.origins import address, commands, family_commands
from harness.report.pretraining import Product, Start, pretraining_table, starts, tokens_table
from harness.report.robustness import areas_table
from harness.report.same_rates import same_rates_table
from harness.report.summaries import Summary, summarise, without_shipped_model
from harness.report.tables import Table, errors_table, to_latex, to_markdown
from harness.report.tuning_budget import Choices, Grid, grids, tuning_budget_table, tuning_choices
from harness.report.variance import spreads, variance_table
from harness.reproduction import Comparison
from harness.sides import by_family, records_read
from harness.verdicts import evaluate

MARK = '<meta name="generator" content="harness.report">'
_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


@dataclass(frozen=True)
class ReportInputs:
    """All that a report is made from; ``titles`` maps dataset names.

    By cell, ``places`` says where records are, and ``profiles`` which profile's plan has the cell. ``again`` has sets
    of records of the same cells, measured in another precision or elsewhere. ``products`` are the general language
    models, by digest, and ``unshipped`` those that have to be trained first, by name; ``language_models`` what became
    of them on the data sets' texts; ``headlines`` names the claims that the README tells of. What follows from all this
    is found once, when it is first asked for; a figure is laid out when it is first saved, and not changed after that.
    """

    records: tuple[Record, ...]
    comparison: tuple[Comparison, ...]
    claims: tuple[Claim, ...]
    protocol: Protocol
    titles: Mapping[str, str]
    baselines: tuple[BaselineRecord, ...] = ()
    published: Published = field(default_factory=Published)
    places: Mapping[str, Place] = field(default_factory=dict)
    profiles: Mapping[str, str] = field(default_factory=dict)
    coverage: tuple[Coverage, ...] = ()
    gaps: tuple[Gap, ...] = ()
    again: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    history: History = field(default_factory=History)
    products: Mapping[str, Product] = field(default_factory=dict)
    unshipped: frozenset[str] = frozenset()
    language_models: tuple[LanguageModelRecord, ...] = ()
    title: str = "Discriminative fine-tuning: a reproducibility study"
    headlines: frozenset[str] = frozenset()

    @cached_property
    def summaries(self) -> tuple[Summary, ...]:
        """What the records of each family say together."""
        return summarise(self.records, self.protocol)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What becomes of the claims."""
        return evaluate(self.claims, self.records, self.protocol)

    @cached_property
    def read(self) -> tuple[tuple[Record, ...], ...]:
        """The records that each verdict reads."""
        records = by_family(self.records)
        return tuple(records_read(verdict, records, self.protocol) for verdict in self.verdicts)

    @cached_property
    def ages(self) -> tuple[Ages, ...]:
        """The ages of the records of each verdict."""
        pairs = zip(self.verdicts, self.read, strict=True)
        return tuple(ages(verdict.claim, records, self.history) for verdict, records in pairs)

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """The marks of each verdict."""
        marked = marked_families(self.summaries)
        pairs = zip(self.verdicts, self.read, strict=True)
        return tuple(verdict_marks(verdict, marked, records) for verdict, records in pairs)

    @cached_property
    def judged(self) -> tuple[Judged, ...]:
        """The verdicts with the ages of their records and their marks."""
        return tuple(zip(self.verdicts, self.ages, self.marks, strict=True))

    @cached_property
    def near_rates(self) -> tuple[NearRates, ...]:
        """What decay 2.6 changes at other rates that did nearly as well on validation data."""
        return near_rates(self.summaries, self.records, self.protocol)

    @cached_property
    def grids(self) -> dict[Family, Grid]:
        """The errors of the families that all repetitions ran at every base rate."""
        return grids(self.records, self.protocol)

    @cached_property
    def choices(self) -> tuple[Choices, ...]:
        """What other tuning repetitions would have found."""
        return tuning_choices(self.grids)

    @cached_property
    def starts(self) -> tuple[Start, ...]:
        """What was fine-tuned from each general language model."""
        return starts(self.summaries, self.products)

    @cached_property
    def language_model_groups(self) -> Mapping[Like, Group]:
        """The language models that records start from."""
        return language_model_groups(self.records, self.language_models)

    @cached_property
    def contrasts(self) -> tuple[Repeated, ...]:
        """The published contrasts with ours beside them."""
        return repeat_contrasts(self.published, self.summaries)

    @cached_property
    def repeats(self) -> tuple[Repeat, ...]:
        """The cells that were measured again, with their committed records."""
        return paired_with_committed(self.again, self.records)

    @cached_property
    def contrasts_again(self) -> tuple[ContrastAgain, ...]:
        """What decay 2.6 changes where its cells and those of decay 1 were measured again."""
        return contrasts_again(self.repeats, self.protocol)

    @cached_property
    def plates(self) -> tuple[Plate, ...]:
        """All figures, those that the records cannot fill too."""
        return gallery(self.summaries, self.protocol, self.titles, self.contrasts, self.starts, self.grids)

    @cached_property
    def drawings(self) -> dict[str, bytes]:
        """The figures that there are, by name, as SVG."""
        return {plate.name: svg_bytes(plate.figure) for plate in self.plates if plate.figure is not None}


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
    first, _ = apart(inputs.judged, without_shipped_model(inputs.records))
    environment = Environment(
        loader=PackageLoader("harness.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(
        mark=Markup(MARK),  # a constant of this module
        inputs=inputs,
        tables=tables,
        short=in_words(in_short(((verdict, marks) for verdict, _, marks in first), inputs.titles, planned)),
        note=resolution_note(inputs.verdicts, inputs.protocol),
        reproduction=reproduction_table(inputs.comparison),
        plates=[
            (plate, inline_svg(drawings[plate.name], plate.name)) for plate in inputs.plates if plate.name in drawings
        ],
        left_out=[plate for plate in inputs.plates if plate.name not in drawings],
        environments=environments_table(inputs.records),
        datasets=datasets_table(inputs.records),
        gaps=gaps_table(inputs.gaps),
        incomplete=[summary for summary in inputs.summaries if summary.missing or summary.rate is None],
        on_edge=[summary for summary in inputs.summaries if summary.on_edge],
        **cells,
    )


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
