"""Seeds, derived by hashing exactly what they may depend on.

Never the arm, the base rate or the implementation: repetition 3 of every arm sees the same label subset,
initial weights, data order and dropout stream, so differences between arms are paired.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Purpose = Literal["labels", "initialisation", "head", "order", "dropout"]
Stage = Literal["general", "target", "classifier"]

CROSSED_REPETITION = 0  # whose labels and language model all repetitions of a crossing have
PURPOSES: tuple[Purpose, ...] = ("labels", "initialisation", "head", "order", "dropout")


def derive_seed(corpus: str, stage: Stage, repetition: int, purpose: Purpose) -> int:
    """A 32-bit seed for one purpose of one stage of one repetition on one corpus (its reader's name).

    Datasets that differ only in their label budget share seeds, so their label subsets nest.
    """
    key = f"{corpus}|{stage}|{repetition}|{purpose}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:4])


def classifier_seeds(corpus: str, repetition: int, crossing: int | None) -> dict[str, int]:
    """All seeds of a repetition's classifier stage; ``crossing`` as in :class:`harness.specification.Recipe`.

    Raises:
        ValueError: for a repetition that is none of the crossed ones; it would share seeds with one of them.
    """
    if crossing is None:
        return derive_seeds(corpus, "classifier", repetition)
    if repetition >= crossing**2:
        raise ValueError(
            f"repetition {repetition} of a recipe that crosses {crossing} initialisations with as many orders; "
            f"give its profile repetitions below {crossing**2}"
        )
    initialisation, order = divmod(repetition, crossing)
    taken: dict[Purpose, int] = {
        "labels": CROSSED_REPETITION,
        "initialisation": initialisation,
        "head": initialisation,
        "order": order,
        "dropout": order,
    }
    return {purpose: derive_seed(corpus, "classifier", taken[purpose], purpose) for purpose in PURPOSES}


def derive_seeds(corpus: str, stage: Stage, repetition: int) -> dict[str, int]:
    """All seeds of one stage, by purpose."""
    return {purpose: derive_seed(corpus, stage, repetition, purpose) for purpose in PURPOSES}
