"""The text that the shipped general language models are trained on."""

from __future__ import annotations

from harness.corpus.general import GeneralCorpus

WIKIPEDIA = GeneralCorpus(
    name="wikipedia",
    title="English Wikipedia: featured and good articles of 2019, and the first 30,729 articles by page number of 2015",
    archives=("enwiki-featured-good", "enwiki-2015-first"),
    held_out=500,
    licence="CC BY-SA 3.0, Wikipedia contributors",
)
