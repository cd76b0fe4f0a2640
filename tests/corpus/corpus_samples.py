"""A small corpus in the layout of one of the readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.corpus.formats import AG_NEWS_CLASSES, tab_separated
from harness.corpus.sources import Sources
from harness.corpus.texts import content_digest
from harness.specification import Dataset

WORDS = ("market", "team", "planet", "treaty")  # one for each class


@dataclass(frozen=True)
class SmallCorpus:
    dataset: Dataset
    sources: Sources
    files: tuple[Path, Path]


def write_rows(path: Path, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8", newline="\n")


def written_corpus(folder: Path) -> SmallCorpus:
    """80 training and 12 test rows of four classes, in a data folder; "onlytest" occurs in test texts alone."""
    files = (folder / "data/ag_news-10k/dev.tsv", folder / "data/ag_news-10k/test.tsv")
    train = [f"The {WORDS[i % 4]} story number {i} ended\t{AG_NEWS_CLASSES[i % 4]}" for i in range(80)]
    test = [f"An onlytest {WORDS[i % 4]} report {i} onlytest onlytest\t{AG_NEWS_CLASSES[i % 4]}" for i in range(12)]
    write_rows(files[0], train)
    write_rows(files[1], test)
    dataset = Dataset(
        name="small",
        title="Small",
        reader="ag-news-10k",
        classes=AG_NEWS_CLASSES,
        digest=content_digest(tab_separated(files)),
        licence="none",
        labels=8,
        validation=12,
        test=None,
    )
    return SmallCorpus(dataset, Sources(folder / "cache", folder / "data"), files)
