"""Which documents share text with a text that is kept for evaluation: common sequences of eight words.

Words are compared without case and punctuation, so that another tokenisation of the same passage is found.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

WORDS = 8
_WORD = re.compile(r"\w+")
_UNKNOWN = -1
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a product of 64 bits loses nothing


class EvaluationText:
    """The eight-word sequences of a text, to count how many of them a document repeats."""

    def __init__(self, text: str) -> None:
        """Raises ValueError for a text of fewer than eight words."""
        words = _WORD.findall(text.lower())
        if len(words) < WORDS:
            raise ValueError(f"an evaluation text needs {WORDS} words, this one has {len(words)}")
        self._numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
        self._sequences = np.unique(self._hashes(words))

    def shared_with(self, document: str) -> int:
        """How many places of ``document`` begin eight words that are in this text too."""
        hashes = self._hashes(_WORD.findall(document.lower()))
        places = np.searchsorted(self._sequences, hashes).clip(max=len(self._sequences) - 1)
        return int((self._sequences[places] == hashes).sum())

    def _hashes(self, words: list[str]) -> npt.NDArray[np.uint64]:
        """One number for each run of eight words that are all known; shape (at most len(words) − 7,)."""
        numbers = np.array([self._numbers.get(word, _UNKNOWN) for word in words], dtype=np.int64)
        if len(numbers) < WORDS:
            return np.zeros(0, dtype=np.uint64)
        windows = np.lib.stride_tricks.sliding_window_view(numbers, WORDS)
        known = windows[(windows != _UNKNOWN).all(axis=1)].astype(np.uint64)
        hashes = np.zeros(len(known), dtype=np.uint64)
        for column in range(WORDS):
            hashes = (hashes + known[:, column] + np.uint64(1)) * _MULTIPLIER
            hashes ^= hashes >> np.uint64(29)
        return hashes
