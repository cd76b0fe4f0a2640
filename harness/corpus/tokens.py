"""Tokens of texts: fastai's text rules and spaCy's blank English tokenizer, in one pass and one process.

Documents are kept as numbers of distinct tokens, since tens of millions of separate strings do not fit in
the memory of a small machine.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class TokenisedTexts:
    """``documents[i]`` indexes ``tokens``, which holds every distinct token in the order first met."""

    documents: tuple[npt.NDArray[np.int64], ...]
    tokens: tuple[str, ...]


def tokenise(texts: Sequence[str]) -> TokenisedTexts:
    """Tokenise every text as ``fastai.text.core.Tokenizer`` with its default rules and spaCy does."""
    # Imported here: it takes seconds, and a corpus that comes from the cache must not pay for it.
    from fastai.text.core import SpacyTokenizer, defaults, replace_space  # noqa: PLC0415

    prepared = (reduce(lambda text, rule: rule(text), defaults.text_proc_rules, text) for text in texts)
    numbers: dict[str, int] = {}
    documents = []
    # The pipe inside SpacyTokenizer: the list types that fastai wraps around it nearly double the time.
    for document in SpacyTokenizer().pipe(prepared):
        tokens = (replace_space(token.text) for token in document)
        documents.append(np.array([numbers.setdefault(token, len(numbers)) for token in tokens], dtype=np.int64))
    return TokenisedTexts(tuple(documents), tuple(numbers))


def tokenizer_version() -> str:
    """Name the versions that decide the tokens, without importing either package."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("fastai", "spacy"))
