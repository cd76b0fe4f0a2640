"""Put committed records into a run store, so that a run measures only what they lack."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.campaign import Made, Selection, SpecificationError, hardware_text, made_on, planned
from harness.record import Record
from harness.specification import Precision, cell_id
from harness.store import Store
from harness.study_definition import Study
from harness.wording import counted

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """The kind of device and the precision that records are to be of; None: any, but all of one."""

    device: str | None = None
    precision: Precision | None = None

    def takes(self, record: Record) -> bool:
        """Whether the record is wanted."""
        made = made_on(record)
        device = None if self.device is None else self.device.partition(":")[0]
        return device in (None, made.device) and self.precision in (None, made.precision)


@dataclass(frozen=True)
class Adopted:
    """Records put into the store; ``left_out`` counts, by what they were made on, those that were not wanted."""

    records: tuple[Record, ...]
    left_out: Counter[Made]


def adopt(study: Study, selection: Selection, store: Store, committed: Iterable[Record], wanted: Wanted) -> Adopted:
    """Put the selection's committed records that are ``wanted`` into the store, where a run finds them done.

    What the store has already stays. A record made from another specification than the study has now is left out, with
    a warning, since a run would refuse it.

    Raises:
        UnknownNameError: as :func:`harness.campaign.planned`.
        SpecificationError: when the store would then have selected cells of several devices or precisions, which a run
            refuses; nothing has been put there then.
        InvalidRecord: when a record of the store is damaged.
        StoreError: when a record cannot be written.
    """
    known = {record.cell: record for record in committed}
    cells = {cell_id(cell): cell for cell in planned(study, selection, known.values()).cells}
    new = [known[name] for name in cells if name in known and not store.has_record(name)]
    fitting = [record for record in new if record.specification == cells[record.cell]]
    taken = [record for record in fitting if wanted.takes(record)]
    _refuse_several(taken, [record for record in store.records() if record.cell in cells], store)
    for record in taken:
        store.write_record(record)
    if other := [record.cell for record in new if record.specification != cells[record.cell]]:
        what, rest = ("is", "it") if len(other) == 1 else ("are", "them")
        line = "%s %s of another specification than the study's, first %s; a run measures %s anew"
        _LOG.warning(line, counted(len(other), "committed record"), what, other[0], rest)
    left_out = Counter(made_on(record) for record in fitting if not wanted.takes(record))
    return Adopted(tuple(taken), left_out)


def _refuse_several(taken: Iterable[Record], stored: Iterable[Record], store: Store) -> None:
    new, there = Counter(map(made_on, taken)), Counter(map(made_on, stored))
    if len(new) > 1:
        raise SpecificationError(
            f"a run takes records of one device and precision, the committed ones are several: {hardware_text(new)}; "
            "choose with --device and --precision, and give the run the same"
        )
    if new and there and new.keys() != there.keys():
        raise SpecificationError(
            f"{store.root}: has selected cells that were made otherwise ({hardware_text(there)}) than the committed "
            f"ones ({hardware_text(new)}), and a run takes records of one device and precision; give another --store"
        )


def told(adopted: Adopted, store: Path) -> Iterator[str]:
    """Yield what was done in lines, with the options that a run on the store needs."""
    made = Counter(map(made_on, adopted.records))
    options = "".join(f"; run it with --device {each.device} --precision {each.precision}" for each in made)
    yield f"{counted(len(adopted.records), 'committed record')} put into {store}{options}"
    if adopted.left_out:
        yield f"left out, since they were made otherwise: {hardware_text(adopted.left_out)}"
