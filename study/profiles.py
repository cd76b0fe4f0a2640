"""How much of the study is run: the same cells, more or fewer of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.specification import Arm, Implementation, Recipe
from harness.study_definition import Profile, Sweep
from study.arms import ARMS, DECAYS
from study.datasets import DATASETS, FEWER_LABELS
from study.protocol import PROTOCOL
from study.recipes import (
    COMPACT,
    COMPACT_BACKWARD,
    COMPACT_CROSSED,
    COMPACT_LONG,
    COMPACT_LONG_BACKWARD,
    COMPACT_QUARTER,
    COMPACT_SIXTEENTH,
    CROSSING,
    MINI,
    PAPER,
)

IMPLEMENTATIONS: tuple[Implementation, ...] = ("torch", "fastai")
CORE_DECAYS = (1.0, 2.6)
BEST_DECAYS = {"rt-1k": 1.612, "trec6": 6.76, "ag-1k": 1.0}  # by validation error, torch's sweeps
BASE_RATES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)  # a factor of 2; the same for every decay
COMPACT_RATES = (0.000625, 0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)  # for every arm of the recipe
PAPER_RATES = (0.0025, 0.005, 0.01, 0.02)
CROSSED_RATES = (0.04,)  # what tuning chose for the same arm, uncrossed
MAIN_ARM = ARMS["full+stlr"]  # all layers at once, not among the paper's: nothing but the decay differs
MINI_DATASETS = ("rt-1k", "imdb-pip-200", "trec6", "ag-1k", "imdb-1k")
COMPACT_DATASETS = ("rt-1k", "trec6", "ag-1k", "imdb-1k-all-text")
TRANSFER_DATASETS = (*COMPACT_DATASETS, "imdb-1k")
LONG_DOCUMENTS = ("imdb-1k-all-text", "imdb-1k")

FULL_AND_SCRATCH = (("freez+stlr", (2.6,)), ("scratch", (1.0,)))  # ULMFiT as the paper has it, and none of it

# Table 7's arms with their decays there, scratch and all that the two isolating arms add.
TABLE_7 = (
    ("scratch", (1.0,)),
    ("full", CORE_DECAYS),
    ("last", (1.0,)),
    ("chain-thaw", (1.0,)),
    ("freez", CORE_DECAYS),
    ("freez+stlr", CORE_DECAYS),
    ("freez+cos", (1.0,)),
)
TABLE_6 = tuple(arm for name, arm in ARMS.items() if name == "no-target-lm" or name.startswith("lm-"))


def compact_recipe(dataset: str) -> Recipe:
    """The recipe of the shipped language model for a data set's length of documents."""
    return COMPACT_LONG if dataset in LONG_DOCUMENTS else COMPACT


def backward_recipe(dataset: str) -> Recipe:
    """The same from the backward language model, which reads a text from its end."""
    return COMPACT_LONG_BACKWARD if dataset in LONG_DOCUMENTS else COMPACT_BACKWARD


def _compact(dataset: str, arm: Arm, decays: tuple[float, ...], implementation: Implementation = "torch") -> Sweep:
    return Sweep(DATASETS[dataset], compact_recipe(dataset), implementation, arm, decays, COMPACT_RATES)


def _core_and_best(dataset: str) -> tuple[float, ...]:
    return tuple(sorted({*CORE_DECAYS, BEST_DECAYS.get(dataset, 1.0)}))


def _mini(dataset: str, implementation: Implementation, decays: tuple[float, ...]) -> Sweep:
    return Sweep(DATASETS[dataset], MINI, implementation, MAIN_ARM, decays, BASE_RATES)


def _tuned(name: str, description: str, sweeps: Iterable[Sweep]) -> Profile:
    return Profile(name, description, tuple(sweeps), PROTOCOL.tuning_repetitions, PROTOCOL.final_repetitions)


def _untuned(name: str, description: str, sweeps: Iterable[Sweep], repetitions: tuple[int, ...]) -> Profile:
    """A profile whose base rates are those that the committed evidence chose."""
    return Profile(name, description, tuple(sweeps), (), repetitions)


def _protocols(dataset: str) -> tuple[Sweep, ...]:
    """Other ways to a base rate: all of them, the one that the arm ``last`` chose among them, the paper's pairing."""
    return (
        replace(_compact(dataset, MAIN_ARM, CORE_DECAYS), final_at="each"),
        replace(_compact(dataset, ARMS["full"], (2.6,)), base_rates=(0.01,), final_at="each"),
        replace(_compact(dataset, ARMS["full"], (1.0,)), base_rates=(0.001,), final_at="each"),
    )


PROFILES = {
    profile.name: profile
    for profile in (
        _untuned(
            "quick",
            "uniform and 2.6 in both implementations, two seeds, on data that pip brings",
            (
                _mini(dataset, implementation, CORE_DECAYS)
                for dataset in ("rt-1k", "imdb-pip-200")
                for implementation in IMPLEMENTATIONS
            ),
            PROTOCOL.final_repetitions[:2],
        ),
        _tuned(
            "full",
            "the decay sweep in torch and the core contrast in fastai, tuned, all seeds",
            (
                _mini(dataset, implementation, decays)
                for dataset in MINI_DATASETS
                for implementation, decays in zip(IMPLEMENTATIONS, (DECAYS, CORE_DECAYS), strict=True)
            ),
        ),
        _tuned(
            "transfer",
            "full ULMFiT from the shipped language model against training from scratch",
            (_compact(dataset, ARMS[arm], decays) for dataset in TRANSFER_DATASETS for arm, decays in FULL_AND_SCRATCH),
        ),
        _tuned(
            "compact",
            "the decay sweep from the shipped language model, in torch",
            (_compact(dataset, MAIN_ARM, DECAYS) for dataset in COMPACT_DATASETS),
        ),
        _tuned(
            "agreement",
            "uniform, 2.6 and the best decay of torch's sweep from the shipped language model, in fastai",
            (_compact(dataset, MAIN_ARM, _core_and_best(dataset), "fastai") for dataset in COMPACT_DATASETS),
        ),
        _tuned(
            "table-7",
            "the arms of the paper's Table 7: how the classifier is fine-tuned",
            (_compact(dataset, ARMS[arm], decays) for dataset in COMPACT_DATASETS for arm, decays in TABLE_7),
        ),
        _tuned(
            "table-6",
            "the arms of the paper's Table 6 and the language model's own decay sweep",
            (_compact(dataset, arm, (2.6,)) for dataset in COMPACT_DATASETS for arm in TABLE_6),
        ),
        _tuned(
            "low-shot",
            "full ULMFiT and training from scratch with fewer labels, and with all",
            (
                _compact(f"rt-{labels}", ARMS[arm], decays)
                for labels in (*FEWER_LABELS, "all")
                for arm, decays in FULL_AND_SCRATCH
            ),
        ),
        _tuned(
            "base-rates",
            "uniform and 2.6 at every base rate, and the paper's pairing of arms and base rates",
            (sweep for dataset in COMPACT_DATASETS for sweep in _protocols(dataset)),
        ),
        _tuned(
            "near-rates",
            "uniform and 2.6 at every base rate that did nearly as well in tuning, in both implementations",
            (
                replace(_compact(dataset, MAIN_ARM, CORE_DECAYS, implementation), final_at="near")
                for dataset in COMPACT_DATASETS
                for implementation in IMPLEMENTATIONS
            ),
        ),
        _tuned(
            "directions",
            "full ULMFiT and training from scratch, forward and backward, whose predictions are averaged",
            (
                replace(_compact(dataset, ARMS[arm], decays), recipe=recipe)
                for dataset in COMPACT_DATASETS
                for arm, decays in FULL_AND_SCRATCH
                for recipe in (compact_recipe(dataset), backward_recipe(dataset))
            ),
        ),
        _tuned(
            "tokens",
            "full ULMFiT from a language model that was pre-trained on a sixteenth or a quarter of the tokens",
            (
                replace(_compact("rt-1k", ARMS["freez+stlr"], (2.6,)), recipe=recipe)
                for recipe in (COMPACT, COMPACT_SIXTEENTH, COMPACT_QUARTER)
            ),
        ),
        _untuned(
            "seeds",
            "initialisations crossed with data orders, at the base rate that tuning chose: where the spread comes from",
            (Sweep(DATASETS["rt-1k"], COMPACT_CROSSED, "torch", MAIN_ARM, (2.6,), CROSSED_RATES, final_at="each"),),
            tuple(range(CROSSING * CROSSING)),
        ),
        _tuned(
            "paper",
            "a model of full size, without pre-training on general text, on three data sets; needs a GPU and the data",
            (
                Sweep(DATASETS[dataset], PAPER, "torch", MAIN_ARM, CORE_DECAYS, PAPER_RATES)
                for dataset in ("imdb-1k-all-text", "trec6", "ag-1k")
            ),
        ),
        _untuned(
            "canary",
            "one discriminative cell of each implementation, for continuous integration",
            (_mini("rt-1k", implementation, (2.6,)) for implementation in IMPLEMENTATIONS),
            PROTOCOL.final_repetitions[:1],
        ),
    )
}
