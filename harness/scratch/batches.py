"""Batches of token ids, in the same order and layout as fastai's loaders given the same seeds.

fastai's ``LMDataLoader`` and ``SortedDL`` define what a batch is; the algorithms are written anew here so
that both implementations see the same batches and a difference between them is a difference of the models.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.scratch.awd_lstm import PADDING

Documents = Sequence[NDArray[np.int64]]
SORT_WINDOW = 50  # batches sorted by length together, as in SortedDL


class LanguageModelBatches:
    """Documents joined to one stream, cut into ``batch_size`` rows and read ``bptt`` tokens at a time.

    With a seed, documents are reshuffled before every epoch, each time from the order of the last one.
    """

    def __init__(self, documents: Documents, batch_size: int, bptt: int, seed: int | None) -> None:
        """Raises ValueError when the text is shorter than one token and its target per row."""
        self.documents = documents
        self.bptt = bptt
        self.batch_size = batch_size
        self.row_length = (sum(map(len, documents)) - 1) // batch_size
        if self.row_length < 1:
            raise ValueError(
                f"too little text for {batch_size} rows: {sum(map(len, documents))} tokens; give more text, or the "
                "recipe's language model a smaller batch"
            )
        self._order = list(range(len(documents)))
        self._random = None if seed is None else random.Random(seed)

    def __len__(self) -> int:
        return math.ceil(self.row_length / self.bptt)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield tokens and next tokens, both (batch, time)."""
        if self._random is not None:
            self._random.shuffle(self._order)
        stream = torch.from_numpy(np.concatenate([self.documents[i] for i in self._order]))
        used = self.row_length * self.batch_size
        rows = stream[:used].view(self.batch_size, self.row_length)
        targets = stream[1 : used + 1].view(self.batch_size, self.row_length)
        for start in range(0, self.row_length, self.bptt):
            yield rows[:, start : start + self.bptt], targets[:, start : start + self.bptt]


class ClassifierBatches:
    """Labelled documents in batches of similar length, longest first within each batch.

    With a seed, every epoch shuffles documents, sorts them by length within windows of 50 batches and shuffles
    the batches; the batch with the longest document comes first. A last batch of a single document is left out
    of training, since batch norm has no variance there. Without a seed: longest first, nothing left out.
    """

    def __init__(self, documents: Documents, labels: NDArray[np.int64], batch_size: int, bptt: int) -> None:
        self.documents = documents
        self.labels = labels
        self.batch_size = batch_size
        self.bptt = bptt
        self.lengths = np.array([len(document) for document in documents])

    def training(self, generator: np.random.RandomState) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch's batches: tokens (batch, width) and labels (batch,)."""
        order = sortish_order(self.lengths, self.batch_size, generator)
        yield from self._batches(order[: self.trained_documents()])

    def trained_documents(self) -> int:
        """Documents per training epoch."""
        return len(self.documents) - (len(self.documents) % self.batch_size == 1)

    def training_steps(self) -> int:
        """Optimizer steps per epoch."""
        return -(-self.trained_documents() // self.batch_size)

    def evaluation_order(self) -> NDArray[np.int64]:
        """Documents from longest to shortest."""
        return np.argsort(-self.lengths, kind="stable")

    def evaluation(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All documents, in ``evaluation_order``."""
        yield from self._batches(self.evaluation_order())

    def _batches(self, order: NDArray[np.int64]) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            tokens = whole_chunks([self.documents[i] for i in chosen], self.bptt)
            yield tokens, torch.from_numpy(self.labels[chosen])


def sortish_order(lengths: NDArray[np.int64], batch_size: int, generator: np.random.RandomState) -> NDArray[np.int64]:
    """Document indices for one training epoch; draws as fastai's ``SortedDL.shuffle_fn`` draws."""
    order = generator.permutation(len(lengths))
    longest = int(np.argmax(lengths))
    place = int(np.where(order == longest)[0][0])
    order[0], order[place] = order[place], order[0]
    window = batch_size * SORT_WINDOW
    windows = [order[start : start + window] for start in range(0, len(order), window)]
    order = np.concatenate([piece[np.argsort(-lengths[piece], kind="stable")] for piece in windows])
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    middle = [batches[1 + i] for i in generator.permutation(len(batches) - 2)] if len(batches) > 2 else []
    return np.concatenate([batches[0], *middle, *batches[1:][-1:]])


def whole_chunks(documents: Documents, bptt: int) -> Tensor:
    """Lay documents out as (batch, width): each starts on a chunk border and ends in the last chunk.

    The width is the longest document where one chunk holds it, else a whole number of chunks. fastai's
    ``Pad_Chunk`` always pads to the longest document, so that another may end before the last chunk begins;
    its encoder then mistakes which rows are active, real tokens are lost (fastai issue #3379), and its pooling
    takes padding in front of a document for padding behind it.
    """
    longest = max(map(len, documents))
    chunks = math.ceil(longest / bptt)
    tokens = torch.full((len(documents), longest if chunks == 1 else chunks * bptt), PADDING)
    for row, document in enumerate(documents):
        start = (chunks - math.ceil(len(document) / bptt)) * bptt
        tokens[row, start : start + len(document)] = torch.from_numpy(document)
    return tokens


def moved(batch: Tensor, device: str | torch.device) -> Tensor:
    """The batch on ``device``; a GPU copies it from pinned memory when it comes to that, and nobody waits."""
    if torch.device(device).type != "cuda":
        return batch.to(device)
    return batch.contiguous().pin_memory().to(device, non_blocking=True)
