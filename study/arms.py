"""The ways to fine-tune that are compared (paper, Tables 6 and 7). A new arm is a line here."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from harness.specification import Arm, LanguageModelArm

LANGUAGE_MODEL_ARMS = {
    arm.name: arm
    for arm in (
        LanguageModelArm("full", schedule="constant", decay=1.0),
        LanguageModelArm("full+discr", schedule="constant", decay=2.6),
        LanguageModelArm("full+discr+stlr", schedule="stlr", decay=2.6),
        LanguageModelArm("full+stlr", schedule="stlr", decay=1.0),
        LanguageModelArm("full+discr+stlr-tied-low", schedule="stlr", decay=2.6, embedding_group="bottom"),
    )
}

TUNED = LANGUAGE_MODEL_ARMS["full+discr+stlr"]
SWEPT = tuple(round(2.6 ** (k / 2), 3) for k in range(-1, 6))  # 0.62 … 10.9, 1 is uniform; what claims are about
DECAYS = SWEPT


def _after(name: str, start: LanguageModelArm | Literal["general"]) -> Arm:
    """The paper's classifier stage after another language model stage; its own decay is 2.6 wherever it is swept."""
    return Arm(name, unfreezing="gradual", schedule="stlr", decay=1.0, start=start)


ARMS = {
    arm.name: arm
    for arm in (
        Arm("scratch", unfreezing="all", schedule="stlr", decay=1.0, start="random"),
        Arm("full", unfreezing="all", schedule="constant", decay=1.0, start=TUNED),
        Arm("full+stlr", unfreezing="all", schedule="stlr", decay=1.0, start=TUNED),
        Arm("last", unfreezing="last", schedule="constant", decay=1.0, start=TUNED),
        Arm("chain-thaw", unfreezing="chain-thaw", schedule="constant", decay=1.0, start=TUNED),
        Arm("freez", unfreezing="gradual", schedule="constant", decay=1.0, start=TUNED),
        Arm("freez+stlr", unfreezing="gradual", schedule="stlr", decay=1.0, start=TUNED),
        Arm("freez+cos", unfreezing="gradual", schedule="cosine", decay=1.0, start=TUNED),
        Arm("freez+1cycle", unfreezing="gradual", schedule="one-cycle", decay=1.0, start=TUNED),
        _after("no-target-lm", "general"),
        _after("lm-full", LANGUAGE_MODEL_ARMS["full"]),
        _after("lm-full+discr", LANGUAGE_MODEL_ARMS["full+discr"]),
        _after("lm-tied-low", LANGUAGE_MODEL_ARMS["full+discr+stlr-tied-low"]),
        *(_after(f"lm-decay-{decay:g}", replace(TUNED, decay=decay)) for decay in DECAYS if decay != TUNED.decay),
    )
}
