"""The text of a general language model: Wikipedia archives, cleaned, tokenised by all cores and kept.

Tokens are kept as their rank by frequency, so one kept file serves every vocabulary size: a rank beyond the
vocabulary is an unknown word.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt

from harness.corpus.cache import exclusive
from harness.corpus.kept_arrays import Arrays, arrays_digest, read_arrays, write_arrays
from harness.corpus.overlap import EvaluationText
from harness.corpus.readers import ENCYCLOPAEDIAS, WIKITEXT, Content, Reader
from harness.corpus.sources import Sources, find
from harness.corpus.texts import CorpusError
from harness.corpus.tokens import TokenisedTexts, tokenise, tokenizer_version
from harness.corpus.vocabulary import UNKNOWN_ID, build_vocabulary, ids_of
from harness.corpus.wikipedia import Article, articles_digest, wikitext_articles, wikitext_digest

SCHEMA = 2  # raise it whenever cleaning, tokenising or the layout of the kept file changes
MOST_WORDS = 60_000  # of any vocabulary; ranks must fit 16 bits
LEAST_COUNT = 3  # of a token that gets an entry
SHARED_SEQUENCES = 25  # eight-word sequences in common with evaluation text that condemn an article
ARTICLES_A_TASK = 100

Ids = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class GeneralCorpus:
    """Archives to train on, keys of ``readers.ENCYCLOPAEDIAS``; every ``held_out``-th article is for validation."""

    name: str
    title: str
    archives: tuple[str, ...]
    held_out: int
    licence: str


@dataclass(frozen=True)
class GeneralText:
    """Token ids, shape (tokens,), documents joined; each begins with ``xxbos``.

    ``training`` has offsets, shape (documents + 1,). ``evaluation`` has ``wikipedia`` (held-out articles),
    ``wikitext-validation`` and ``wikitext-test``. ``dropped`` counts articles and lines left out, by reason.
    """

    vocabulary: tuple[str, ...]
    training: Ids
    offsets: npt.NDArray[np.int64]
    evaluation: dict[str, Ids]
    dropped: dict[str, int]
    digest: str


def general_text(
    corpus: GeneralCorpus, words: int, sources: Sources, workers: int, report: Callable[[float], None]
) -> GeneralText:
    """Read, clean and tokenise the corpus with a vocabulary of ``words`` entries, or read what was kept.

    ``report`` is told the fraction done.

    Raises:
        CorpusError: when a source is missing or damaged.
        ValueError: for a vocabulary larger than ``MOST_WORDS``.
    """
    if words > MOST_WORDS:
        raise ValueError(f"a vocabulary of {words} entries is more than the {MOST_WORDS} that are kept")
    contents = [WIKITEXT.digest, *(ENCYCLOPAEDIAS[name].digest for name in corpus.archives)]
    key = {"schema": SCHEMA, "corpus": asdict(corpus), "contents": contents, "tokenizer": tokenizer_version()}
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = sources.cache / "tokens" / f"general-{name}.npz"
    with exclusive(path):
        arrays = read_arrays(path, _names())
        if arrays is None:
            arrays = _build(corpus, sources, workers, report)
            write_arrays(path, arrays)
    return _text(arrays, words)


_EVALUATION = ("wikipedia", "wikitext-validation", "wikitext-test")


def _names() -> frozenset[str]:
    return frozenset({"vocabulary", "dropped", "training", "offsets", *_EVALUATION})


def _text(arrays: Arrays, words: int) -> GeneralText:
    return GeneralText(
        vocabulary=tuple(json.loads(arrays["vocabulary"].tobytes()))[:words],
        training=_cut(arrays["training"], words),
        offsets=arrays["offsets"],
        evaluation={name: _cut(arrays[name], words) for name in _EVALUATION},
        dropped=json.loads(arrays["dropped"].tobytes()),
        digest=arrays_digest(arrays),
    )


def _cut(ids: Ids, words: int) -> Ids:
    return np.where(ids < words, ids, np.uint16(UNKNOWN_ID))


def _build(corpus: GeneralCorpus, sources: Sources, workers: int, report: Callable[[float], None]) -> Arrays:
    wikitext = _content("wikitext-103", WIKITEXT, wikitext_digest, sources)
    kept, dropped = _distinct(corpus, sources)
    texts = [article.text for article in kept]
    merged = _Merged()
    shared = merged.add_all(_tokenised(texts, wikitext, workers), len(texts), report)
    clean = [index for index, count in enumerate(shared) if count < SHARED_SEQUENCES]
    dropped["shares text with WikiText"] = len(texts) - len(clean)
    held_out = set(clean[:: corpus.held_out])
    training = [index for index in clean if index not in held_out]
    # Counted on training text alone; the evaluation parts are tokenised last and only looked up.
    vocabulary, ranks = merged.ranks(training)
    arrays: Arrays = {"vocabulary": _json_bytes(vocabulary), "dropped": _json_bytes(dropped)}
    arrays["training"], arrays["offsets"] = merged.joined(training, ranks)
    arrays["wikipedia"], _ = merged.joined(sorted(held_out), ranks)
    for part, text in wikitext.items():
        arrays[f"wikitext-{part}"] = _looked_up(text, vocabulary)
    return arrays


def _content(name: str, reader: Reader[Content], digest: Callable[[Content], str], sources: Sources) -> Content:
    """Parse a publication and check that it is the declared one."""
    origin = find(name, reader, sources)
    content = reader.parse(origin.files)
    found = digest(content)
    if reader.digest not in (None, found):
        raise CorpusError(f"{origin.files[0]}: content digest {found}, declared {reader.digest}. {origin.remedy}.")
    return content


def _distinct(corpus: GeneralCorpus, sources: Sources) -> tuple[list[Article], dict[str, int]]:
    """The articles of all archives, each page once, empty ones left out; and how much was dropped, by reason."""
    pages: dict[int, Article] = {}
    dropped = {"same page again": 0, "no text": 0, "lines of markup": 0}
    for name in corpus.archives:
        for article in _content(name, ENCYCLOPAEDIAS[name], articles_digest, sources):
            dropped["lines of markup"] += article.residue
            if not article.text:
                dropped["no text"] += 1
            elif article.page in pages:
                dropped["same page again"] += 1
            else:
                pages[article.page] = article
    return list(pages.values()), dropped


def _tokenised(
    texts: Sequence[str], wikitext: dict[str, str], workers: int
) -> Iterator[tuple[TokenisedTexts, list[int]]]:
    """Tokens of consecutive texts and how many sequences each shares with WikiText, in order."""
    tasks = [texts[start : start + ARTICLES_A_TASK] for start in range(0, len(texts), ARTICLES_A_TASK)]
    evaluation = " ".join(wikitext.values())
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_prepare, initargs=(evaluation,)) as pool:
        yield from pool.map(_tokenise_some, tasks)


_evaluation: list[EvaluationText] = []  # one a worker process


def _prepare(text: str) -> None:
    _evaluation.append(EvaluationText(text))


def _tokenise_some(texts: Sequence[str]) -> tuple[TokenisedTexts, list[int]]:
    return tokenise(texts), [_evaluation[0].shared_with(text) for text in texts]


class _Merged:
    """Documents of many tokenised parts, numbered by one list of tokens."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._documents: list[npt.NDArray[np.int32]] = []

    def add_all(
        self, parts: Iterator[tuple[TokenisedTexts, list[int]]], documents: int, report: Callable[[float], None]
    ) -> list[int]:
        """Take all parts in, and return what was counted for each document."""
        counted: list[int] = []
        for tokenised, counts in parts:
            numbers = self._numbers
            places = np.array([numbers.setdefault(token, len(numbers)) for token in tokenised.tokens], dtype=np.int32)
            self._documents += [places[document] for document in tokenised.documents]
            counted += counts
            report(len(counted) / documents)
        return counted

    def ranks(self, documents: Sequence[int]) -> tuple[tuple[str, ...], Ids]:
        """The vocabulary that these documents give, and each token's place in it, 0 where it has none."""
        counts = np.zeros(len(self._numbers), dtype=np.int64)
        for index in documents:
            np.add.at(counts, self._documents[index], 1)
        by_token = dict(zip(self._numbers, counts.tolist(), strict=True))
        vocabulary = build_vocabulary(by_token, MOST_WORDS, LEAST_COUNT)
        return vocabulary, _places(tuple(self._numbers), vocabulary)

    def joined(self, documents: Sequence[int], ranks: Ids) -> tuple[Ids, npt.NDArray[np.int64]]:
        """Ids of these documents in a row, and where each begins and ends."""
        lengths = [len(self._documents[index]) for index in documents]
        ids = np.concatenate([ranks[self._documents[index]] for index in documents])
        return ids, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _looked_up(text: str, vocabulary: tuple[str, ...]) -> Ids:
    tokenised = tokenise(wikitext_articles(text))
    ranks = _places(tokenised.tokens, vocabulary)
    return np.concatenate([ranks[document] for document in tokenised.documents])


def _places(tokens: Sequence[str], vocabulary: tuple[str, ...]) -> Ids:
    return ids_of(tokens, vocabulary).astype(np.uint16)


def _json_bytes(value: object) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode("ascii"), dtype=np.uint8)
