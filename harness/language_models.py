"""Stages 1 and 2: make a language model and store it as a product."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

from harness.corpus.encoding import EncodedCorpus, encode
from harness.environment import environment
from harness.jobs import LanguageModelJob, LanguageModelOutcome, Report, finite_or_none
from harness.quantised import dequantise
from harness.seeds import derive_seeds
from harness.specification import LanguageModelRecipe, ShippedModel
from harness.tasks import (
    GENERAL_ARM,
    GENERAL_REPETITION,
    THREADS,
    GeneralModel,
    Stage,
    TargetModel,
    product_key,
)
from harness.weights import Weights, WeightsError, initial_language_model, load, match_vocabulary, save
from harness.workplace import Workplace, implementation_module, oriented


def make_product(stage: Stage, place: Workplace, report: Report) -> None:
    """Make a stage's language model and store it under its key, with the facts of its making.

    One that diverges when it is fine-tuned is an outcome like any other: it is stored, without a perplexity where that
    is not finite, and the classifiers that start from weights that are not finite diverge too, and are recorded so.

    Raises:
        FloatingPointError: when a general model diverges, from which nothing could be learnt.
        WeightsError: when a shipped model, or the general one that the stage starts from, cannot be read.
    """
    corpus = encode(stage.dataset, stage.recipe.size, place.sources)
    key = product_key(stage, place.hardware)
    general = stage.recipe.general
    if isinstance(stage, GeneralModel) and isinstance(general, ShippedModel):
        weights, shipped_facts = shipped_model(general, corpus.vocabulary, place.models), {"shipped": general.name}
        place.store.write_product(key, lambda path: save(weights, path, shipped_facts))
        return
    outcome = _train(stage, corpus, place, report)
    if isinstance(stage, GeneralModel) and not all(map(math.isfinite, (*outcome.losses, outcome.perplexity))):
        raise FloatingPointError(
            f"language model training diverged: losses {outcome.losses}, perplexity {outcome.perplexity}; lower the "
            f"base rate of that stage in recipe {stage.recipe.name!r} (study/recipes.py)"
        )
    facts = {
        "corpus": corpus.digest,
        "vocabulary": corpus.vocabulary_digest,
        "perplexity": finite_or_none(outcome.perplexity),
        "perplexity_before": outcome.perplexity_before,
        "losses": tuple(map(finite_or_none, outcome.losses)),
        "rates": asdict(outcome.rates),
        "tokens": outcome.tokens,
        "tokens_per_second": round(outcome.tokens / outcome.seconds, 1),
        "commit": environment(place.hardware, THREADS).commit,
    }
    place.store.write_product(key, lambda path: save(outcome.weights, path, facts))


def _train(stage: Stage, corpus: EncodedCorpus, place: Workplace, report: Report) -> LanguageModelOutcome:
    """Run the language model job that a stage stands for."""
    recipe = stage.recipe
    if isinstance(stage, TargetModel):
        start, _ = load(place.store.product_path(product_key(GeneralModel(stage.dataset, recipe), place.hardware)))
        seeds = derive_seeds(stage.dataset.reader, "target", stage.repetition)
        training, arm, implementation = recipe.target, stage.arm, stage.implementation
    else:
        assert isinstance(recipe.general, LanguageModelRecipe)
        seeds = derive_seeds(stage.dataset.reader, "general", GENERAL_REPETITION)
        start = initial_language_model(len(corpus.vocabulary), recipe.size, seeds["initialisation"])
        training, arm, implementation = recipe.general, GENERAL_ARM, "torch"
    job = LanguageModelJob(
        size=recipe.size,
        recipe=training,
        arm=arm,
        start=start,
        documents=oriented(corpus.language_model, recipe.direction),
        validation=oriented(corpus.language_model_validation, recipe.direction),
        seeds=seeds,
        hardware=place.hardware,
    )
    return implementation_module(implementation).fine_tune_language_model(job, report)


def shipped_model(shipped: ShippedModel, vocabulary: tuple[str, ...], models: Path) -> Weights:
    """Read a shipped model and carry it over to a vocabulary.

    The folder holds ``<name>.safetensors`` and ``<name>.vocabulary.json``, a list of words in id order.

    Raises:
        WeightsError: when a file is missing or damaged, or the weights do not have the declared digest.
    """
    path = models / f"{shipped.name}.safetensors"
    if not path.exists():
        raise WeightsError(f"{path}: is not there; restore it from the repository or `study pretrain {shipped.name}`")
    weights, _ = load(path, shipped.digest)
    words = models / f"{shipped.name}.vocabulary.json"
    try:
        old = json.loads(words.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{words}: cannot be read ({error}); restore it from the repository") from error
    return match_vocabulary(dequantise(weights), old, vocabulary)
