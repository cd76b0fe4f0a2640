"""All that a report is made from, and what follows from it, found once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from harness.baseline_evidence import BaselineRecord
from harness.claim_history import Ages, History, ages
from harness.claims import Claim, Family, Protocol, Verdict
from harness.coverage import Coverage, Gap
from harness.evidence import Place
from harness.language_model_evidence import LanguageModelRecord
from harness.published import Published
from harness.record import Record
from harness.report.again import Repeat, paired_with_committed
from harness.report.again_contrasts import ContrastAgain, contrasts_again
from harness.report.appearance import svg_bytes
from harness.report.at_a_glance import Judged
from harness.report.beside_published import Repeated, repeat_contrasts
from harness.report.gallery import Plate, gallery
from harness.report.language_models import Group, Like, language_model_groups
from harness.report.marks import marked_families, verdict_marks
from harness.report.near_rates import NearRates, near_rates
from harness.report.pretraining import Product, Start, starts
from harness.report.summaries import Summary, summarise
from harness.report.tuning_budget import Choices, Grid, grids, tuning_choices
from harness.reproduction import Comparison
from harness.sides import by_family, records_read
from harness.verdicts import evaluate


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
