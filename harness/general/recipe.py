"""How a general language model is pre-trained: an immutable value, declared in ``study/``."""

from __future__ import annotations

from dataclasses import dataclass

from harness.corpus.general import GeneralCorpus
from harness.specification import Direction, Dropouts, ModelSize, Optimization, ShippedModel


@dataclass(frozen=True)
class PretrainingRecipe:
    """One pass over the corpus's documents in an order of their own, ``steps`` steps or until the text ends.

    A step reads ``shards`` × ``rows`` × ``bptt`` tokens. Shards, not workers, decide what is computed: their
    gradients are added in a fixed order, so one process and several reach the same weights.

    ``start`` is an earlier product to go on from, by its digest (a warm start); None: random weights. With another
    ``seed`` the documents come in another order, so that a second sitting does not read the first one's again.
    """

    name: str
    corpus: GeneralCorpus
    size: ModelSize
    direction: Direction
    steps: int
    shards: int
    rows: int
    bptt: int
    base_rate: float
    candidates: int  # words of the sampled softmax, in expectation; see harness.general.sampling
    largest_norm: float  # of the gradient, clipped above
    dropouts: Dropouts
    optimization: Optimization
    seed: int = 0
    start: ShippedModel | None = None

    @property
    def step_tokens(self) -> int:
        """Tokens read by one optimizer step."""
        return self.shards * self.rows * self.bptt
