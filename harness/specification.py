"""What is measured: the immutable values that make up one cell of the study.

Nothing here has behaviour. ``study/`` fills these in, every other module reads them, and a record repeats
them in full, so that a result states what was run and not only what was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Implementation = Literal["torch", "fastai"]
Unfreezing = Literal["all", "last", "gradual", "chain-thaw"]
Schedule = Literal["stlr", "constant", "cosine", "one-cycle"]
Direction = Literal["forward", "backward"]
Precision = Literal["float32", "bfloat16"]  # of matrix products; see harness.precision


@dataclass(frozen=True)
class Hardware:
    """What computes: "cpu", "cuda" or "cuda:1", and the precision of its matrix products."""

    device: str = "cpu"
    precision: Precision = "float32"


CPU = Hardware()


@dataclass(frozen=True)
class Dataset:
    """Texts with labels, how they are split, and how many labels may be used.

    ``digest`` is the SHA-256 of the parsed texts and labels (not of an archive), so that any source that
    serves the same content is accepted and any other is refused.
    """

    name: str
    title: str
    reader: str  # which parser and which sources, a key of harness.corpus.readers.READERS
    classes: tuple[str, ...]
    digest: str
    licence: str
    labels: int | None  # labelled training documents per repetition; None: all of them
    validation: int  # documents held out of the training part for validation
    test: int | None  # test documents; None: the whole official test part
    training_documents: int | None = None  # kept of what is not held out, to draw labels from; None: all
    language_model_documents: int | None = None  # documents the LM stage may read; None: all that are not held out


@dataclass(frozen=True)
class ModelSize:
    """AWD-LSTM sizes: ``layers`` LSTMs of ``hidden`` units, the last one ``embedding`` wide."""

    embedding: int
    hidden: int
    layers: int
    max_vocabulary: int
    min_frequency: int = 3


@dataclass(frozen=True)
class Dropouts:
    """Dropout probabilities, named as in fastai's AWD-LSTM configuration, already multiplied by ``drop_mult``."""

    output: float
    hidden: float
    input: float
    embedding: float
    weight: float


@dataclass(frozen=True)
class Optimization:
    """AdamW and the activation penalties; fastai's defaults with the paper's momentum."""

    weight_decay: float = 0.01
    beta1: float = 0.7
    beta2: float = 0.99
    epsilon: float = 1e-5
    activation_penalty: float = 2.0  # AR, alpha
    temporal_penalty: float = 1.0  # TAR, beta


@dataclass(frozen=True)
class LanguageModelArm:
    """One way to fine-tune the language model on the target text (paper, Table 6)."""

    name: str
    schedule: Schedule
    decay: float
    embedding_group: Literal["top", "bottom"] = "top"  # fastai ties it to the decoder, in the top group


@dataclass(frozen=True)
class Arm:
    """One way to fine-tune the classifier (paper, Table 7). ``decay=1.0`` is the uniform rate.

    ``start`` is the language model the encoder comes from: fine-tuned on the target text, the general one
    as it is, or none (random weights).
    """

    name: str
    unfreezing: Unfreezing
    schedule: Schedule
    decay: float
    start: LanguageModelArm | Literal["general", "random"]


@dataclass(frozen=True)
class LanguageModelRecipe:
    """How a language model is trained; ``epochs`` over the text in batches of ``batch_size`` × ``bptt`` tokens."""

    epochs: int
    batch_size: int
    bptt: int
    base_rate: float
    dropouts: Dropouts
    optimization: Optimization = Optimization()


@dataclass(frozen=True)
class ShippedModel:
    """A pre-trained general language model in ``study/models``, named by the SHA-256 of its weights."""

    name: str
    digest: str


@dataclass(frozen=True)
class ClassifierRecipe:
    """How a classifier is trained; documents are read in chunks of ``bptt`` tokens (BPT3C)."""

    epochs: int
    batch_size: int
    bptt: int
    max_length: int  # tokens at the end of a document that are pooled
    head_hidden: int
    head_dropout: float
    dropouts: Dropouts
    optimization: Optimization = Optimization()


@dataclass(frozen=True)
class Recipe:
    """Everything that is the same for all arms: sizes, stages, direction.

    With a ``crossing`` of n, repetition r takes its initial weights from repetition r // n, data order and dropout from
    r % n, labels and language model from 0. None: it takes all of them from r.
    """

    name: str
    size: ModelSize
    general: LanguageModelRecipe | ShippedModel
    target: LanguageModelRecipe
    classifier: ClassifierRecipe
    direction: Direction = "forward"
    # Not written where it is None: the records that are older than it stay as they are.
    crossing: Annotated[int | None, Field(exclude_if=lambda crossing: crossing is None)] = None


@dataclass(frozen=True)
class Cell:
    """The unit that is run, stored and resumed: dataset × recipe × implementation × arm × base rate × repetition."""

    dataset: Dataset
    recipe: Recipe
    implementation: Implementation
    arm: Arm
    base_rate: float
    repetition: int


@dataclass(frozen=True)
class Baseline:
    """A linear model over words and pairs of words; ``strengths`` are the values of C to choose from."""

    name: str
    title: str
    model: Literal["logistic-regression", "nb-svm"]
    strengths: tuple[float, ...]


def cell_id(cell: Cell) -> str:
    """Readable identity, for example ``rt-1k/mini/torch/freez+stlr/decay-2.6/lr-0.008/seed-3``."""
    return "/".join(
        (
            cell.dataset.name,
            cell.recipe.name,
            cell.implementation,
            cell.arm.name,
            f"decay-{cell.arm.decay:g}",
            f"lr-{cell.base_rate:g}",
            f"seed-{cell.repetition}",
        )
    )
