"""Checkpoints of a pre-training run: all that the next step depends on, in one safetensors file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from harness.atomic import replace_file
from harness.general.recipe import PretrainingRecipe
from harness.specification import Precision
from harness.weights import WeightsError, load, save


@dataclass(frozen=True)
class Checkpoint:
    """The state after ``steps`` optimizer steps: flat weights and Adam moments, and every shard's LSTM state."""

    steps: int
    seconds: float  # of training so far, over all sittings
    losses: tuple[float, ...]  # mean cross-entropy of each stretch between checkpoints
    weights: Tensor
    first_moment: Tensor
    second_moment: Tensor
    states: Tensor


_TENSORS = ("weights", "first_moment", "second_moment", "states")


def run_key(recipe: PretrainingRecipe, corpus_digest: str, precision: Precision, device: str = "cpu") -> str:
    """SHA-256 of what decides the course of a run; a checkpoint of another run is refused."""
    facts = {"recipe": recipe.facts(), "corpus": corpus_digest, "precision": precision}
    if device != "cpu":  # the keys of runs on processors stay what they were
        facts["device"] = device.partition(":")[0]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def write_checkpoint(path: Path, key: str, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at ``path``, whole or not at all."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):  # of a run that was killed; each is as large as a model
        leftover.unlink()
    tensors = {name: getattr(checkpoint, name) for name in _TENSORS}
    facts = {"run": key, "steps": checkpoint.steps, "seconds": checkpoint.seconds, "losses": checkpoint.losses}
    replace_file(path, lambda temporary: save(tensors, temporary, facts))


def read_checkpoint(path: Path, key: str) -> Checkpoint | None:
    """Read the checkpoint at ``path``; None where there is none.

    Raises:
        WeightsError: when it is damaged or of another run.
    """
    if not path.exists():
        return None
    tensors, facts = load(path)
    if facts.get("run") != key:
        raise WeightsError(
            f"{path}: checkpoint of another recipe, corpus, precision or device; move it away to start anew"
        )
    losses = tuple(float(str(loss)) for loss in facts["losses"])  # type: ignore[attr-defined]
    return Checkpoint(int(str(facts["steps"])), float(str(facts["seconds"])), losses, **tensors)
