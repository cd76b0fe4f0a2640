"""Stage 1 from beginning to end: prepare the text, train, judge, and write the model that ships."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Remaining
from torch import Tensor

from harness.atomic import replace_file, replace_text
from harness.corpus.general import GeneralText, general_text
from harness.corpus.sources import Sources
from harness.environment import environment
from harness.general.checkpoints import Checkpoint, run_key
from harness.general.recipe import PretrainingRecipe
from harness.general.replica import Replica, reading_order, total_steps
from harness.general.trainer import Run, shared, train
from harness.language_models import shipped_model
from harness.quantised import dequantise, quantise
from harness.scratch.models import LanguageModel
from harness.scratch.training import perplexity
from harness.seeds import derive_seed
from harness.specification import Hardware
from harness.weights import Weights, WeightsError, initial_language_model, save, weights_digest


@dataclass(frozen=True)
class Places:
    """Where a run reads and writes: data, checkpoints (outside the repository), finished models.

    ``earlier`` holds the products that a warm start goes on from; None: ``models`` does.
    """

    sources: Sources
    checkpoints: Path
    models: Path
    earlier: Path | None = None


def pretrain(recipe: PretrainingRecipe, places: Places, hardware: Hardware, workers: int) -> str:
    """Train the model that ``recipe`` declares, or go on from its checkpoint, and write it to ``places.models``.

    Returns:
        One line: the file, its digest and its perplexities.

    Raises:
        CorpusError: when the text cannot be obtained.
        WeightsError: when the checkpoint, or the product to start from, is damaged or another than expected.
        FloatingPointError: when training diverges.
    """
    environment(hardware, 1)  # remembered as it is now; the commit may move on during hours of training
    with _progress() as progress:
        reading = progress.add_task("text", total=1.0, loss="")
        text = general_text(
            recipe.corpus,
            recipe.size.max_vocabulary,
            places.sources,
            workers,
            lambda done: progress.update(reading, completed=done),
        )
        progress.update(reading, completed=1.0)
        checkpoint, run = _train(recipe, text, places, (hardware, workers), progress)
    return _ship(text, run, checkpoint, places.models, workers)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[loss]}"))
    return Progress(*columns, TimeElapsedColumn(), Remaining())


def _train(
    recipe: PretrainingRecipe, text: GeneralText, places: Places, where: tuple[Hardware, int], progress: Progress
) -> tuple[Checkpoint, Run]:
    hardware, workers = where
    rows = reading_order(text.training, text.offsets, recipe)
    key = run_key(recipe, text.digest, hardware.precision, hardware.device)
    run = Run(
        recipe=recipe,
        start=starting_weights(recipe, text.vocabulary, places.earlier or places.models),
        rows=shared(torch.from_numpy(rows)),
        steps=total_steps(rows, recipe),
        hardware=hardware,
        checkpoint=places.checkpoints / f"{recipe.name}-{key[:8]}.safetensors",
        key=key,
    )
    bar = progress.add_task(recipe.name, total=run.steps, loss="")
    return train(run, workers, _Reporter(progress, bar)), run


def starting_weights(recipe: PretrainingRecipe, vocabulary: tuple[str, ...], models: Path) -> Weights:
    """The weights that pre-training starts from: random, or those of the earlier product in ``models``.

    Raises:
        WeightsError: when the earlier product is missing, damaged, not the one that the recipe names, or of another
            size or direction.
    """
    seed = derive_seed(recipe.corpus.name, "general", recipe.seed, "initialisation")
    random = initial_language_model(len(vocabulary), recipe.size, seed)
    if recipe.start is None:
        return random
    earlier = shipped_model(recipe.start, vocabulary, models)
    path = models / f"{recipe.start.name}.json"
    direction = json.loads(path.read_text(encoding="utf-8"))["recipe"]["direction"]
    sizes = {name: tensor.shape for name, tensor in random.items()}
    if direction != recipe.direction or {name: tensor.shape for name, tensor in earlier.items()} != sizes:
        raise WeightsError(
            f"{path}: is not a {recipe.direction} model of {recipe.name}'s size; name another to start from"
        )
    return earlier


class _Reporter:
    """Shows steps and loss; where there is no terminal, a line now and then."""

    def __init__(self, progress: Progress, bar: TaskID) -> None:
        self._progress, self._bar = progress, bar

    def __call__(self, steps: int, loss: float) -> None:
        self._progress.update(self._bar, completed=steps, loss=f"loss {loss:.3f}")
        if not self._progress.console.is_terminal and steps % 100 == 0:
            self._progress.console.print(f"step {steps}: loss {loss:.3f}", highlight=False)


def _ship(text: GeneralText, run: Run, checkpoint: Checkpoint, models: Path, workers: int) -> str:
    """Round the weights to 8 bits, judge the rounded model, and write weights, vocabulary and record."""
    recipe = run.recipe
    trained = without_unseen(weights_of(run, checkpoint), run.rows)
    rounded = quantise(trained)
    judged = judge(recipe, dequantise(rounded), text, run.hardware.device)
    surroundings = environment(run.hardware, 1)
    facts = {
        "recipe": recipe.facts(),
        "perplexity": judged,
        "corpus": {"digest": text.digest, "documents": len(text.offsets) - 1, "dropped": text.dropped},
        "vocabulary": len(text.vocabulary),
        "steps": checkpoint.steps,
        "tokens": checkpoint.steps * recipe.step_tokens,
        "tokens_available": len(text.training),
        "losses": [round(loss, 4) for loss in checkpoint.losses],
        "seconds": round(checkpoint.seconds),
        "workers": workers,
        "environment": asdict(surroundings),
        "digest": weights_digest(rounded),
    }
    path = models / f"{recipe.name}.safetensors"
    vocabulary = json.dumps(text.vocabulary, ensure_ascii=False, indent=0)
    replace_file(path, lambda temporary: save(rounded, temporary, {"record": f"{recipe.name}.json"}))
    replace_text(models / f"{recipe.name}.vocabulary.json", vocabulary + "\n")
    replace_text(models / f"{recipe.name}.json", json.dumps(facts, indent=1, sort_keys=True) + "\n")
    shown = ", ".join(f"{name} {value:.2f}" for name, value in judged.items())
    return f"{path}: digest {facts['digest']}; perplexity {shown}"


def weights_of(run: Run, checkpoint: Checkpoint) -> Weights:
    """The weights of a checkpoint by name."""
    replica = Replica(run.recipe, run.start, run.rows.numpy(), Hardware())
    replica.flat.copy_(checkpoint.weights)
    return {name: tensor.detach().clone() for name, tensor in replica.model.state_dict().items()}


def without_unseen(weights: Weights, rows: Tensor) -> Weights:
    """The weights with the decoder's bias of words that the text (``rows``, ids) never has lowered to the lowest other.

    Such a word, a special token as a rule, is neither a target nor a candidate of the sampled softmax, so nothing has
    taught the model that it does not come; left alone, it would keep a share of every prediction.
    """
    bias = weights["decoder_bias"].clone()
    seen = torch.zeros_like(bias, dtype=torch.bool)
    for row in rows:
        seen[row.long()] = True
    bias[~seen] = bias[seen].min()
    return weights | {"decoder_bias": bias}


def judge(recipe: PretrainingRecipe, weights: Weights, text: GeneralText, device: str) -> Mapping[str, float]:
    """Perplexity per token, ``xxunk`` included, over the whole vocabulary, on each evaluation text."""
    model = LanguageModel(len(text.vocabulary), recipe.size, recipe.dropouts)
    model.load_state_dict(weights)
    model.to(device)
    step = 1 if recipe.direction == "forward" else -1
    return {
        name: round(perplexity(model, (ids.astype(np.int64)[::step].copy(),), recipe.bptt), 3)
        for name, ids in text.evaluation.items()
    }
