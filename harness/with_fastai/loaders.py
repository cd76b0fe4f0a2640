"""fastai data loaders over the harness's token ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from fastai.data.core import DataLoaders
from fastai.text.data import LMDataLoader, LMTensorText, Pad_Chunk, SortedDL, TensorText
from fastai.torch_core import TensorCategory

from harness.corpus.encoding import LabelledDocuments
from harness.jobs import EVALUATION_ROWS, ClassifierJob, LanguageModelJob, held_out_rows


class PadWholeChunks(Pad_Chunk):  # type: ignore[misc]
    """``Pad_Chunk`` to whole chunks where one is not enough, so that the encoder loses no tokens (issue #3379)."""

    def before_call(self, b: Sequence[Any]) -> None:
        """Choose the batch's width."""
        super().before_call(b)
        if self.max_len > self.seq_len:
            self.max_len += -self.max_len % self.seq_len


def language_model_loaders(job: LanguageModelJob) -> DataLoaders:
    """Training and validation streams as ``LMDataLoader`` cuts them."""
    loaders = []
    for documents, shuffle in ((job.documents, True), (job.validation, False)):
        items = [(LMTensorText(torch.from_numpy(document)),) for document in documents]
        rows = job.recipe.batch_size if shuffle else held_out_rows(documents, job.recipe.bptt)
        lengths = [len(document) for document in documents]
        loaders.append(
            LMDataLoader(items, lens=lengths, bs=rows, seq_len=job.recipe.bptt, shuffle=shuffle, num_workers=0)
        )
    return DataLoaders(*loaders, device=torch.device(job.hardware.device))


def classifier_loaders(job: ClassifierJob) -> DataLoaders:
    """Training, validation and test documents, sorted as ``SortedDL`` sorts them.

    fastai would leave the last incomplete training batch out, and with it, in a small data set, always the
    shortest documents; here only a batch of a single document is left out.
    """
    single = len(job.training.documents) % job.recipe.batch_size == 1
    training = sorted_loader(job.training, job, shuffle=True, drop_last=single)
    evaluation = [sorted_loader(split, job, shuffle=False, drop_last=False) for split in (job.validation, job.test)]
    return DataLoaders(training, *evaluation, device=torch.device(job.hardware.device))


def sorted_loader(split: LabelledDocuments, job: ClassifierJob, *, shuffle: bool, drop_last: bool) -> SortedDL:
    """One split as batches of similar length."""
    items = [
        (TensorText(torch.from_numpy(document)), TensorCategory(int(label)))
        for document, label in zip(split.documents, split.labels, strict=True)
    ]
    return SortedDL(
        items,
        res=[len(document) for document in split.documents],
        bs=job.recipe.batch_size if shuffle else EVALUATION_ROWS,
        before_batch=PadWholeChunks(seq_len=job.recipe.bptt),
        shuffle=shuffle,
        drop_last=drop_last,
        num_workers=0,
    )
