"""The vocabulary of a corpus, by fastai's rules (``fastai.text.data.make_vocab``) but for two knowing differences.

Tokens of equal count come in alphabetical order, since the order in which they were met depends on the files;
and a vocabulary whose length is a multiple of 8 already gets no padding, where fastai adds 8 entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

SPECIAL_TOKENS = ("xxunk", "xxpad", "xxbos", "xxeos", "xxfld", "xxrep", "xxwrep", "xxup", "xxmaj")
UNKNOWN_ID = 0
PADDING_TOKEN = "xxfake"  # fills up the vocabulary, stands for no word
MULTIPLE = 8


def build_vocabulary(counts: Mapping[str, int], max_vocabulary: int, min_frequency: int) -> tuple[str, ...]:
    """List the special tokens, then the most frequent tokens, padded to a multiple of 8 entries.

    Args:
        counts: how often each token occurs in the training text.
        max_vocabulary: most entries before padding, special ones included.
        min_frequency: least count of a token that gets an entry.
    """
    frequent = [
        token
        for token, count in counts.items()
        if count >= min_frequency and token not in SPECIAL_TOKENS and token != PADDING_TOKEN
    ]
    frequent.sort(key=lambda token: (-counts[token], token))
    entries = [*SPECIAL_TOKENS, *frequent][:max_vocabulary]
    return (*entries, *[PADDING_TOKEN] * (-len(entries) % MULTIPLE))


def ids_of(tokens: Sequence[str], vocabulary: Sequence[str]) -> npt.NDArray[np.int64]:
    """Give each token its place in the vocabulary, 0 (xxunk) where it has none; shape (tokens,)."""
    places = {token: place for place, token in enumerate(vocabulary) if token != PADDING_TOKEN}
    return np.array([places.get(token, UNKNOWN_ID) for token in tokens], dtype=np.int64)
