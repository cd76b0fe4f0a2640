"""The project's weight names to fastai's and back, for language models and classifiers.

fastai stores some tensors under several names (the embedding again inside its dropout wrapper and, tied, in
the decoder); every one of them is written, and read once.
"""

from __future__ import annotations

from torch import nn

from harness.weights import DECODER_BIAS, EMBEDDING, Weights, WeightsError

LSTM_NAMES = {
    "weight_ih": "module.weight_ih_l0",
    "weight_hh": "weight_hh_l0_raw",
    "bias_ih": "module.bias_ih_l0",
    "bias_hh": "module.bias_hh_l0",
}
NORM_NAMES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def fastai_names(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """For each of the project's names, the entries of ``model.state_dict()`` that hold the tensor."""
    state = model.state_dict()
    classifier = "0.module.encoder.weight" in state
    prefix = "0.module" if classifier else "0"
    names: dict[str, tuple[str, ...]] = {EMBEDDING: (f"{prefix}.encoder.weight", f"{prefix}.encoder_dp.emb.weight")}
    for layer in range(sum(name.endswith("weight_hh_l0_raw") for name in state)):
        for ours, theirs in LSTM_NAMES.items():
            names[f"encoder.layers.{layer}.{ours}"] = (f"{prefix}.rnns.{layer}.{theirs}",)
    if classifier:
        return names | _head_names(model)
    names[EMBEDDING] = (*names[EMBEDDING], "1.decoder.weight")
    return names | {DECODER_BIAS: ("1.decoder.bias",)}


def _head_names(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """The head's names; a linear layer's index depends on whether a dropout layer stands before it."""
    names: dict[str, tuple[str, ...]] = {}
    for block, (norm, linear) in enumerate((("norm_pooled", "hidden"), ("norm_hidden", "output"))):
        layers = model.get_submodule(f"1.layers.{block}")
        index = next(name for name, layer in layers.named_children() if isinstance(layer, nn.Linear))
        names[f"head.{linear}.weight"] = (f"1.layers.{block}.{index}.weight",)
        names |= {f"head.{norm}.{name}": (f"1.layers.{block}.0.{name}",) for name in NORM_NAMES}
    return names


def load_into(model: nn.Module, weights: Weights) -> None:
    """Copy the project's weights into a fastai model.

    Raises:
        WeightsError: when names or shapes do not match the model.
    """
    names = fastai_names(model)
    if set(names) != set(weights):
        raise WeightsError(f"weights and model differ in {', '.join(sorted(set(names) ^ set(weights)))}")
    state = {theirs: weights[ours].clone() for ours, several in names.items() for theirs in several}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(str(error)) from error


def read_from(model: nn.Module) -> Weights:
    """A fastai model's weights under the project's names, copied to the CPU."""
    state = model.state_dict()
    return {ours: state[theirs[0]].detach().cpu().clone() for ours, theirs in fastai_names(model).items()}
