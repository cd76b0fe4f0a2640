"""Where tasks are carried out, and by which implementation."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.corpus.sources import Sources
from harness.jobs import Documents, ImplementationModule
from harness.specification import CPU, Direction, Hardware, Implementation
from harness.store import Store

IMPLEMENTATIONS: dict[Implementation, str] = {
    "torch": "harness.scratch.training",
    "fastai": "harness.with_fastai.training",
}


@dataclass(frozen=True)
class Workplace:
    """The store, the sources of data, the folder of shipped models, and the hardware."""

    store: Store
    sources: Sources
    models: Path
    hardware: Hardware = CPU


def implementation_module(name: Implementation) -> ImplementationModule:
    """Import an implementation; fastai takes seconds, so only when it is used."""
    return cast(ImplementationModule, importlib.import_module(IMPLEMENTATIONS[name]))


def oriented(documents: Documents, direction: Direction) -> Documents:
    """Documents in reading order, or each reversed for a backward model, as fastai does."""
    return documents if direction == "forward" else tuple(document[::-1].copy() for document in documents)
