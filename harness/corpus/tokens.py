"""Tokens of texts: fastai's text rules and spaCy's blank English tokenizer, in one pass and one process.

Documents are kept as numbers of distinct tokens, since tens of millions of separate strings do not fit in
the memory of a small machine.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any, cast

import numpy as np
import numpy.typing as npt

CACHED_WORDS = 1_000_000


@dataclass(frozen=True)
class TokenisedTexts:
    """``documents[i]`` indexes ``tokens``, which holds every distinct token in the order first met."""

    documents: tuple[npt.NDArray[np.int64], ...]
    tokens: tuple[str, ...]


def tokenise(texts: Sequence[str]) -> TokenisedTexts:
    """Tokenise every text as ``fastai.text.core.Tokenizer`` with its default rules and spaCy does."""
    from fastai.text.core import defaults, replace_space  # noqa: PLC0415  (see _pipe)

    prepared = (reduce(lambda text, rule: rule(text), defaults.text_proc_rules, text) for text in texts)
    numbers: dict[str, int] = {}
    documents = []
    for document in _pipe()(prepared):
        tokens = (replace_space(token.text) for token in document)
        documents.append(np.array([numbers.setdefault(token, len(numbers)) for token in tokens], dtype=np.int64))
    return TokenisedTexts(tuple(documents), tuple(numbers))


@cache
def _pipe() -> Callable[[Iterable[str]], Iterable[Any]]:
    """The pipe inside fastai's SpacyTokenizer: the list types that fastai wraps around it nearly double the time.

    Its cache of words, once it holds 10,000, takes no more; on an encyclopaedia that doubles the time again.
    """
    # Imported here: it takes seconds, and a corpus that comes from the cache must not pay for it.
    from fastai.text.core import SpacyTokenizer  # noqa: PLC0415

    pipe: Any = SpacyTokenizer().pipe
    pipe.__self__.tokenizer.max_cache_size = CACHED_WORDS
    return cast(Callable[[Iterable[str]], Iterable[Any]], pipe)


def tokenizer_version() -> str:
    """Name the versions that decide the tokens, without importing either package."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("fastai", "spacy"))
