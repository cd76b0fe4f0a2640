"""What ``study own FILE`` asks of a user's texts: whether decay 2.6 beats the uniform rate, each tuned."""

from __future__ import annotations

from dataclasses import replace

from harness.study_definition import OwnTexts
from study.claims import CLAIMS
from study.profiles import COMPACT_RATES, CORE_DECAYS, MAIN_ARM
from study.recipes import COMPACT, COMPACT_LONG

OWN = OwnTexts(
    arm=MAIN_ARM,
    decays=CORE_DECAYS,
    base_rates=COMPACT_RATES,
    short=COMPACT,
    long=COMPACT_LONG,
    long_words=100,
    claims=tuple(
        replace(claim, sentence="Discriminative rates (decay 2.6) give a lower test error than a uniform rate.")
        for claim in CLAIMS
        if claim.name == "discriminative-beats-uniform-torch"
    ),
)
