"""How much of the study is run: the same cells, more or fewer of them."""

from __future__ import annotations

from harness.specification import Implementation
from harness.study_definition import Profile, Sweep
from study.arms import ARMS, DECAYS
from study.datasets import DATASETS
from study.protocol import PROTOCOL
from study.recipes import COMPACT, MINI, PAPER

IMPLEMENTATIONS: tuple[Implementation, ...] = ("torch", "fastai")
CORE_DECAYS = (1.0, 2.6)
BASE_RATES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)  # a factor of 2; the same for every decay
COMPACT_RATES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)  # for every arm of the recipe
MAIN_ARM = ARMS["full+stlr"]  # all layers at once: of the paper's arms the one that isolates the decay


def _sweep(dataset: str, implementation: Implementation, decays: tuple[float, ...]) -> Sweep:
    return Sweep(DATASETS[dataset], MINI, implementation, MAIN_ARM, decays, BASE_RATES)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "quick",
            "uniform and 2.6 in both implementations, two seeds, on data that pip brings",
            tuple(
                _sweep(dataset, implementation, CORE_DECAYS)
                for dataset in ("rt-1k", "imdb-pip-200")
                for implementation in IMPLEMENTATIONS
            ),
            tuning_repetitions=(),
            final_repetitions=PROTOCOL.final_repetitions[:2],
        ),
        Profile(
            "full",
            "the decay sweep in torch and the core contrast in fastai, tuned, all seeds",
            tuple(
                _sweep(dataset, implementation, decays)
                for dataset in ("rt-1k", "imdb-pip-200", "trec6", "ag-1k", "imdb-1k")
                for implementation, decays in zip(IMPLEMENTATIONS, (DECAYS, CORE_DECAYS), strict=True)
            ),
            tuning_repetitions=PROTOCOL.tuning_repetitions,
            final_repetitions=PROTOCOL.final_repetitions,
        ),
        Profile(
            "transfer",
            "full ULMFiT from the shipped language model against training from scratch, tuned, all seeds",
            tuple(
                Sweep(DATASETS[dataset], COMPACT, "torch", arm, (decay,), COMPACT_RATES)
                for dataset in ("rt-1k", "trec6", "imdb-1k")
                for arm, decay in ((ARMS["freez+stlr"], 2.6), (ARMS["scratch"], 1.0))
            ),
            tuning_repetitions=PROTOCOL.tuning_repetitions,
            final_repetitions=PROTOCOL.final_repetitions,
        ),
        Profile(
            "compact",
            "the decay sweep from the shipped language model, in torch, tuned, all seeds",
            tuple(
                Sweep(DATASETS[dataset], COMPACT, "torch", MAIN_ARM, DECAYS, COMPACT_RATES)
                for dataset in ("rt-1k", "trec6", "ag-1k", "imdb-1k")
            ),
            tuning_repetitions=PROTOCOL.tuning_repetitions,
            final_repetitions=PROTOCOL.final_repetitions,
        ),
        Profile(
            "paper",
            "the full-size model on the paper's data sets; needs a GPU and the data",
            tuple(
                Sweep(DATASETS[dataset], PAPER, "torch", MAIN_ARM, CORE_DECAYS, (0.0025, 0.005, 0.01, 0.02))
                for dataset in ("imdb-1k", "trec6", "ag-1k")
            ),
            tuning_repetitions=PROTOCOL.tuning_repetitions,
            final_repetitions=PROTOCOL.final_repetitions,
        ),
        Profile(
            "canary",
            "one discriminative cell of each implementation, for continuous integration",
            (_sweep("rt-1k", "torch", (2.6,)), _sweep("rt-1k", "fastai", (2.6,))),
            tuning_repetitions=(),
            final_repetitions=PROTOCOL.final_repetitions[:1],
        ),
    )
}
