"""The two stages of ULMFiT with fastai's learners: fine-tuning the language model, then the classifier.

Rates are passed as an explicit list, one per layer group: fastai's ``slice(low, high)`` spreads them over all
groups geometrically, which for the language model's four groups is a factor of 3.575 where 2.6 was meant.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from fastai.callback.rnn import RNNRegularizer
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.optimizer import Adam
from fastai.text.learner import LMLearner, language_model_learner, text_classifier_learner
from fastai.text.models.awdlstm import AWD_LSTM
from fastai.torch_core import to_float
from torch import Tensor, nn

from harness.jobs import (
    ClassifierJob,
    ClassifierOutcome,
    LanguageModelJob,
    LanguageModelOutcome,
    Logits,
    RateLog,
    Report,
    finite_or_none,
)
from harness.precision import lstm, prepare, products_in
from harness.rates import discriminative_rates
from harness.record import Epoch
from harness.specification import Dropouts, Hardware, ModelSize, Optimization
from harness.weights import EMBEDDING
from harness.with_fastai.callbacks import SafeRnnRegularizer, ScheduledRates, TrainingLog, Unfreeze
from harness.with_fastai.conversion import fastai_names, load_into, read_from
from harness.with_fastai.loaders import classifier_loaders, language_model_loaders

MakeOptimizer = Callable[..., Any]

# WeightDropout registers its raw weight a second time where dropout with probability 0 hands back its own
# argument, and then fails on the next reset; a probability too small to drop anything avoids that.
NEVER = 1e-30


def adam(optimization: Optimization) -> MakeOptimizer:
    """fastai's Adam with decoupled weight decay and the study's settings."""
    return partial(
        Adam,
        mom=optimization.beta1,
        sqr_mom=optimization.beta2,
        eps=optimization.epsilon,
        wd=optimization.weight_decay,
        decouple_wd=True,
    )


def architecture(size: ModelSize, dropouts: Dropouts) -> dict[str, Any]:
    """fastai's AWD-LSTM configuration; ``drop_mult`` is already multiplied in."""
    sizes = {"emb_sz": size.embedding, "n_hid": size.hidden, "n_layers": size.layers, "pad_token": 1, "bidir": False}
    names = {
        "output": "output_p",
        "hidden": "hidden_p",
        "input": "input_p",
        "embedding": "embed_p",
        "weight": "weight_p",
    }
    probabilities = {names[name]: value for name, value in asdict(dropouts).items()}
    return sizes | probabilities | {"weight_p": max(dropouts.weight, NEVER)}


def language_model(job: LanguageModelJob) -> LMLearner:
    """fastai's language model learner, loaded with the job's starting weights.

    Raises:
        ValueError: for an arm with the embedding in the bottom group, which fastai's splitter does not know.
    """
    if job.arm.embedding_group != "top":
        raise ValueError(f"arm {job.arm.name}: fastai ties the embedding to the top layer group")
    loaders = language_model_loaders(job)
    loaders.vocab = [str(word) for word in range(len(job.start[EMBEDDING]))]
    config = architecture(job.size, job.recipe.dropouts) | {"tie_weights": True, "out_bias": True}
    learner = language_model_learner(
        loaders, AWD_LSTM, config=config, drop_mult=1.0, pretrained=False, **_options(job.recipe.optimization)
    )
    load_into(learner.model, job.start)
    compute_in(job.hardware, learner.model)
    return _with_safe_penalties(learner)


def classifier(job: ClassifierJob) -> Any:  # noqa: ANN401  (fastai is untyped)
    """fastai's text classifier learner, loaded with the job's starting weights."""
    loaders = classifier_loaders(job)
    loaders.vocab = [str(word) for word in range(len(job.start[EMBEDDING]))]
    learner = text_classifier_learner(
        loaders,
        AWD_LSTM,
        seq_len=job.recipe.bptt,
        config=architecture(job.size, job.recipe.dropouts),
        pretrained=False,
        drop_mult=1.0,
        n_out=job.classes,
        lin_ftrs=[job.recipe.head_hidden],
        ps=[job.recipe.head_dropout],
        max_len=job.recipe.max_length,
        loss_func=CrossEntropyLossFlat(),
        metrics=[accuracy],
        **_options(job.recipe.optimization),
    )
    load_into(learner.model, job.start)
    compute_in(job.hardware, learner.model[0])  # the head stays in float32, as in harness.scratch
    return _with_safe_penalties(learner)


def compute_in(hardware: Hardware, module: nn.Module) -> None:
    """Let a module compute its products in the hardware's precision and return what it returns in float32.

    fastai's own mixed precision is for CUDA alone, where its LSTMs would be float16; see ``harness.precision.lstm``.
    """
    if hardware.precision == "float32":
        return
    forward = module.forward

    def low(*inputs: Tensor) -> object:
        with products_in(hardware):
            return to_float(forward(*inputs))

    module.forward = low
    if torch.device(hardware.device).type == "cuda":
        for layer in module.modules():
            if isinstance(layer, nn.LSTM):
                setattr(layer, "forward", partial(lstm_forward, layer))  # noqa: B010  (a method, to mypy)


def lstm_forward(layer: nn.LSTM, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """What one of fastai's LSTM layers does, by ``harness.precision.lstm``."""
    weights = [getattr(layer, name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")]
    output, hidden, cell = lstm(x, state, weights, layer.training)
    return output, (hidden, cell)


def _options(optimization: Optimization) -> dict[str, Any]:
    return {
        "opt_func": adam(optimization),
        "wd": optimization.weight_decay,
        "alpha": optimization.activation_penalty,
        "beta": optimization.temporal_penalty,
    }


def _with_safe_penalties(learner: Any) -> Any:  # noqa: ANN401
    for stock in [callback for callback in learner.cbs if type(callback) is RNNRegularizer]:
        learner.remove_cb(stock)
        learner.add_cb(SafeRnnRegularizer(alpha=stock.alpha, beta=stock.beta))
    return learner


def seed_everything(seeds: dict[str, int]) -> None:
    """fastai draws from three global generators: two for the data order, torch's for dropout."""
    random.seed(seeds["order"])
    np.random.seed(seeds["order"])
    torch.manual_seed(seeds["dropout"])


def fine_tune_language_model(job: LanguageModelJob, report: Report) -> LanguageModelOutcome:
    """Train a language model on the job's text; see ``harness.jobs``."""
    prepare(job.hardware)
    learner = language_model(job)
    groups = (*(f"lstm-{layer + 1}" for layer in range(job.size.layers)), "embedding+decoder")
    peaks = discriminative_rates(len(groups), job.recipe.base_rate, job.arm.decay)
    log, training = RateLog(groups, job.arm.decay), TrainingLog(report)
    before = perplexity(learner)
    seed_everything(job.seeds)
    with learner.no_bar(), learner.no_logging():
        learner.fit(job.recipe.epochs, lr=list(peaks), cbs=[ScheduledRates(job.arm.schedule, peaks, log), training])
    stream = learner.dls.train
    return LanguageModelOutcome(
        weights=read_from(learner.model),
        perplexity_before=before,
        perplexity=perplexity(learner),
        losses=tuple(training.mean_losses),
        rates=log.realised(),
        tokens=len(training.mean_losses) * stream.bl * stream.bs,
        seconds=training.train_seconds,
    )


@torch.no_grad()
def perplexity(learner: LMLearner) -> float:
    """exp of the mean cross-entropy per held-out token (fastai's own metric weights a short last batch too much)."""
    model = learner.model.to(learner.dls.device)
    model.eval()
    model.reset()
    loss_sum, seen = 0.0, 0
    for tokens, targets in learner.dls.valid:
        logits = model(tokens)[0]
        loss_sum += float(nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum"))
        seen += targets.numel()
    mean = loss_sum / seen
    return math.exp(mean) if mean < 700 else math.inf


def fine_tune_classifier(job: ClassifierJob, report: Report) -> ClassifierOutcome:
    """Train a classifier on the job's labelled documents; see ``harness.jobs``."""
    prepare(job.hardware)
    learner = classifier(job)
    layers = classifier_layers(learner.model, job.size.layers)
    peaks = discriminative_rates(len(layers), job.base_rate, job.arm.decay)
    log, training = RateLog(tuple(layers), job.arm.decay), TrainingLog(report)
    seed_everything(job.seeds)
    callbacks = [Unfreeze(job.arm.unfreezing), ScheduledRates(job.arm.schedule, peaks, log), training]
    with learner.no_bar(), learner.no_logging():
        learner.fit(job.recipe.epochs, lr=list(peaks), cbs=callbacks)
    epochs = _epochs(
        training.mean_losses, learner.recorder.values, len(job.validation.labels)
    )  # predicting below empties the recorder
    return ClassifierOutcome(
        weights=read_from(learner.model),
        validation_logits=_logits(learner, 1),
        test_logits=_logits(learner, 2),
        epochs=epochs,
        rates=log.realised(),
        layers=layers,
        tokens=len(training.mean_losses) * sum(map(len, job.training.documents)),
        seconds=training.train_seconds,
        finite=all(map(math.isfinite, training.mean_losses)),
    )


def classifier_layers(model: nn.Module, lstms: int) -> dict[str, tuple[str, ...]]:
    """The project's weight names in each of fastai's layer groups, lowest first (``awd_lstm_clas_split``)."""
    names = [name for name in fastai_names(model) if not name.endswith(("running_mean", "running_var", "tracked"))]
    prefixes = {"embedding": "encoder.embedding."} | {f"lstm-{i + 1}": f"encoder.layers.{i}." for i in range(lstms)}
    return {
        group: tuple(name for name in names if name.startswith(prefix))
        for group, prefix in (prefixes | {"head": "head."}).items()
    }


def _epochs(training_losses: list[float], recorded: list[Any], items: int) -> tuple[Epoch, ...]:
    """One entry an epoch from our training losses and the recorder's (train loss, validation loss, accuracy).

    The recorder's accuracy is a float32; the number of right answers in it is exact.
    """
    return tuple(
        Epoch(
            epoch, finite_or_none(loss), finite_or_none(float(row[1])), (items - round(float(row[2]) * items)) / items
        )
        for epoch, (loss, row) in enumerate(zip(training_losses, recorded, strict=True))
    )


def _logits(learner: Any, split: int) -> Logits:  # noqa: ANN401
    """Logits (documents, classes) of one of the learner's data loaders, in the documents' own order."""
    with learner.no_bar(), learner.no_logging():
        logits, _ = learner.get_preds(dl=learner.dls[split], act=lambda x: x)
    values: Logits = logits.float().cpu().numpy()
    return values
