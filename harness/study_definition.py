"""The shape of a study's declaration: sweeps, profiles, claims. ``study/`` holds the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.claims import Claim, Protocol
from harness.general.recipe import PretrainingRecipe
from harness.published import Published
from harness.specification import Arm, Baseline, Dataset, Implementation, Recipe


@dataclass(frozen=True)
class Sweep:
    """One arm at several decays and base rates: every decay gets the same grid of base rates.

    ``final_at`` says where the final repetitions run: at the rate that tuning chose; at that one and those that did
    nearly as well (``harness.near``); or, without tuning, at each.
    """

    dataset: Dataset
    recipe: Recipe
    implementation: Implementation
    arm: Arm
    decays: tuple[float, ...]
    base_rates: tuple[float, ...]
    final_at: Literal["tuned", "near", "each"] = "tuned"


@dataclass(frozen=True)
class Profile:
    """How much of the study is run.

    Tuning repetitions run every base rate; final ones run the base rate that tuning chose. Without tuning
    repetitions the choice made by the committed evidence stands.
    """

    name: str
    description: str
    sweeps: tuple[Sweep, ...]
    tuning_repetitions: tuple[int, ...]
    final_repetitions: tuple[int, ...]


@dataclass(frozen=True)
class OwnTexts:
    """What is asked of a user's own texts; ``long`` is the recipe for documents of more than ``long_words`` on average.

    ``claims`` are taken with their rules, and put to these texts.
    """

    arm: Arm
    decays: tuple[float, ...]
    base_rates: tuple[float, ...]
    short: Recipe
    long: Recipe
    long_words: int
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Study:
    """Everything that is asked.

    ``unshipped`` are the recipes of ``pretraining`` whose weights are not committed; ``headlines`` names the claims
    that the README tells of.
    """

    datasets: Mapping[str, Dataset]
    arms: Mapping[str, Arm]
    profiles: Mapping[str, Profile]
    claims: tuple[Claim, ...]
    protocol: Protocol
    pretraining: Mapping[str, PretrainingRecipe]
    baselines: tuple[Baseline, ...]
    published: Published
    unshipped: frozenset[str] = frozenset()
    own: OwnTexts | None = None
    headlines: frozenset[str] = frozenset()
